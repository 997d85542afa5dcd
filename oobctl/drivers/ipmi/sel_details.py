"""What the second and third byte of a sensor-specific event add, in words (IPMI 2.0, table 42-3). Pure."""

from collections.abc import Callable, Mapping

from oobctl.drivers.ipmi import words

_SECOND, _THIRD = 6, 4  # where event data 1 says what bytes 2 and 3 hold
_SPECIFIC = 0b11  # what the standard says for this sensor
_OEM = 0b10
_UNSPECIFIED = 0xFF
_SLOTS = ("PCI", "drive array", "external connector", "docking", "other standard internal expansion", "entity", "ATCA")
_TIMER_USES = {1: "BIOS FRB2", 2: "BIOS POST", 3: "operating system load", 4: "SMS or operating system", 5: "OEM"}
_INTERRUPTS = {0: "none", 1: "SMI", 2: "NMI", 3: "messaging interrupt"}


def words_of(sensor_type: int, data: bytes) -> str | None:
    """The additions to an event of event/reading type 6Fh; None where there are none."""
    offset = data[0] & 0x0F
    second = data[1] if data[0] >> _SECOND & 0x03 == _SPECIFIC else None
    third = data[2] if data[0] >> _THIRD & 0x03 == _SPECIFIC else None
    said = [words.detail(sensor_type, offset, second)] if second is not None else []
    if sensor_type in _MAKERS:
        said.append(_MAKERS[sensor_type](offset, second, third))
    return ", ".join(filter(None, said)) or _oem(data)


def _oem(data: bytes) -> str | None:
    """Bytes whose meaning only the maker knows, as they are."""
    held = [
        f"data {place} 0x{data[place - 1]:02X}"
        for place, shift in ((2, _SECOND), (3, _THIRD))
        if data[0] >> shift & 0x03 == _OEM and data[place - 1] != _UNSPECIFIED
    ]
    return ", ".join(held) or None


def _memory(_offset: int, _second: int | None, third: int | None) -> str | None:
    return None if third in (None, _UNSPECIFIED) else f"module {third}"


def _slot(_offset: int, second: int | None, third: int | None) -> str | None:
    said = []
    if second is not None and second & 0x7F < len(_SLOTS):
        said.append(f"{_SLOTS[second & 0x7F]} slot")
    if third is not None and third != _UNSPECIFIED:
        said.append(f"number {third & 0x7F}")
    return " ".join(said) or None


def _watchdog(_offset: int, second: int | None, _third: int | None) -> str | None:
    if second is None or second == _UNSPECIFIED:
        return None
    use, interrupt = _TIMER_USES.get(second & 0x0F), _INTERRUPTS.get(second >> 4)
    said = [f"timer of {use}" if use else None, f"interrupt {interrupt}" if interrupt not in (None, "none") else None]
    return ", ".join(filter(None, said)) or None


def _session(_offset: int, second: int | None, third: int | None) -> str | None:
    said = []
    if second is not None and second & 0x3F:
        said.append(f"user {second & 0x3F}")
    if third is not None and third != _UNSPECIFIED:
        said.append(f"channel {third & 0x0F}")
    return ", ".join(said) or None


def _logging(offset: int, _second: int | None, third: int | None) -> str | None:
    return f"{third} % full" if offset == 5 and third is not None and third <= 100 else None


def _lan(_offset: int, second: int | None, _third: int | None) -> str | None:
    return None if second in (None, _UNSPECIFIED) else f"LAN port {second}"


_MAKERS: Mapping[int, Callable[[int, int | None, int | None], str | None]] = {
    0x05: lambda offset, second, third: _lan(offset, second, third) if offset == 4 else None,
    0x0C: _memory,
    0x10: _logging,
    0x21: _slot,
    0x23: _watchdog,
    0x2A: _session,
}
