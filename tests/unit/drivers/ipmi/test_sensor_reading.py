"""What a sensor reads, how it is, and its states, from the bytes that the BMC answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers.ipmi import sensor_reading, words
from oobctl.drivers.ipmi.sdr import Damaged, SensorRecord, decode
from oobctl.drivers.ipmi.sensor_reading import NOT_KNOWN, NOT_THERE, Reading, raw_thresholds, value_of
from oobctl.drivers.readings import Sensor, Thresholds
from tests import sdr_records as r

SCANNED, UNAVAILABLE = 0x40, 0x20
LIMITS = Thresholds(2.0, 5.0, 10.0, 85.0, 95.0, 105.0)
OK, WARNING, CRITICAL, UNKNOWN = Health.OK, Health.WARNING, Health.CRITICAL, Health.UNKNOWN


def record_of(data: bytes) -> SensorRecord:
    [found] = decode(data)
    assert isinstance(found, SensorRecord)
    return found


TEMPERATURE = record_of(
    r.full(1, "Temp", thresholds=bytes((10, 5, 2, 85, 95, 105)), readable=0x3F, compared=(7, 7), entity=(3, 2))
)


def read(record: SensorRecord, answer: bytes, held: Thresholds = LIMITS) -> Sensor:
    """As the capability puts it together."""
    found = sensor_reading.decode(answer)
    value = value_of(record.analog, found.raw) if record.analog and found.raw is not None else None
    return sensor_reading.sensor(record, found, value, held)


def discrete(sensor_type: int, event_type: int, mask: int = 0x7FFF) -> SensorRecord:
    return record_of(r.compact(1, "State", sensor_type=sensor_type, event_type=event_type, mask=mask))


def states(record: SensorRecord, *offsets: int) -> Sensor:
    bits = sum(1 << offset for offset in offsets)
    return read(record, bytes((0, SCANNED)) + bits.to_bytes(2, "little"))


def test_a_reading_has_its_value_unit_limits_and_entity() -> None:
    found = read(TEMPERATURE, bytes((45, SCANNED, 0xC0)))
    assert (found.reading, found.units, found.reading_type) == (45.0, "Cel", ReadingType.TEMPERATURE)
    assert (found.health, found.state, found.thresholds) == (OK, State.ENABLED, LIMITS)
    assert (found.context, found.source, found.states) == ("Processor 2", "sensor 0x01", ())


@pytest.mark.parametrize(
    ("flags", "state"), [(0x00, State.DISABLED), (SCANNED | UNAVAILABLE, State.UNAVAILABLE_OFFLINE)]
)
def test_a_sensor_that_is_off_or_still_being_read_has_no_value_and_no_health(flags: int, state: State) -> None:
    for record in (TEMPERATURE, discrete(0x08, 0x6F)):
        found = read(record, bytes((45, flags, 0x01, 0)))
        assert (found.reading, found.health, found.state, found.states) == (None, UNKNOWN, state, ())


@pytest.mark.parametrize(("reading", "state"), [(NOT_THERE, State.ABSENT), (NOT_KNOWN, State.UNKNOWN)])
def test_a_sensor_that_was_not_read_is_unknown_and_never_ok(reading: Reading, state: State) -> None:
    for record in (TEMPERATURE, discrete(0x08, 0x6F)):
        found = sensor_reading.sensor(record, reading, None, Thresholds())
        assert (found.reading, found.health, found.state) == (None, UNKNOWN, state)


@pytest.mark.parametrize(
    ("bit", "health"), [(0, WARNING), (1, CRITICAL), (2, CRITICAL), (3, WARNING), (4, CRITICAL), (5, CRITICAL)]
)
def test_health_is_what_the_bmc_itself_compares(bit: int, health: Health) -> None:
    assert read(TEMPERATURE, bytes((45, SCANNED, 0xC0 | 1 << bit))).health is health  # whatever the value


def test_a_comparison_that_the_sensor_does_not_make_is_no_fault() -> None:
    upper = record_of(r.full(1, "Temp", readable=0x18, compared=(0, 3)))
    assert read(upper, bytes((45, SCANNED, 0xC7))).health is OK
    assert read(upper, bytes((45, SCANNED, 0xC8))).health is WARNING
    none = record_of(r.full(1, "Temp", access=0))
    assert read(none, bytes((45, SCANNED, 0xFF))).health is OK


@pytest.mark.parametrize(
    ("raw", "health"), [(45, OK), (10, WARNING), (5, CRITICAL), (0, CRITICAL), (85, WARNING), (95, CRITICAL)]
)
def test_without_the_bmcs_comparison_the_limits_are_compared_here(raw: int, health: Health) -> None:
    assert read(TEMPERATURE, bytes((raw, SCANNED))).health is health
    assert read(TEMPERATURE, bytes((raw, SCANNED)), Thresholds()).health is UNKNOWN


def test_a_value_that_can_not_be_converted_is_unknown() -> None:
    logarithm = record_of(r.full(1, "Log", linearization=1))
    found = read(logarithm, bytes((0, SCANNED, 0xC0)))
    assert (found.reading, found.health, found.state) == (None, UNKNOWN, State.ENABLED)


@pytest.mark.parametrize("answer", [b"", b"\x2d"])
def test_an_answer_that_is_too_short_is_damage(answer: bytes) -> None:
    with pytest.raises(Damaged):
        sensor_reading.decode(answer)


@pytest.mark.parametrize(
    ("sensor_type", "event_type", "offsets", "texts", "health"),
    [
        (0x08, 0x6F, (0,), ("Presence detected",), OK),
        (0x08, 0x6F, (0, 1), ("Presence detected", "Failure detected"), CRITICAL),
        (0x0C, 0x6F, (0, 6), ("Correctable ECC", "Presence Detected"), WARNING),
        (0x0D, 0x6F, (0, 7), ("Drive Present", "Rebuild In Progress"), OK),
        (0x05, 0x6F, (0,), ("General Chassis intrusion",), CRITICAL),
        (0x22, 0x6F, (5,), ("S5/G2: soft-off",), OK),
        (0x04, 0x0B, (0,), ("Fully Redundant",), OK),
        (0x08, 0x0B, (1,), ("Redundancy Lost",), CRITICAL),
        (0x09, 0x0B, (2,), ("Redundancy Degraded",), WARNING),
        (0x07, 0x03, (0,), ("State Deasserted",), OK),
        (0x07, 0x03, (1,), ("State Asserted",), CRITICAL),
        (0x01, 0x03, (1,), ("State Asserted",), WARNING),
        (0x0D, 0x03, (1,), ("State Asserted",), OK),
        (0x1B, 0x03, (1,), ("State Asserted",), UNKNOWN),  # nobody says what that means for a cable
        (0x01, 0x05, (1,), ("Limit Exceeded",), WARNING),
        (0x0D, 0x04, (1,), ("Predictive Failure Asserted",), WARNING),
        (0x16, 0x0A, (6,), ("Transition to Degraded",), CRITICAL),
        (0x15, 0x07, (2,), ("Transition to Critical from less severe",), CRITICAL),
        (0x13, 0x6F, (14,), ("state 14 of type 0x6F",), UNKNOWN),  # a state that the standard does not have
        (0x0D, 0x6F, (0, 12), ("Drive Present", "state 12 of type 0x6F"), UNKNOWN),  # never OK by half
        (0x0D, 0x6F, (1, 12), ("Drive Fault", "state 12 of type 0x6F"), CRITICAL),
        (0x08, 0x72, (0,), ("state 0 of type 0x72",), UNKNOWN),  # a maker's own
        (0xC1, 0x6F, (1,), ("state 1 of type 0x6F",), UNKNOWN),
        (0xC1, 0x6F, (), (), UNKNOWN),
        (0x23, 0x6F, (), (), OK),  # a watchdog that did not expire
    ],
)
def test_discrete_states_are_told_in_words_and_the_worst_decides(
    sensor_type: int, event_type: int, offsets: tuple[int, ...], texts: tuple[str, ...], health: Health
) -> None:
    found = states(discrete(sensor_type, event_type), *offsets)
    assert (found.states, found.health, found.reading_type) == (texts, health, ReadingType.DISCRETE)
    assert found.reading is None


@pytest.mark.parametrize(
    ("sensor_type", "event_type", "offsets", "state"),
    [
        (0x25, 0x6F, (1,), State.ABSENT),
        (0x25, 0x6F, (0,), State.ENABLED),
        (0x25, 0x6F, (2,), State.DISABLED),
        (0x04, 0x08, (0,), State.ABSENT),
        (0x04, 0x08, (1,), State.ENABLED),
        (0x08, 0x6F, (), State.ABSENT),  # presence is one of its states, and it says none
        (0x0C, 0x6F, (), State.ABSENT),
        (0x0D, 0x6F, (), State.ABSENT),
        (0x08, 0x6F, (1,), State.ENABLED),
        (0x07, 0x6F, (7, 8), State.DISABLED),
    ],
)
def test_what_is_not_there_is_absent_and_neither_ok_nor_broken(
    sensor_type: int, event_type: int, offsets: tuple[int, ...], state: State
) -> None:
    found = states(discrete(sensor_type, event_type), *offsets)
    assert found.state is state
    if state is State.ABSENT:
        assert found.health is UNKNOWN


def test_a_sensor_without_presence_among_its_states_is_not_absent_for_saying_none() -> None:
    assert states(discrete(0x08, 0x6F, mask=0x000E)).state is State.ENABLED


def test_a_discrete_sensor_that_has_a_number_shows_both() -> None:
    record = record_of(
        r.full(1, "Fan", sensor_type=4, event_type=0x0A, units=(1, 0, 0), conversion=r.factors(392, 0, 0, -3))
    )
    found = read(record, bytes((100, SCANNED, 0x01, 0)))
    assert (found.reading, found.units, found.states, found.health) == (39.2, "%", ("Transition to Running",), OK)
    assert found.reading_type is ReadingType.PERCENT


def test_thresholds_are_those_that_the_answer_says_are_readable() -> None:
    assert raw_thresholds(bytes((0x3F, 10, 5, 2, 85, 95, 105))) == (2, 5, 10, 85, 95, 105)
    assert raw_thresholds(bytes((0x18, 10, 5, 2, 85, 95, 105))) == (None, None, None, 85, 95, None)
    with pytest.raises(Damaged):
        raw_thresholds(bytes((0x3F, 10, 5, 2, 85, 95)))


@given(st.binary(max_size=8), st.integers(0, 255), st.integers(0, 0x7F), st.integers(0, 0x7FFF))
def test_random_answers_never_crash_and_no_unknown_sensor_is_ok(
    answer: bytes, sensor_type: int, event_type: int, mask: int
) -> None:
    for record in (TEMPERATURE, discrete(sensor_type, event_type, mask)):
        try:
            found = read(record, answer)
        except Damaged:
            assert len(answer) < 2
            continue
        if found.state not in (State.ENABLED, State.DISABLED):
            assert (found.reading, found.health) == (None, UNKNOWN)
        if record.analog is not None and found.reading is None:
            assert found.health is UNKNOWN


def test_every_state_in_the_tables_has_words_and_a_severity() -> None:
    tables = words._tables()
    rows = [
        (event_type, sensor_type, offset)
        for event_type, sensor_type, held in [
            *((0x6F, sensor_type, held) for sensor_type, held in tables["specific"].items()),
            *((event_type, 0x01, held) for event_type, held in tables["generic"].items()),
        ]
        for offset in held
    ]
    assert len(rows) > 250
    for row in rows:
        severity, text = words.state(*row)
        assert text, row
        assert isinstance(severity, Health)
    assert set(tables["generic"]) == set(range(1, 0x0D))
