"""The identify LED over Redfish: LocationIndicatorActive, or the older IndicatorLED, of the system or its chassis."""

from typing import Any

from oobctl.constants import IndicatorLED
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.redfish import change
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.errors import NotSupported

_NEW, _OLD = "LocationIndicatorActive", "IndicatorLED"


class RedfishChassis:
    """interfaces.Chassis of one ComputerSystem and the chassis it is in."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence

    def read_indicator(self) -> IndicatorLED:
        try:
            _path, resource = self._holder()
        except NotSupported:
            return IndicatorLED.UNKNOWN
        if _OLD in resource:
            said = resource[_OLD]
            return IndicatorLED(said) if said in set(IndicatorLED) else IndicatorLED.UNKNOWN
        active = resource.get(_NEW)
        if not isinstance(active, bool):
            return IndicatorLED.UNKNOWN
        return IndicatorLED.LIT if active else IndicatorLED.OFF

    def set_indicator(self, led: IndicatorLED, seconds: int | None = None) -> None:
        """It stays until changed. Raises NotSupported where `seconds` are given: Redfish has no word for them."""
        if seconds is not None:
            raise NotSupported("Redfish can't say for how long the identify light is on: leave the seconds empty.")
        path, resource = self._holder()
        what = f"set the identify light to {led}"
        body: dict[str, Any] = {_OLD: led}
        if _OLD not in resource:
            if led is IndicatorLED.BLINKING:
                raise NotSupported("This BMC can light the identify LED or switch it off; it can't make it blink.")
            body = {_NEW: led is not IndicatorLED.OFF}
        answer = change.patch(self._session, path, body, self._fence, what=what)
        if not answer.ok:
            raise answer.error(what)

    def _holder(self) -> tuple[str, dict[str, Any]]:
        """The resource that has the light: the system's, else its chassis'.

        Raises NotSupported where neither has one.
        """
        found = self._tree.system().resource()
        if _OLD in found or _NEW in found:
            return self._tree.system_path, found
        path = self._tree.chassis_path
        if path is not None:
            found = self._session.resource(path, what="describe its chassis")
            if _OLD in found or _NEW in found:
                return path, found
        raise NotSupported("This BMC has no identify light.")
