"""Power over IPMI: Get Chassis Status and Chassis Control (IPMI 2.0, sections 28.2 and 28.3)."""

from datetime import datetime

from oobctl.constants import PowerState, ResetType
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.resets import REACHED, WORDS
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported

_CHASSIS = 0x00
_STATUS, _CONTROL = 0x01, 0x02
_REPEATABLE = {ResetType.FORCE_OFF: 0x00, ResetType.ON: 0x01, ResetType.GRACEFUL_SHUTDOWN: 0x05}
_ONCE = {ResetType.FORCE_RESTART: 0x03, ResetType.NMI: 0x04}


class IpmiPower:
    """interfaces.Power over one session."""

    def __init__(self, session: IpmiSession, fence: Fence) -> None:
        self._session, self._fence = session, fence

    def read(self) -> PowerState:
        status = self._session.read(_CHASSIS, _STATUS, what="say whether the power is on")
        if not status:
            raise BmcBadAnswer("The BMC was asked whether the power is on, and its answer was empty.")
        return PowerState.ON if status[0] & 0x01 else PowerState.OFF

    def set(self, reset: ResetType) -> None:
        if reset not in _REPEATABLE:
            raise NotSupported(f"IPMI has no repeatable command {reset}.")
        try:
            self._session.write(_CHASSIS, _CONTROL, bytes((_REPEATABLE[reset],)), self._fence, what=WORDS[reset])
        except BmcRefused:
            if self.read() is not REACHED[reset]:
                raise

    def send_once(self, reset: ResetType) -> None:
        if reset not in _ONCE:
            raise NotSupported(f"IPMI has no command {reset} that is sent once.")
        self._session.write_once(_CHASSIS, _CONTROL, bytes((_ONCE[reset],)), self._fence, what=WORDS[reset])

    def last_reset(self) -> datetime | None:
        """IPMI does not tell."""
        return None
