"""The capabilities of one BMC over IPMI, sharing one session."""

from collections.abc import Mapping
from typing import Any

from oobctl.constants import Capability
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi.bmc import IpmiBmc
from oobctl.drivers.ipmi.boot import IpmiBoot
from oobctl.drivers.ipmi.chassis import IpmiChassis
from oobctl.drivers.ipmi.dump import Dump
from oobctl.drivers.ipmi.event_log import IpmiEventLog
from oobctl.drivers.ipmi.health import IpmiHealth
from oobctl.drivers.ipmi.inventory import IpmiInventory
from oobctl.drivers.ipmi.power import IpmiPower
from oobctl.drivers.ipmi.power_metering import IpmiPowerMetering
from oobctl.drivers.ipmi.security import IpmiSecurity
from oobctl.drivers.ipmi.sensors import IpmiSensors
from oobctl.drivers.ipmi.serial import IpmiSerial
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.ipmi.users import IpmiUsers
from oobctl.drivers.login import Login
from oobctl.errors import NotSupported

CAPABILITIES: Mapping[Capability, type[Any]] = {
    Capability.BMC: IpmiBmc,
    Capability.BOOT: IpmiBoot,
    Capability.CHASSIS: IpmiChassis,
    Capability.EVENT_LOG: IpmiEventLog,
    Capability.HEALTH: IpmiHealth,
    Capability.INVENTORY: IpmiInventory,
    Capability.POWER: IpmiPower,
    Capability.POWER_METERING: IpmiPowerMetering,
    Capability.SECURITY: IpmiSecurity,
    Capability.SENSORS: IpmiSensors,
    Capability.USERS: IpmiUsers,
}
"""Each is made of the session and the fence."""


class IpmiTransport:
    """Opened at the first command of any capability."""

    def __init__(self, login: Login, fence: Fence) -> None:
        self._session, self._fence = IpmiSession(login), fence
        self._made: dict[Capability, Any] = {}

    @property
    def logins(self) -> int:
        return self._session.logins

    @property
    def login(self) -> Login:
        return self._session.login

    def dump(self, seconds: float) -> Dump:
        """What it answers to the questions of a bug report."""
        return Dump(self._session, seconds)

    def serial(self) -> IpmiSerial:
        """The serial line."""
        return IpmiSerial(self._session)

    def capability(self, capability: Capability) -> Any:
        """The capability, as interfaces has it. Raises NotSupported where IPMI has no such thing."""
        if capability not in CAPABILITIES:
            raise NotSupported(f"IPMI has no {capability.replace('_', ' ')}.")
        if capability not in self._made:
            self._made[capability] = CAPABILITIES[capability](self._session, self._fence)
        return self._made[capability]

    def close(self) -> None:
        """Log out. Never raises."""
        self._session.close()
