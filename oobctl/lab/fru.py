"""The FRU inventory of a lab server, as the IPMI platform management FRU storage definition 1.0 lays it out."""

import struct
from dataclasses import dataclass

_ENGLISH = 25
_END_OF_FIELDS = b"\xc1"
_RACK_MOUNT = 0x17  # SMBIOS's chassis types
_BUILT_MINUTES = 15_779_520  # 2026-01-01 00:00 UTC, in minutes since 1996-01-01
_POWER_SUPPLY_RECORD = 0x00
_NO_POINTER = 0
SIZE = 256


@dataclass(frozen=True)
class FruPart:
    """A part with a FRU device of its own. `watts` makes it a power supply, with the record of one."""

    number: int
    manufacturer: str
    name: str
    part: str
    serial: str
    watts: int = 0


def _field(text: str) -> bytes:
    data = text.encode("ascii")
    if len(data) == 1:
        raise ValueError(f"A FRU field of one character ({text!r}) would read as the end of the fields.")
    return bytes([0xC0 | len(data)]) + data


def _area(body: bytes) -> bytes:
    body += _END_OF_FIELDS
    total = -(-(len(body) + 3) // 8) * 8
    area = bytes([1, total // 8]) + body
    area = area.ljust(total - 1, b"\0")
    return area + _checksum(area)


def _checksum(data: bytes) -> bytes:
    return bytes([-sum(data) & 0xFF])


def _header(*, chassis: bytes = b"", board: bytes = b"", product: bytes = b"", records: bytes = b"") -> bytes:
    """The common header and the areas after it, in the order of their pointers."""
    pointers, position = [], 1
    for area in (chassis, board, product, records):
        pointers.append(position if area else _NO_POINTER)
        position += len(area) // 8
    header = bytes([1, 0, *pointers, 0])
    return (header + _checksum(header) + chassis + board + product + records).ljust(SIZE, b"\0")


def fru_data(*, manufacturer: str, product: str, part: str, serial: str, asset_tag: str = "") -> bytes:
    """The server's own FRU bytes: chassis, board and product area; fields of at most 63 ASCII characters."""
    chassis = _area(bytes([_RACK_MOUNT]) + _field(f"C{part}") + _field(serial))
    built = struct.pack("<I", _BUILT_MINUTES)[:3]
    board = _area(
        bytes([_ENGLISH]) + built + b"".join(_field(text) for text in (manufacturer, product, f"B{serial}", part, ""))
    )
    names = (manufacturer, product, part, "1.0", serial, asset_tag, "")
    return _header(
        chassis=chassis,
        board=board,
        product=_area(bytes([_ENGLISH]) + b"".join(_field(text) for text in names)),
    )


def part_data(part: FruPart) -> bytes:
    """A part's FRU bytes: a product area, and for a power supply its record."""
    names = (part.manufacturer, part.name, part.part, "R1", part.serial, "", "")
    area = _area(bytes([_ENGLISH]) + b"".join(_field(text) for text in names))
    return _header(product=area, records=_power_supply(part.watts) if part.watts else b"")


def _power_supply(watts: int) -> bytes:
    """The multirecord of a power supply (section 18.1): 100 to 240 V, 47 to 63 Hz, hot-swappable; 0xFF is unknown."""
    low, high = 10_000, 24_000  # 10 mV
    flags = 0b0000_1110  # hot swap, automatic range, power factor corrected
    body = struct.pack(
        "<HHBBHHHHBBBBHBHB", watts, 0xFFFF, 0xFF, 0xFF, low, high, 0, 0, 47, 63, 20, flags, watts, 0, 0, 0
    )  # fmt: skip
    head = bytes([_POWER_SUPPLY_RECORD, 0x80 | 0x02, len(body)]) + _checksum(body)
    record = head + _checksum(head) + body
    return record.ljust(-(-len(record) // 8) * 8, b"\0")
