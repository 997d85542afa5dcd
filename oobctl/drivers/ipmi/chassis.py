"""The identify LED over IPMI: Chassis Identify and Get Chassis Status (IPMI 2.0, sections 28.2 and 28.5)."""

from oobctl.constants import IndicatorLED
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import NotSupported

_CHASSIS = 0x00
_STATUS, _IDENTIFY = 0x01, 0x04
_STATE_KNOWN, _STATE_BITS = 0x40, 0x30  # byte 3, miscellaneous chassis state
_LONGEST_SECONDS = 255
_FORCE_ON = 0x01


class IpmiChassis:
    """interfaces.Chassis over one session."""

    def __init__(self, session: IpmiSession, fence: Fence) -> None:
        self._session, self._fence = session, fence

    def read_indicator(self) -> IndicatorLED:
        """Lit while identify is on, for a time or without end: IPMI does not tell lit from blinking."""
        status = self._session.read(_CHASSIS, _STATUS, what="say whether the identify light is on")
        if len(status) < 3 or not status[2] & _STATE_KNOWN:
            return IndicatorLED.UNKNOWN
        return IndicatorLED.LIT if status[2] & _STATE_BITS else IndicatorLED.OFF

    def set_indicator(self, led: IndicatorLED, seconds: int | None = None) -> None:
        """seconds: at most 255, IPMI's limit; None lights it until it is switched off."""
        if led is IndicatorLED.OFF:
            data = bytes((0,))
        elif led is IndicatorLED.LIT:
            data = bytes((0, _FORCE_ON)) if seconds is None else bytes((min(max(seconds, 1), _LONGEST_SECONDS),))
        else:
            raise NotSupported(f"IPMI can light the identify LED or switch it off; it can't make it {led}.")
        self._session.write(_CHASSIS, _IDENTIFY, data, self._fence, what="set the identify light")
