"""The capabilities of one system over Redfish, sharing one session."""

from collections.abc import Mapping
from typing import Any

from oobctl.constants import Capability
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.login import Login
from oobctl.drivers.redfish.bios import RedfishBios
from oobctl.drivers.redfish.bmc import RedfishBmc
from oobctl.drivers.redfish.boot import RedfishBoot
from oobctl.drivers.redfish.chassis import RedfishChassis
from oobctl.drivers.redfish.crawl import Bounds, Crawl
from oobctl.drivers.redfish.event_log import RedfishEventLog
from oobctl.drivers.redfish.events import RedfishEvents
from oobctl.drivers.redfish.health import RedfishHealth
from oobctl.drivers.redfish.inventory import RedfishInventory
from oobctl.drivers.redfish.power import RedfishPower
from oobctl.drivers.redfish.power_metering import RedfishPowerMetering
from oobctl.drivers.redfish.security import RedfishSecurity
from oobctl.drivers.redfish.sensors import RedfishSensors
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.users import RedfishUsers
from oobctl.drivers.redfish.virtual_media import RedfishVirtualMedia
from oobctl.errors import NotSupported

CAPABILITIES: Mapping[Capability, type[Any]] = {
    Capability.BIOS: RedfishBios,
    Capability.BMC: RedfishBmc,
    Capability.BOOT: RedfishBoot,
    Capability.CHASSIS: RedfishChassis,
    Capability.EVENT_LOG: RedfishEventLog,
    Capability.HEALTH: RedfishHealth,
    Capability.INVENTORY: RedfishInventory,
    Capability.POWER: RedfishPower,
    Capability.POWER_METERING: RedfishPowerMetering,
    Capability.SECURITY: RedfishSecurity,
    Capability.SENSORS: RedfishSensors,
    Capability.USERS: RedfishUsers,
    Capability.VIRTUAL_MEDIA: RedfishVirtualMedia,
}
"""Each is made of the session, the way through the service, and the fence."""


class RedfishTransport:
    """Opened at the first request of any capability."""

    def __init__(self, login: Login, fence: Fence, system_path: str | None) -> None:
        self._session, self._fence = RedfishSession(login), fence
        self._tree = Tree(self._session, system_path)
        self._made: dict[Capability, Any] = {}

    @property
    def logins(self) -> int:
        return self._session.logins

    @property
    def login(self) -> Login:
        return self._session.login

    def crawl(self, bounds: Bounds) -> Crawl:
        """All that the service gives to read, for a bug report."""
        return Crawl(self._session, bounds)

    @property
    def events(self) -> RedfishEvents:
        """What the BMC tells by itself."""
        return RedfishEvents(self._session, self._tree)

    def capability(self, capability: Capability) -> Any:
        """The capability, as interfaces has it. Raises NotSupported where Redfish has no such thing."""
        if capability not in CAPABILITIES:
            raise NotSupported(f"Redfish has no {capability.replace('_', ' ')}.")
        if capability not in self._made:
            self._made[capability] = CAPABILITIES[capability](self._session, self._tree, self._fence)
        return self._made[capability]

    def close(self) -> None:
        """Log out. Never raises."""
        self._session.close()
