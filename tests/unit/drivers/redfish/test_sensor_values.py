"""Sensors out of Redfish resources, newer and older."""

import math
from typing import Any

import pytest
from hypothesis import given

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers.readings import Sensor, Thresholds
from oobctl.drivers.redfish import sensor_values as values
from tests.unit.drivers.redfish.shapes import resources

OK = {"State": "Enabled", "Health": "OK"}
INLET = {
    "Name": "Inlet",
    "ReadingType": "Temperature",
    "ReadingUnits": "Cel",
    "Reading": 23.5,
    "PhysicalContext": "Intake",
    "Thresholds": {
        "UpperCaution": {"Reading": 40},
        "UpperCritical": {"Reading": 45},
        "LowerCritical": {"Reading": None},
    },
    "Status": OK,
}
NOTHING: list[Any] = [None, "23", "NaN", math.nan, math.inf, True, [], {}]


def test_a_sensor_has_value_unit_thresholds_context_and_health() -> None:
    assert values.sensor(INLET, "/s/1") == Sensor(
        name="Inlet",
        reading_type=ReadingType.TEMPERATURE,
        reading=23.5,
        units="Cel",
        health=Health.OK,
        state=State.ENABLED,
        source="/s/1",
        thresholds=Thresholds(upper_caution=40, upper_critical=45),
        context="Intake",
    )


@pytest.mark.parametrize("value", NOTHING)
def test_without_a_number_a_sensor_is_unknown_whatever_health_it_claims(value: Any) -> None:
    newer = values.sensor({**INLET, "Reading": value}, "/s/1")
    older = values.temperature({"Name": "Inlet", "ReadingCelsius": value, "Status": OK}, "/t/1")
    for found in (newer, older):
        assert (found.reading, found.health, found.state) == (None, Health.UNKNOWN, State.ENABLED)


def test_a_complaint_without_a_number_stays_a_complaint() -> None:
    found = values.sensor({**INLET, "Reading": None, "Status": {"State": "Enabled", "Health": "Critical"}}, "/s/1")
    assert (found.reading, found.health) == (None, Health.CRITICAL)


@pytest.mark.parametrize("state", ["Absent", "Disabled", "Starting"])
def test_what_is_absent_off_or_starting_has_no_reading_whatever_number_stands_there(state: str) -> None:
    status = {"State": state, "Health": "OK"}
    zeros = {"UpperThresholdCritical": 90, "LowerThresholdCritical": 0}
    for found in (
        values.sensor({**INLET, "Reading": 0, "Status": status}, "/s/1"),
        values.temperature({"Name": "CPU", "ReadingCelsius": 0, "Status": status, **zeros}, "/t/1"),
        values.fan({"Name": "FAN1", "Reading": 0, "ReadingUnits": "RPM", "Status": status}, "/f/1"),
        values.voltage({"Name": "12V", "ReadingVolts": 0, "Status": status}, "/v/1"),
    ):
        assert (found.reading, found.health, found.thresholds) == (None, Health.UNKNOWN, Thresholds())


def test_thresholds_that_are_all_zero_were_never_set() -> None:
    entry = {
        "Name": "FAN1",
        "Reading": 900,
        "ReadingUnits": "RPM",
        "UpperThresholdCritical": 0,
        "LowerThresholdCritical": 0,
    }
    assert values.fan(entry, "/f/1").thresholds == Thresholds()
    one = {**entry, "LowerThresholdCritical": 500}
    assert values.fan(one, "/f/1").thresholds == Thresholds(lower_critical=500, upper_critical=0)


def test_older_thresholds_are_told_by_the_newer_names() -> None:
    entry = {
        "ReadingVolts": 12,
        "LowerThresholdFatal": 1,
        "LowerThresholdCritical": 2,
        "LowerThresholdNonCritical": 3,
        "UpperThresholdNonCritical": 4,
        "UpperThresholdCritical": 5,
        "UpperThresholdFatal": 6,
    }
    assert values.voltage(entry, "/v/1").thresholds == Thresholds(1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("entry", "reading", "units", "kind"),
    [
        ({"Reading": 51, "ReadingUnits": "Percent"}, 51, "%", ReadingType.PERCENT),
        ({"Reading": 6100, "ReadingUnits": "RPM"}, 6100, "RPM", ReadingType.ROTATIONAL),
        ({"ReadingRPM": 6100}, 6100, "RPM", ReadingType.ROTATIONAL),
        ({"CurrentReading": 15, "Units": "Percent"}, 15, "%", ReadingType.PERCENT),
        ({"Reading": 6100}, 6100, None, ReadingType.OTHER),
        ({"Reading": 6100, "ReadingUnits": None}, 6100, None, ReadingType.OTHER),
    ],
)
def test_a_fan_is_in_percent_or_rpm_as_it_says_and_in_nothing_where_it_does_not(
    entry: dict[str, Any], reading: float, units: str | None, kind: ReadingType
) -> None:
    found = values.fan({"FanName": "Fan 1", **entry}, "/f/1")
    assert (found.name, found.reading, found.units, found.reading_type) == ("Fan 1", reading, units, kind)


