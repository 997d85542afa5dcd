"""One record of the system event log in words (IPMI 2.0, sections 32 and 42). Pure: its bytes and the sensors in."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from oobctl.constants import Health
from oobctl.drivers.ipmi import sel_details, words
from oobctl.drivers.ipmi.sdr import BMC_ADDRESS, SPECIFIC, THRESHOLD, Damaged, SensorRecord
from oobctl.drivers.readings import EventLogEntry
from oobctl.units import unit

LOG = "SEL"
SIZE = 16
_SYSTEM_EVENT = 0x02
_OEM_DATED, _OEM_PLAIN = range(0xC0, 0xE0), range(0xE0, 0x100)
_LINUX_PANIC = 0xF0  # Linux writes the text of its panic, eleven letters a record
_SINCE_START = 0x20000000  # smaller dates count from the BMC's own start
_NO_DATE = 0xFFFFFFFF
_DEASSERTED = 0x80
_OEM_TYPES = range(0x70, 0x80)
_READING_HELD = 0b01  # in event data 1: byte 2 is the reading, byte 3 the threshold
# A threshold event whose end is no end: "going high" of a lower one, "going low" of an upper one.
_BETTERING = frozenset({1, 3, 5, 6, 8, 10})

Convert = Callable[[SensorRecord, int], float | None]
"""A raw byte of a sensor in its unit."""
Names = Mapping[tuple[int, int, int], SensorRecord]


def names(sensors: Iterable[SensorRecord]) -> dict[tuple[int, int, int], SensorRecord]:
    """The sensors by owner, LUN and number, as events name them; the first of each."""
    found: dict[tuple[int, int, int], SensorRecord] = {}
    for sensor in sensors:
        found.setdefault((sensor.owner, sensor.lun, sensor.number), sensor)
    return found


def decode(record: bytes, sensors: Names, convert: Convert) -> EventLogEntry:
    """The entry in words. Raises Damaged where it has not 16 bytes."""
    if len(record) != SIZE:
        raise Damaged(f"has {len(record)} bytes, and must have {SIZE}")
    kind = record[2]
    if kind == _SYSTEM_EVENT:
        return _event(record, sensors, convert)
    if kind in _OEM_DATED:
        maker, data = int.from_bytes(record[7:10], "little"), record[10:].hex(" ")
        return _entry(record, _date(record), f"OEM record 0x{kind:02X} of the maker {maker}: {data}")
    text = record[5:].rstrip(b"\0")
    if kind == _LINUX_PANIC and text.isascii() and text.decode().isprintable():
        return _entry(record, None, f"Linux kernel panic: {text.decode()}", severity=Health.CRITICAL)
    if kind in _OEM_PLAIN:
        return _entry(record, None, f"OEM record 0x{kind:02X}: {record[3:].hex(' ')}")
    return _entry(record, None, f"Record of the unknown type 0x{kind:02X}: {record[3:].hex(' ')}")


def _entry(
    record: bytes,
    created: datetime | None,
    message: str,
    *,
    severity: Health = Health.UNKNOWN,
    message_id: str | None = None,
    component: str | None = None,
    asserted: bool | None = None,
) -> EventLogEntry:
    return EventLogEntry(
        log=LOG,
        entry_id=str(int.from_bytes(record[:2], "little")),
        created=created,
        severity=severity,
        message=message,
        raw=record.hex(),
        message_id=message_id,
        component=component,
        asserted=asserted,
    )


def _date(record: bytes) -> datetime | None:
    seconds = int.from_bytes(record[3:7], "little")
    if seconds < _SINCE_START or seconds == _NO_DATE:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _event(record: bytes, sensors: Names, convert: Convert) -> EventLogEntry:
    sensor_type, number, event_type = record[10], record[11], record[12] & 0x7F
    asserted, offset = not record[12] & _DEASSERTED, record[13] & 0x0F
    sensor = _sensor(record, sensors)
    kind = words.sensor_type(sensor_type)
    component = sensor.name if sensor is not None else f"{kind} 0x{number:02X}"
    return _entry(
        record,
        _date(record),
        f"{component}: {_message(record, sensor, convert)}{'' if asserted else ' (ended)'}",
        severity=_severity(event_type, sensor_type, offset, asserted),
        message_id=f"ipmi.{event_type:02x}.{sensor_type:02x}.{offset:x}",
        component=component,
        asserted=asserted,
    )


def _sensor(record: bytes, sensors: Names) -> SensorRecord | None:
    """The sensor that the event is of; one of another owner where the number and the type fit one alone."""
    owner, lun, number, sensor_type = record[7], record[8] & 0x03, record[11], record[10]
    found = sensors.get((owner, lun, number))
    if found is not None:
        return found if found.sensor_type == sensor_type else None
    alike = [item for item in sensors.values() if (item.number, item.sensor_type) == (number, sensor_type)]
    return alike[0] if len(alike) == 1 and alike[0].owner == BMC_ADDRESS else None


def _severity(event_type: int, sensor_type: int, offset: int, asserted: bool) -> Health:
    """How bad the server is by this event; what has ended is OK."""
    if not words.knows(event_type, sensor_type):
        return Health.UNKNOWN
    if asserted or (event_type == THRESHOLD and offset in _BETTERING):
        return words.state(event_type, sensor_type, offset).severity
    return Health.OK


def _message(record: bytes, sensor: SensorRecord | None, convert: Convert) -> str:
    event_type, data = record[12] & 0x7F, record[13:16]
    if event_type in _OEM_TYPES:
        return f"OEM event 0x{event_type:02X}, data {data.hex(' ')}"
    text = words.state(event_type, record[10], data[0] & 0x0F).text
    if event_type == THRESHOLD:
        return text + _readings(data, sensor, convert)
    more = sel_details.words_of(record[10], data) if event_type == SPECIFIC else None
    return f"{text}: {more}" if more else text


def _readings(data: bytes, sensor: SensorRecord | None, convert: Convert) -> str:
    """The value that raised the event and the threshold that it passed, where the event holds them."""
    if sensor is None:
        return ""
    said = []
    for shift, byte, word in ((6, data[1], "reading"), (4, data[2], "threshold")):
        if data[0] >> shift & 0x03 == _READING_HELD and byte != 0xFF:
            value = convert(sensor, byte)
            if value is not None:
                said.append(f"{word} {value:g}{f' {unit(sensor.units)}' if sensor.units else ''}")
    return f" ({', '.join(said)})" if said else ""
