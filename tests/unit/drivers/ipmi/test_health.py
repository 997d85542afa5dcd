"""Health is rolled up from what is there and known: nothing that is absent or unknown is ever OK."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.ipmi.health import roll_up
from oobctl.drivers.ipmi.sdr import SensorRecord, decode
from oobctl.drivers.ipmi.sensor_reading import Reading, sensor
from oobctl.drivers.ipmi.sensors import Sweep
from oobctl.drivers.readings import Sensor, Thresholds
from tests import sdr_records as r

OK, WARNING, CRITICAL, UNKNOWN = Health.OK, Health.WARNING, Health.CRITICAL, Health.UNKNOWN
IN_ORDER = bytes((0x01, 0, 0, 0))
LIMITS = Thresholds(upper_caution=85.0, upper_critical=95.0)
NOTHING = Sweep((), ())


def temperature(value: float | None, bits: int = 0, state: State = State.ENABLED) -> tuple[SensorRecord, Sensor]:
    [record] = decode(r.full(1, "Temp", readable=0x18, compared=(0, 3), entity=(3, 1)))
    assert isinstance(record, SensorRecord)
    raw = None if value is None else int(value)
    return record, sensor(record, Reading(raw, None if value is None else bits, state), value, LIMITS)


def power_supply(states: int) -> tuple[SensorRecord, Sensor]:
    [record] = decode(r.compact(2, "PSU1 Status"))
    assert isinstance(record, SensorRecord)
    return record, sensor(record, Reading(0, states, State.ENABLED), None, Thresholds())


def test_the_worst_that_is_there_is_the_servers_and_says_why() -> None:
    found = roll_up(Sweep((temperature(97, 0x18), power_supply(0x01), temperature(30)), ()), IN_ORDER, [])
    assert (found.health, found.known, found.unknown) == (CRITICAL, 4, 0)
    [part] = found.parts
    assert (part.kind, part.name, part.health, part.location) == (PartKind.PROCESSOR, "Temp", CRITICAL, "Processor 1")
    assert part.because == "It reads 97 °C, and its upper critical limit is 95."


def test_a_discrete_sensor_says_its_states() -> None:
    [part] = roll_up(Sweep((power_supply(0x03),), ()), IN_ORDER, []).parts
    assert (part.kind, part.because) == (PartKind.POWER_SUPPLY, "It says: Presence detected, Failure detected.")


def test_what_is_absent_counts_neither_as_known_nor_as_unknown() -> None:
    found = roll_up(Sweep((power_supply(0x00), temperature(None, state=State.ABSENT)), ()), IN_ORDER, [])
    assert (found.health, found.parts, found.known, found.unknown) == (OK, (), 1, 0)


@pytest.mark.parametrize(
    ("state", "because"),
    [(State.UNAVAILABLE_OFFLINE, "It can't be read now."), (State.DISABLED, "It is switched off.")],
)
def test_what_can_not_be_read_is_unknown_and_named(state: State, because: str) -> None:
    found = roll_up(Sweep((temperature(None, state=state),), ()), IN_ORDER, [])
    assert (found.known, found.unknown) == (1, 1)
    assert [(part.health, part.because) for part in found.parts] == [(UNKNOWN, because)]


def test_where_nothing_is_told_the_health_is_unknown() -> None:
    assert roll_up(NOTHING, None, []).health is UNKNOWN
    assert roll_up(Sweep((temperature(None, state=State.UNKNOWN),), ()), None, []).health is UNKNOWN


@pytest.mark.parametrize(
    ("byte", "bit", "health", "words"),
    [
        (0, 0x02, CRITICAL, "a power overload"),
        (0, 0x08, CRITICAL, "a power fault"),
        (0, 0x10, CRITICAL, "a power control fault"),
        (2, 0x01, WARNING, "an open chassis"),
        (2, 0x04, CRITICAL, "a drive fault"),
        (2, 0x08, CRITICAL, "a cooling fault"),
    ],
)
def test_each_fault_of_the_chassis_counts(byte: int, bit: int, health: Health, words: str) -> None:
    status = bytearray(IN_ORDER)
    status[byte] |= bit
    found = roll_up(NOTHING, bytes(status), [])
    assert (found.health, found.known) == (health, 1)
    [part] = found.parts
    assert part.kind is PartKind.CHASSIS
    assert f"The BMC reports {words}" in str(part.because)


@pytest.mark.parametrize("status", [0x00, 0x01, 0x20, 0x41, 0x60])
def test_power_and_restore_policy_are_no_fault(status: int) -> None:
    assert roll_up(NOTHING, bytes((status, 0x1F, 0x70)), []).health is OK


@given(st.lists(st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x08, 0x80])), st.lists(st.sampled_from([None, 30, 90, 97])))
def test_the_counts_are_of_all_that_is_there(supplies: list[int], values: list[int | None]) -> None:
    bits = {None: 0, 30: 0, 90: 0x08, 97: 0x18}
    items = [power_supply(states) for states in supplies]
    items += [temperature(value, bits[value], State.ENABLED if value else State.DISABLED) for value in values]
    found = roll_up(Sweep(tuple(items), ()), IN_ORDER, [])
    there = [item for _, item in items if item.state is not State.ABSENT]
    assert found.known + found.unknown == len(there) + 1
    worst = max((item.health for item in there), key=[UNKNOWN, OK, WARNING, CRITICAL].index, default=OK)
    assert found.health is (OK if worst is UNKNOWN else worst)