def test_an_averaged_output_is_told_as_such_and_only_where_there_is_none_of_now() -> None:
    both = {"PowerOutputWatts": 300, "LastPowerOutputWatts": 250}
    assert [found[0] for found in values.supply(both)] == ["PowerOutputWatts"]
    for last in ({"LastPowerOutputWatts": 250}, {"LastPowerOutputWatts": 250, "PowerOutputWatts": None}):
        [(key, quantity, value)] = values.supply(last)
        assert (key, quantity.words, value) == ("LastPowerOutputWatts", "output power, averaged", 250)


@pytest.mark.parametrize(("said", "on", "watts"), [(312, True, 312), (0, True, None), (0, False, 0), (-1, False, None)])
def test_a_server_that_is_on_draws_more_than_nothing_or_nobody_measures_it(
    said: float, on: bool, watts: float | None
) -> None:
    assert values.consumed({"PowerConsumedWatts": said}, on) == watts


def test_a_sensor_of_states_alone_is_discrete_and_keeps_the_health_it_tells() -> None:
    battery = {"Name": "Battery", "Status": OK, "Oem": {"Maker": {"SensorValue": "Presence detected"}}}
    found = values.sensor(battery, "/s/1")
    assert (found.reading_type, found.health, found.states) == (ReadingType.DISCRETE, Health.OK, ("Presence detected",))
    assert values.sensor({**battery, "Status": {"State": "Absent", "Health": "OK"}}, "/s/1").states == ()


def test_a_type_that_we_have_no_word_for_is_other_with_its_unit() -> None:
    found = values.sensor({**INLET, "ReadingType": "Altitude", "ReadingUnits": "m"}, "/s/1")
    assert (found.reading_type, found.units) == (ReadingType.OTHER, "m")
    assert values.sensor({**INLET, "ReadingType": None}, "/s/1").reading_type is ReadingType.TEMPERATURE


def test_the_same_energy_in_two_units_is_one_excerpt() -> None:
    both = {"EnergykWh": {"Reading": 1.5}, "EnergyJoules": {"Reading": 5400000}}
    assert [found.pointer for found in values.excerpts(both)] == ["EnergyJoules"]
    assert [found.pointer for found in values.excerpts({**both, "EnergyJoules": {"Reading": None}})] == [
        "EnergykWh",
        "EnergyJoules",
    ]


def test_a_fans_excerpt_tells_percent_and_rpm_apart() -> None:
    fan = {"SpeedPercent": {"Reading": 45, "SpeedRPM": 2200, "DataSourceUri": "/s/1"}}
    found = [(item.value, item.quantity.units, item.source, item.paired) for item in values.excerpts(fan)]
    assert found == [(45, "%", "/s/1", True), (2200, "RPM", "/s/1", True)]


@given(resources)
def test_whatever_stands_in_a_resource_a_sensor_is_told_and_no_number_is_made_up(resource: dict[str, Any]) -> None:
    found = [
        values.sensor(resource, "/s/1"),
        values.temperature(resource, "/t/1"),
        values.voltage(resource, "/v/1"),
        values.fan(resource, "/f/1"),
    ]
    for item in [*values.excerpts(resource), *values.summary(resource)]:
        found.append(values.made("x", item.quantity, item.value, resource, f"/m#{item.pointer}"))
    for _key, quantity, value in values.supply(resource):
        found.append(values.made("x", quantity, value, resource, "/p"))
    values.consumed(resource, True)
    for sensor in found:
        assert sensor.name
        assert sensor.reading is None or math.isfinite(sensor.reading)
        assert (
            sensor.reading is not None or sensor.reading_type is ReadingType.DISCRETE or sensor.health is not Health.OK
        )
