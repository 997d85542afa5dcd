"""What a FRU says about its part, from its bytes (Platform Management FRU Information Storage Definition 1.0). Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from oobctl.drivers.identity import clean
from oobctl.drivers.ipmi.text import fru_text, kind_and_length

Read = Callable[[int, int], bytes]
"""Bytes from an offset; as many as asked for or fewer."""

CHASSIS, BOARD, PRODUCT = "chassis", "board", "product"
_BLOCK = 8
_AREAS = {CHASSIS: 2, BOARD: 3, PRODUCT: 4}  # bytes of the header that say where
_RECORDS = 5
_HEAD = {CHASSIS: 3, BOARD: 6, PRODUCT: 3}  # version, length, then type, or language and date
_FIELDS = {
    CHASSIS: ("part_number", "serial"),
    BOARD: ("manufacturer", "product", "serial", "part_number", "file_id"),
    PRODUCT: ("manufacturer", "product", "part_number", "version", "serial", "asset_tag", "file_id"),
}
_ALWAYS_ENGLISH = frozenset({"serial", "file_id"})
_ENGLISH = frozenset({0, 25})
_END_OF_FIELDS = 0xC1
_EPOCH = datetime(1996, 1, 1, tzinfo=UTC)
_POWER_SUPPLY_RECORD, _LAST_RECORD = 0x00, 0x80
_MOST_RECORDS = 64


@dataclass(frozen=True)
class Fru:
    """Who made the server, which it is, its serial number, and which board is in it."""

    manufacturer: str | None = None
    product: str | None = None
    serial: str | None = None
    board: str | None = None


@dataclass(frozen=True)
class FruContent:
    """The fields of each area that is there and whole. problems: sentences without their subject ("the board ...").

    made: when the board was made. power_watts: what a power supply can give.
    """

    areas: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    made: datetime | None = None
    power_watts: int | None = None
    problems: tuple[str, ...] = ()

    def first(self, name: str, *areas: str) -> str | None:
        """The field from the first of the areas that has it."""
        return next((found for area in areas if (found := self.areas.get(area, {}).get(name))), None)


class _Damaged(Exception):
    """What is wrong with an area, as a sentence's end."""


def read_fru(read: Read) -> Fru:
    """The product area's words, and the board area's where it lacks one. Damaged areas count as absent."""
    found = parse(read, (BOARD, PRODUCT), records=False)
    return Fru(
        manufacturer=found.first("manufacturer", PRODUCT, BOARD),
        product=found.first("product", PRODUCT, BOARD),
        serial=found.first("serial", PRODUCT, BOARD),
        # the part number is often the board's name, where it has none
        board=found.first("product", BOARD) or found.first("part_number", BOARD),
    )


def parse(read: Read, wanted: tuple[str, ...] = tuple(_AREAS), *, records: bool = True) -> FruContent:
    """The areas that are wanted, and the power supply's record. What is damaged is left out and named."""
    header = read(0, _BLOCK)
    if len(header) < _BLOCK:
        return FruContent(problems=("has no header",))
    if header[0] & 0x0F != 1 or sum(header) & 0xFF:
        return FruContent(problems=("has a header with a wrong checksum or version",))
    areas: dict[str, Mapping[str, str]] = {}
    made, watts, problems = None, None, []
    for name in wanted:
        if not header[_AREAS[name]]:
            continue
        try:
            area = _area(read, header[_AREAS[name]] * _BLOCK)
            areas[name] = _fields(name, area)
        except _Damaged as damage:
            problems.append(f"has a {name} area that {damage}")
            continue
        if name == BOARD:
            made = _date(area)
    if records and header[_RECORDS]:
        watts = _power_supply(read, header[_RECORDS] * _BLOCK)
    return FruContent(areas, made, watts, tuple(problems))


def _area(read: Read, offset: int) -> bytes:
    """One information area, checked."""
    start = read(offset, 2)
    if len(start) < 2 or start[0] & 0x0F != 1 or not start[1]:
        raise _Damaged("is missing or of an unknown version")
    area = read(offset, start[1] * _BLOCK)
    if len(area) < start[1] * _BLOCK:
        raise _Damaged("is cut short")
    if sum(area) & 0xFF:
        raise _Damaged("has a wrong checksum")
    return area


def _fields(name: str, area: bytes) -> dict[str, str]:
    names = _FIELDS[name]
    language = area[2] if name != CHASSIS else 0
    found: dict[str, str] = {"type": str(area[2])} if name == CHASSIS else {}
    for index, (kind, data) in enumerate(_strings(area, _HEAD[name])):
        key = names[index] if index < len(names) else f"custom_{index - len(names) + 1}"
        text = clean(fru_text(kind, data, english=language in _ENGLISH or key in _ALWAYS_ENGLISH))
        if text:
            found[key] = text
    return found


def _strings(area: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """The type and the bytes of each field; the last byte of an area is its checksum."""
    while position < len(area) - 1 and area[position] != _END_OF_FIELDS:
        kind, length = kind_and_length(area[position], 0x3F)
        end = position + 1 + length
        if end > len(area) - 1:
            raise _Damaged("has a field that runs out of it")
        yield kind, area[position + 1 : end]
        position = end


def _date(area: bytes) -> datetime | None:
    """When the board was made: minutes from 1996 on; 0 is unspecified."""
    minutes = int.from_bytes(area[3:6], "little")
    return _EPOCH + timedelta(minutes=minutes) if minutes else None


def _power_supply(read: Read, offset: int) -> int | None:
    """The capacity in watts of the power supply record (section 18.1), where there is one and it is whole."""
    for _ in range(_MOST_RECORDS):
        head = read(offset, 5)
        if len(head) < 5 or sum(head) & 0xFF:
            return None
        if head[0] == _POWER_SUPPLY_RECORD:
            record = read(offset + 5, head[2])
            whole = len(record) == head[2] >= 2 and not (sum(record) + head[3]) & 0xFF
            return (int.from_bytes(record[:2], "little") & 0x0FFF or None) if whole else None
        if head[1] & _LAST_RECORD:
            return None
        offset += 5 + head[2]
    return None
