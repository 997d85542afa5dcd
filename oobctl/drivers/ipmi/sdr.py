"""Records of the sensor data repository, from their bytes (IPMI 2.0, section 43). Pure: nothing is asked here."""

from dataclasses import dataclass, replace

from oobctl.drivers.identity import clean
from oobctl.drivers.ipmi import conversion, units
from oobctl.drivers.ipmi.conversion import Factors, Format
from oobctl.drivers.ipmi.text import kind_and_length, sdr_text

HEADER = 5  # record id, version, type, and the number of bytes that follow
FULL, COMPACT, EVENT_ONLY, FRU_LOCATOR = 0x01, 0x02, 0x03, 0x11
BMC_ADDRESS = 0x20
THRESHOLD, SPECIFIC = 0x01, 0x6F  # event/reading types; between them are the generic ones
_VERSIONS = frozenset({0x51, 0x01, 0x02})  # IPMI 1.5 and 2.0; what some makers write instead
_TEXT_AT = {FULL: 47, COMPACT: 31, EVENT_ONLY: 16, FRU_LOCATOR: 15}  # the type/length byte of the id string
_SHARED_AT = {COMPACT: 23, EVENT_ONLY: 12}
_NONE, _READ, _SETTABLE, _FIXED = range(4)  # access to thresholds; fixed ones can't be read
_ALL_COMPARISONS = 0x3F
_ALPHABET = 26


class Damaged(Exception):
    """The bytes are not a record that the standard allows. The message says why, after "it"."""


@dataclass(frozen=True)
class Analog:
    """How a raw byte of a sensor becomes a number. thresholds: the raw ones of the record, lower fatal to upper fatal,
    None for each that can't be read."""

    form: Format
    linearization: int
    factors: Factors
    thresholds: tuple[int | None, ...]


@dataclass(frozen=True)
class SensorRecord:
    """One sensor. owner: the slave address of its controller (20h the BMC), or a software id with bit 0 set.

    analog: None where the sensor has no number. mask: what a reading tells: the states, or the comparisons (bits 0 to 2
    lower caution to fatal, 3 to 5 upper). readable: its thresholds can be asked for. event_only: it can't be read.
    """

    record_id: int
    owner: int
    lun: int
    channel: int
    number: int
    entity: int
    instance: int
    sensor_type: int
    event_type: int
    name: str
    units: str | None
    mask: int
    analog: Analog | None
    readable: bool
    event_only: bool

    @property
    def source(self) -> str:
        """Which sensor it is, for a person who looks with another tool."""
        where = "" if (self.owner, self.lun) == (BMC_ADDRESS, 0) else f" of 0x{self.owner:02X}, LUN {self.lun}"
        return f"sensor 0x{self.number:02X}{where}"


@dataclass(frozen=True)
class FruLocator:
    """Where a FRU is. logical: behind a FRU device id of a controller; else a chip on a private bus, by its address."""

    record_id: int
    owner: int
    lun: int
    channel: int
    device: int
    logical: bool
    modifier: int
    entity: int
    instance: int
    name: str


Record = SensorRecord | FruLocator


def decode(record: bytes) -> tuple[Record, ...]:
    """The sensors or the FRU locator of one record with its header; nothing where it is of another kind.

    A compact or event-only record can describe several sensors. Raises Damaged.
    """
    if len(record) < HEADER:
        raise Damaged(f"has {len(record)} bytes, which is less than its header")
    if len(record) < HEADER + record[4]:
        raise Damaged(f"is cut short: {len(record)} of {HEADER + record[4]} bytes")
    record = record[: HEADER + record[4]]
    if record[3] not in _TEXT_AT:
        return ()
    if record[2] not in _VERSIONS:
        raise Damaged(f"has the unknown version 0x{record[2]:02X}")
    if record[3] == FRU_LOCATOR:
        return (_locator(record),)
    return _shared(record, _sensor(record))


def _text(record: bytes) -> str:
    """The id string. Raises Damaged where the record is too short for it."""
    at = _TEXT_AT[record[3]]
    if len(record) <= at:
        raise Damaged(f"is too short for its type: {len(record)} bytes")
    kind, length = kind_and_length(record[at], 0x1F)
    if len(record) < at + 1 + length:
        raise Damaged("ends within its name")
    return clean(sdr_text(kind, record[at + 1 : at + 1 + length])) or ""


