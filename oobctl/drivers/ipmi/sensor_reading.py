"""A sensor's value, health and states, from its record and the BMC's answers (IPMI 2.0, sections 35.5, 35.9, 35.14).

Pure: bytes in, objects out. Whoever sends the commands may do it in any way.
"""

from dataclasses import dataclass

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers.ipmi import conversion, units, words
from oobctl.drivers.ipmi.conversion import Factors
from oobctl.drivers.ipmi.sdr import SPECIFIC, THRESHOLD, Analog, Damaged, SensorRecord
from oobctl.drivers.readings import Sensor, Thresholds

_SCANNING, _UNAVAILABLE = 0x40, 0x20
_STATES = 15
_LEVELS = ((0x24, Health.CRITICAL), (0x12, Health.CRITICAL), (0x09, Health.WARNING))  # fatal, critical, caution
_MASK_ORDER = (2, 1, 0, 3, 4, 5)  # bits of the readable mask, lower fatal to upper fatal
_BYTE_ORDER = (3, 2, 1, 4, 5, 6)  # bytes of Get Sensor Thresholds in that order
# Where presence is a state: sensor type and offset. Without any state the part is not there.
_PRESENCE = {0x07: 7, 0x08: 0, 0x0C: 6, 0x0D: 0, 0x29: 2}
# Event/reading type, sensor type (None: any), offset.
_ABSENT = ((SPECIFIC, 0x25, 1), (SPECIFIC, 0x2C, 0), (0x08, None, 0))
_DISABLED = ((SPECIFIC, 0x25, 2), (SPECIFIC, 0x07, 8), (SPECIFIC, 0x0C, 4), (0x09, None, 0))


@dataclass(frozen=True)
class Reading:
    """What Get Sensor Reading says. raw and states None: not known. states: a bit for each."""

    raw: int | None
    states: int | None
    state: State


NOT_THERE = Reading(None, None, State.ABSENT)
NOT_KNOWN = Reading(None, None, State.UNKNOWN)


def decode(answer: bytes) -> Reading:
    """The answer to Get Sensor Reading, after its completion code. Raises Damaged."""
    if len(answer) < 2:
        raise Damaged(f"was read in {len(answer)} bytes, and at least 2 are due")
    if not answer[1] & _SCANNING:
        return Reading(None, None, State.DISABLED)
    if answer[1] & _UNAVAILABLE:
        return Reading(None, None, State.UNAVAILABLE_OFFLINE)
    states = int.from_bytes(answer[2:4], "little") if len(answer) > 2 else None
    return Reading(answer[0], states, State.ENABLED)


def raw_thresholds(answer: bytes) -> tuple[int | None, ...]:
    """The answer to Get Sensor Thresholds: lower fatal to upper fatal, None for what can't be read. Raises Damaged."""
    if len(answer) < 7:
        raise Damaged(f"has thresholds of {len(answer)} bytes, and 7 are due")
    return tuple(answer[at] if answer[0] >> bit & 1 else None for at, bit in zip(_BYTE_ORDER, _MASK_ORDER, strict=True))


def value_of(analog: Analog, raw: int, factors: Factors | None = None) -> float | None:
    """A raw byte in the sensor's unit. factors: those of this raw byte, for a sensor that is not linear."""
    return conversion.convert(raw, analog.form, analog.linearization, factors or analog.factors)


def sensor(record: SensorRecord, reading: Reading, value: float | None, thresholds: Thresholds) -> Sensor:
    """All that is told of a sensor. value: as `value_of` gave it."""
    known = reading.state is State.ENABLED
    threshold = record.event_type == THRESHOLD
    offsets = [] if threshold or not known else _offsets(reading.states or 0)
    state = _presence(record, offsets, reading) if known and not threshold else reading.state
    health = _by_thresholds(record, reading, value, thresholds) if threshold else _by_states(record, reading, offsets)
    return Sensor(
        name=record.name,
        reading_type=_kind(record),
        reading=value if state is not State.ABSENT else None,
        units=record.units if record.analog else None,
        health=health if state in (State.ENABLED, State.DISABLED) else Health.UNKNOWN,
        state=state,
        source=record.source,
        thresholds=thresholds,
        states=tuple(words.state(record.event_type, record.sensor_type, offset).text for offset in offsets),
        context=words.entity(record.entity, record.instance),
    )


def _offsets(states: int) -> list[int]:
    return [offset for offset in range(_STATES) if states >> offset & 1]


def _kind(record: SensorRecord) -> ReadingType:
    if record.analog is None and record.event_type != THRESHOLD:
        return ReadingType.DISCRETE
    return units.kind_of(record.units)


def _presence(record: SensorRecord, offsets: list[int], reading: Reading) -> State:
    """Whether what the sensor watches is there at all."""
    for rows, state in ((_ABSENT, State.ABSENT), (_DISABLED, State.DISABLED)):
        for event_type, sensor_type, offset in rows:
            if record.event_type == event_type and sensor_type in (None, record.sensor_type) and offset in offsets:
                return state
    presence = _PRESENCE.get(record.sensor_type) if record.event_type == SPECIFIC else None
    if presence is not None and record.mask >> presence & 1 and reading.states is not None and not offsets:
        return State.ABSENT
    return State.ENABLED


def _by_thresholds(record: SensorRecord, reading: Reading, value: float | None, thresholds: Thresholds) -> Health:
    """From the BMC's own comparisons; by ours where it makes none."""
    if reading.raw is None or (record.analog is not None and value is None):
        return Health.UNKNOWN
    crossed = _compared(value, thresholds) if reading.states is None else reading.states & record.mask
    if crossed is None:
        return Health.UNKNOWN
    return next((health for bits, health in _LEVELS if crossed & bits), Health.OK)


def _compared(value: float | None, held: Thresholds) -> int | None:
    """The bits of Get Sensor Reading, from the value; None where there is nothing to compare."""
    lower = (held.lower_caution, held.lower_critical, held.lower_fatal)
    upper = (held.upper_caution, held.upper_critical, held.upper_fatal)
    if value is None or not any(limit is not None for limit in lower + upper):
        return None
    bits = [limit is not None and value <= limit for limit in lower]
    bits += [limit is not None and value >= limit for limit in upper]
    return sum(1 << place for place, bit in enumerate(bits) if bit)


def _by_states(record: SensorRecord, reading: Reading, offsets: list[int]) -> Health:
    if reading.states is None or not words.knows(record.event_type, record.sensor_type):
        return Health.UNKNOWN
    return words.worst([words.state(record.event_type, record.sensor_type, offset).severity for offset in offsets])
