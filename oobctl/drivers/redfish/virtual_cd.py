"""The virtual CD as first boot device among a controller's attributes, where the override's Cd is a real drive."""

from typing import Any

from oobctl.constants import BootEnabled
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.redfish import change
from oobctl.drivers.redfish.answers import link
from oobctl.drivers.redfish.fields import inner
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.walk import Walk
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported

_FIRST, _ONCE = "ServerBoot.1.FirstBootDevice", "ServerBoot.1.BootOnce"
_VIRTUAL_CD, _NORMAL = "VCD-DVD", "Normal"
_ENABLED = {BootEnabled.ONCE: "Enabled", BootEnabled.CONTINUOUS: "Disabled"}
_WHAT = "boot from its virtual CD"


class VirtualCd:
    """What boot does with the quirk boot-virtual-cd-in-attributes (pyghmi redfish/oem: the same two attributes)."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence

    def read(self) -> BootEnabled | None:
        """Whether the next boot or each is from the virtual CD; None: it is not, or the BMC has no such attributes."""
        found = self._place()
        if found is None or found[1].get(_FIRST) != _VIRTUAL_CD:
            return None
        return BootEnabled.CONTINUOUS if found[1].get(_ONCE) == "Disabled" else BootEnabled.ONCE

    def set(self, enabled: BootEnabled) -> None:
        """Raises NotSupported, before anything is sent, where the BMC has no such attributes."""
        found = self._place()
        if found is None:
            raise NotSupported(
                "This BMC takes the boot source Cd for a real drive, and has no attribute for its virtual one. Nothing "
                "was sent. Choose the virtual CD in the boot menu at the server's screen."
            )
        self._patch(found[0], {_ONCE: _ENABLED[enabled], _FIRST: _VIRTUAL_CD}, _WHAT)

    def clear(self) -> None:
        """The usual boot device again, where it is the virtual CD."""
        found = self._place()
        if found is not None and found[1].get(_FIRST) == _VIRTUAL_CD:
            self._patch(found[0], {_FIRST: _NORMAL}, f"no longer {_WHAT}")

    def _patch(self, path: str, attributes: dict[str, str], what: str) -> None:
        body = {"Attributes": attributes}
        reply = change.patiently(
            self._session, lambda: change.patch(self._session, path, body, self._fence, what=what), what
        )
        if not reply.ok:
            raise change.refusal(self._session, reply, what)

    def _place(self) -> tuple[str, dict[str, Any]] | None:
        """The path and the attributes of the controller's resource that has them."""
        for controller in Walk(self._session, self._tree).managers():
            for path in [f"{controller.path.rstrip('/')}/Attributes", *_linked(controller.resource)]:
                attributes = self._attributes(path)
                if _FIRST in attributes:
                    return path, attributes
        return None

    def _attributes(self, path: str) -> dict[str, Any]:
        try:
            found = self._session.resource(path, what="describe its attributes").get("Attributes")
        except (BmcRefused, BmcBadAnswer, NotSupported):
            return {}
        return found if isinstance(found, dict) else {}


def _linked(controller: dict[str, Any]) -> list[str]:
    """What its maker calls attributes among the controller's links."""
    blocks = [block for block in inner(controller, "Links", "Oem").values() if isinstance(block, dict)]
    listed = [value for block in blocks for key, value in block.items() if key.endswith("Attributes")]
    items = [item for value in listed for item in (value if isinstance(value, list) else [value])]
    return [path for item in items if (path := link({"it": item}, "it")) is not None]
