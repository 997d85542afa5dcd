"""The few numbers that a fleet is compared by: the right sensor's, no limit missed, and as new as the report."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl import clock, readings
from oobctl.constants import Capability, Health, ReadingType, State
from oobctl.drivers.readings import HealthReport, PowerMeter, PowerMeteringReport, Sensor, SensorReport, Thresholds
from oobctl.errors import BmcTimeout, NotSupported, OobctlError
from oobctl.readings import Report, Taken, figures
from oobctl.store import Figures, database
from tests.installation import Installation
from tests.unit.readings.samples import temperature

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEGREES = st.floats(-50, 150, allow_nan=False)
TEMPERATURES = st.lists(
    st.builds(
        temperature, st.sampled_from(("Inlet", "CPU 1", "x")), st.none() | DEGREES, caution=st.none() | DEGREES,
        critical=st.none() | DEGREES,
    )
)  # fmt: skip


def columns(*sensors: Sensor) -> dict[str, Any]:
    return figures.columns(Taken("s", Capability.SENSORS, NOON, SensorReport(sensors)))


@pytest.mark.parametrize(
    ("name", "context", "expected"),
    [("Temp 1", "Intake", True), ("Temp 7", "Air Inlet", True), ("Temp 7", "Air Inlet 1", True),
     ("Inlet Temp", None, True), ("Ambient", "System Board", True), ("01-Inlet Ambient", None, True),
     ("PS1 Inlet Temp", None, False), ("Inlet", "PowerSupply", False), ("Outlet Ambient", None, False),
     ("Exhaust Temp", None, False), ("CPU 1", "CPU", False), ("Memory Inlet", None, False)],
)  # fmt: skip
def test_the_inlet_is_the_servers_and_no_power_supplys(name: str, context: str | None, expected: bool) -> None:
    assert figures.is_inlet(temperature(name, 20.0, context=context)) is expected


def test_of_several_inlets_the_hottest_counts_with_its_own_thresholds() -> None:
    found = columns(
        temperature("Inlet 1", 22.0, caution=30.0), temperature("Inlet 2", 25.5, caution=35.0, critical=40.0)
    )
    assert (found["inlet"], found["inlet_celsius"]) == ("Inlet 2", 25.5)
    assert (found["inlet_upper_caution"], found["inlet_upper_critical"]) == (35.0, 40.0)


def test_fahrenheit_and_kelvin_are_told_in_celsius() -> None:
    warm = Thresholds(upper_caution=104.0)
    inlet = Sensor("Inlet", ReadingType.TEMPERATURE, 77.0, "[degF]", Health.OK, State.ENABLED, "x", warm)
    kelvin = Sensor("Inlet", ReadingType.TEMPERATURE, 300.15, "K", Health.OK, State.ENABLED, "x")
    assert (columns(inlet)["inlet_celsius"], columns(inlet)["inlet_upper_caution"]) == (25.0, 40.0)
    assert columns(kelvin)["inlet_celsius"] == 27.0


@given(TEMPERATURES)
def test_no_temperature_beyond_a_threshold_is_missed_and_none_is_made_up(sensors: list[Sensor]) -> None:
    expected = [
        one for one in sensors
        if one.reading is not None
        and any(one.reading >= limit for limit in (one.thresholds.upper_caution, one.thresholds.upper_critical)
                if limit is not None)
    ]  # fmt: skip
    found = columns(*sensors)["too_hot"] or []
    assert len(found) == min(len(expected), 8)
    for item in found:
        assert item["celsius"] >= item["limit"]
    critical = [item["health"] == Health.CRITICAL for item in found]
    assert critical == sorted(critical, reverse=True)


@given(st.lists(st.none() | st.floats(0, 5000)))
def test_the_draw_is_the_greatest_meters_since_others_measure_parts_of_it(values: list[float | None]) -> None:
    meters = tuple(PowerMeter(str(number), value) for number, value in enumerate(values))
    known = [value for value in values if value is not None]
    assert figures.watts(PowerMeteringReport(meters)) == (max(known) if known else None)


def keep(server_id: str, capability: Capability, found: Report | OobctlError, minutes: float) -> Figures:
    with database().write() as session:
        readings.keep(session, server_id, capability, found, NOON + timedelta(minutes=minutes))
    with database().read() as session:
        return session.get_one(Figures, server_id)


def test_figures_are_those_of_the_newest_report(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    row = keep(server_id, Capability.SENSORS, SensorReport((temperature("Inlet", 44.0, critical=42.0),)), 5)
    assert (row.inlet_celsius, row.sensors_read_at, row.watts) == (44.0, NOON + timedelta(minutes=5), None)
    assert row.too_hot == [{"name": "Inlet", "celsius": 44.0, "limit": 42.0, "health": "Critical"}]
    row = keep(server_id, Capability.SENSORS, SensorReport((temperature("Inlet", 20.0),)), 0)  # older: nothing changes
    assert row.inlet_celsius == 44.0
    row = keep(server_id, Capability.SENSORS, BmcTimeout("No answer."), 6)
    assert (row.inlet_celsius, row.sensors_read_at) == (44.0, NOON + timedelta(minutes=5))
    row = keep(server_id, Capability.POWER_METERING, PowerMeteringReport((PowerMeter("All", 212.5),)), 7)
    assert (row.inlet_celsius, row.watts, row.watts_read_at) == (44.0, 212.5, NOON + timedelta(minutes=7))
    row = keep(server_id, Capability.SENSORS, SensorReport((temperature("Inlet", 21.0),)), 8)
    assert (row.inlet_celsius, row.too_hot, row.watts) == (21.0, None, 212.5)


def test_what_a_bmc_lacks_or_another_bmc_told_has_no_figures(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, Capability.POWER_METERING, PowerMeteringReport((PowerMeter("All", 212.5),)), 0)
    row = keep(server_id, Capability.POWER_METERING, NotSupported("This BMC does not measure it."), 5)
    assert (row.watts, row.watts_read_at) == (None, None)
    keep(server_id, Capability.SENSORS, SensorReport((temperature("Inlet", 44.0, critical=42.0),)), 5)
    with database().write() as session:
        readings.forget(session, server_id, Capability.BIOS)
    with database().read() as session:
        assert session.get_one(Figures, server_id).inlet_celsius == 44.0
    with database().write() as session:
        readings.forget(session, server_id)
    with database().read() as session:
        row = session.get_one(Figures, server_id)
    assert (row.inlet, row.inlet_celsius, row.too_hot, row.sensors_read_at) == (None, None, None, None)


def well(health: Health) -> HealthReport:
    return HealthReport(health, (), known=9, unknown=0)


def test_since_when_a_health_is_so_is_when_it_was_first_read_and_unknown_before_a_change(
    installation: Installation,
) -> None:
    server_id, told = installation.servers["web01"], []
    words = (Health.CRITICAL, Health.CRITICAL, Health.OK, Health.WARNING, Health.UNKNOWN, Health.WARNING)
    for minutes, word in enumerate(words):
        row = keep(server_id, Capability.HEALTH, well(word), minutes)
        told.append((row.health, row.health_since and (row.health_since - NOON) / timedelta(minutes=1)))
    assert told == [
        (Health.CRITICAL, None), (Health.CRITICAL, None), (Health.OK, 2), (Health.WARNING, 3), (Health.WARNING, 3),
        (Health.WARNING, 3),
    ]  # fmt: skip
    row = keep(server_id, Capability.HEALTH, well(Health.OK), 0)  # older: nothing changes
    assert (row.health, row.health_since) == (Health.WARNING, NOON + timedelta(minutes=3))
    row = keep(server_id, Capability.HEALTH, NotSupported("It tells of none."), 9)
    assert (row.health, row.health_since) == (None, None)


def test_a_health_that_began_in_a_time_to_come_began_when_it_is_read() -> None:
    ahead, now = clock.now() + timedelta(days=1), clock.now()
    assert figures.since(Health.CRITICAL, now, (Health.CRITICAL, ahead)) == (Health.CRITICAL, now)