def _locator(record: bytes) -> FruLocator:
    name = _text(record)
    return FruLocator(
        record_id=int.from_bytes(record[:2], "little"),
        owner=record[5] & 0xFE,
        device=record[6],
        logical=bool(record[7] & 0x80),
        lun=record[7] >> 3 & 0x03,
        channel=record[8] >> 4,
        modifier=record[11],
        entity=record[12],
        instance=record[13] & 0x7F,
        name=name or f"FRU {record[6]}",
    )


def _sensor(record: bytes) -> SensorRecord:
    name = _text(record)
    event_only = record[3] == EVENT_ONLY
    sensor_type, event_type = (record[10], record[11] & 0x7F) if event_only else (record[12], record[13] & 0x7F)
    threshold = event_type == THRESHOLD
    return SensorRecord(
        record_id=int.from_bytes(record[:2], "little"),
        owner=record[5],
        lun=record[6] & 0x03,
        channel=record[6] >> 4,
        number=record[7],
        entity=record[8],
        instance=record[9] & 0x7F,
        sensor_type=sensor_type,
        event_type=event_type,
        name=name or f"Sensor 0x{record[7]:02X}",
        units=None if event_only else _units(record),
        mask=0 if event_only else _comparisons(record) if threshold else int.from_bytes(record[18:20], "little"),
        analog=_analog(record) if record[3] == FULL else None,
        readable=threshold and not event_only and _access(record) in (_READ, _SETTABLE),
        event_only=event_only,
    )


def _units(record: bytes) -> str | None:
    if not units.known(record[21], record[22]):
        raise Damaged(f"has an unknown unit ({record[21]}, {record[22]})")
    return units.ucum(record[20], record[21], record[22])


def _access(record: bytes) -> int:
    return record[11] >> 2 & 0x03


def _comparisons(record: bytes) -> int:
    """Which threshold comparisons a reading tells: bits 14 to 12 of both threshold masks, fatal to caution.

    A threshold that can be read is compared too, and where a record is silent about those that there are, all count.
    """
    told = record[15] >> 4 & 0x07 | (record[17] >> 4 & 0x07) << 3
    if _access(record) in (_READ, _SETTABLE):
        told |= record[18] & _ALL_COMPARISONS
    return told if told or _access(record) == _NONE else _ALL_COMPARISONS


def _analog(record: bytes) -> Analog | None:
    form, linearization = Format(record[20] >> 6), record[23] & 0x7F
    if form is Format.NONE:
        return None
    if not conversion.known(linearization):
        raise Damaged(f"has the unknown linearization 0x{linearization:02X}")
    raw = (record[39], record[40], record[41], record[38], record[37], record[36])
    order = (2, 1, 0, 3, 4, 5)  # the mask's bits, lower caution to upper fatal
    shown = _access(record) in (_READ, _SETTABLE) and record[13] & 0x7F == THRESHOLD
    held = tuple(value if shown and record[18] >> bit & 1 else None for value, bit in zip(raw, order, strict=True))
    return Analog(form, linearization, conversion.factors_of(record[24:30]), held)


def _shared(record: bytes, first: SensorRecord) -> tuple[SensorRecord, ...]:
    """The sensors that share a record: numbers follow one another, names get a suffix."""
    at = _SHARED_AT.get(record[3])
    count = record[at] & 0x0F if at else 1
    if at is None or count <= 1:
        return (first,)
    alphabetic, offset, steps = record[at] >> 4 & 0x03 == 1, record[at + 1] & 0x7F, bool(record[at + 1] & 0x80)
    if first.number + count > 0xFF:
        raise Damaged(f"stands for {count} sensors from number {first.number} on, which is too many")
    return tuple(
        replace(
            first,
            number=first.number + i,
            instance=first.instance + i if steps else first.instance,
            name=f"{first.name} {_letters(offset + i) if alphabetic else offset + i}",
        )
        for i in range(count)
    )


def _letters(index: int) -> str:
    """A to Z, then AA."""
    first, second = divmod(index, _ALPHABET)
    return (chr(ord("A") + first - 1) if first else "") + chr(ord("A") + second)
