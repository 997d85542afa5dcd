"""Boot override over IPMI: boot option parameters 3 and 5 (IPMI 2.0, sections 28.12 and 28.13, table 28-14)."""

from oobctl.constants import BootEnabled, BootMode, BootSource
from oobctl.drivers.interfaces import BootOverride, Fence
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported
from oobctl.profiles.model import BootValidBit
from oobctl.profiles.quirks import Quirk

_CHASSIS = 0x00
_SET_OPTION, _GET_OPTION = 0x08, 0x09
_VALID_CLEARING, _FLAGS = 0x03, 0x05
_DONT_CLEAR_ON_TIMEOUT = 0x08  # else the BMC forgets the override 60 s after a reset
_VALID, _PERSISTENT, _UEFI = 0x80, 0x40, 0x20
_DEVICE_BITS = 0x3C
_DEVICES = {BootSource.PXE: 0x04, BootSource.HDD: 0x08, BootSource.CD: 0x14, BootSource.BIOS_SETUP: 0x18}
_SOURCES = {code: source for source, code in _DEVICES.items()}
_OTHER_DISK = 0x24  # primary remote media to the standard; the UEFI disk where the profile has the quirk
_NOTHING_SET = BootOverride(BootSource.NONE, BootEnabled.DISABLED, None)


class IpmiBoot:
    """interfaces.Boot over one session.

    What the profile does not know about the BMC's valid bit is learned from what this connection reads, and forgotten
    with it. Until then a device without the bit is an override that the BMC does not confirm: never "nothing is set".
    """

    def __init__(self, session: IpmiSession, fence: Fence) -> None:
        self._session, self._fence = session, fence
        self._valid_bit = session.login.profile.ipmi.boot_valid_bit
        self._lost = 0  # the flags that were set and read back as not set

    def read(self) -> BootOverride:
        """None for a part that this BMC does not hold or confirm."""
        flags, device = self._flags()
        if not device:
            return _NOTHING_SET
        source = self._source(flags, device)
        if not flags & _VALID:
            if self._valid_bit is BootValidBit.HELD:
                return _NOTHING_SET
            return BootOverride(source, None, None)
        enabled = BootEnabled.CONTINUOUS if flags & _PERSISTENT else BootEnabled.ONCE
        return BootOverride(
            source, None if self._lost & _PERSISTENT else enabled, None if self._lost & _UEFI else _mode(flags)
        )

    def _source(self, flags: int, device: int) -> BootSource | None:
        if device == _OTHER_DISK and self._quirk and (flags & _UEFI or self._lost & _UEFI):
            return BootSource.HDD
        return _SOURCES.get(device)

    @property
    def _quirk(self) -> bool:
        return self._session.login.profile.has(Quirk.IPMI_UEFI_DISK_0X24)

    def _flags(self) -> tuple[int, int]:
        data = self._session.read(_CHASSIS, _GET_OPTION, bytes((_FLAGS, 0, 0)), what="say what it boots from next")
        if len(data) < 4:
            raise BmcBadAnswer(f"The BMC's boot flags have {len(data)} bytes, and must have at least 4.")
        if data[2] & _VALID and self._valid_bit is None:
            self._valid_bit = BootValidBit.HELD
        return data[2], data[3] & _DEVICE_BITS

    def _learn(self, sent: int, device: int) -> None:
        """What was set a moment ago and is not there was lost; the device must be there to say so."""
        flags, found = self._flags()
        if found == device:
            self._lost = sent & ~flags

    def check(self, source: BootSource, enabled: BootEnabled, mode: BootMode | None) -> None:
        if source not in _DEVICES:
            raise NotSupported(f"IPMI has no word for the boot source {source}. Choose another one.")

    def set(self, source: BootSource, enabled: BootEnabled, mode: BootMode | None) -> None:
        if enabled is BootEnabled.DISABLED or source is BootSource.NONE:
            self._write(_FLAGS, bytes(5), "clear the boot override")
            return
        self.check(source, enabled, mode)
        flags = _VALID
        flags |= _PERSISTENT if enabled is BootEnabled.CONTINUOUS else 0
        flags |= _UEFI if self._wanted(mode) is BootMode.UEFI else 0
        device = _OTHER_DISK if source is BootSource.HDD and flags & _UEFI and self._quirk else _DEVICES[source]
        self._keep_past_the_reset()
        self._write(_FLAGS, bytes((flags, device, 0, 0, 0)), f"boot from {source}")
        self._learn(flags, device)

    def _wanted(self, mode: BootMode | None) -> BootMode:
        """IPMI has no "leave it": the profile's mode, else the one that is set now."""
        return mode or self._session.login.profile.boot.mode or _mode(self._flags()[0])

    def _keep_past_the_reset(self) -> None:
        """A BMC that does not know this parameter does not forget the override by it either."""
        try:
            self._write(_VALID_CLEARING, bytes((_DONT_CLEAR_ON_TIMEOUT,)), "keep the boot override past the reset")
        except (BmcRefused, NotSupported):
            return

    def _write(self, parameter: int, data: bytes, what: str) -> None:
        self._session.write(_CHASSIS, _SET_OPTION, bytes((parameter,)) + data, self._fence, what=what)


def _mode(flags: int) -> BootMode:
    return BootMode.UEFI if flags & _UEFI else BootMode.LEGACY
