"""What no sensor can read is no reading and never OK; nor is what lies outside of its own thresholds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.constants import Health, ReadingType
from oobctl.drivers import plausible
from oobctl.drivers.readings import Sensor
from oobctl.drivers.redfish import sensor_values as values

OK = {"Status": {"State": "Enabled", "Health": "OK"}}
FAN = {"Name": "Fan 1", "ReadingUnits": "RPM", "LowerThresholdCritical": 600, **OK}
WARM = {
    "Name": "Inlet",
    "LowerThresholdCritical": 3,
    "UpperThresholdNonCritical": 38,
    "UpperThresholdCritical": 42,
    **OK,
}


NONE: list[Any] = [-1e308, -1, 1e7, "6050 RPM", True, float("nan"), float("inf"), 10**400, [], {"x": 1}]


@pytest.mark.parametrize("value", NONE, ids=lambda value: repr(value)[:20])
def test_what_no_fan_can_read_is_no_reading_and_one_problem(value: Any) -> None:
    (sensor,), problems = plausible.settled([values.fan({**FAN, "Reading": value}, "/Thermal#/Fans/0")])
    assert (sensor.reading, sensor.health) == (None, Health.UNKNOWN)
    assert type(sensor) is Sensor
    assert len(problems) == 1
    assert problems[0].startswith("Fan 1 (/Thermal#/Fans/0) reads ")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ReadingType.TEMPERATURE, -101),
        (ReadingType.TEMPERATURE, 1001),
        (ReadingType.PERCENT, 1e32),
        (ReadingType.VOLTAGE, -1e6),
        (ReadingType.POWER, 1e9),
        (ReadingType.OTHER, 1e308),
    ],
)
def test_each_type_has_a_least_and_a_most(kind: ReadingType, value: float) -> None:
    quantity = values.Quantity(kind, "x", "")
    (sensor,), problems = plausible.settled([values.made("it", quantity, value, OK, "/p")])
    assert (sensor.reading, sensor.health, len(problems)) == (None, Health.UNKNOWN, 1)


def test_every_type_is_in_the_table() -> None:
    assert set(plausible.RANGES) == set(ReadingType)


@pytest.mark.parametrize(
    ("value", "health"),
    [(2, Health.CRITICAL), (3, Health.OK), (38, Health.OK), (39, Health.WARNING), (43, Health.CRITICAL)],
)
def test_outside_of_its_own_thresholds_nothing_is_ok(value: float, health: Health) -> None:
    assert values.temperature({**WARM, "ReadingCelsius": value}, "/t").health is health


def test_thresholds_that_nobody_set_count_for_nothing() -> None:
    unset = {**FAN, "Reading": 6050, "UpperThresholdCritical": 0, "UpperThresholdNonCritical": 500}
    assert values.fan(unset, "/f").health is Health.OK
    off = {"Thresholds": {"UpperCritical": {"Reading": 30, "Activation": "Disabled"}}, "Reading": 40, **OK}
    assert values.sensor({**off, "ReadingType": "Temperature"}, "/s").health is Health.OK


def test_a_value_of_what_is_not_there_is_no_problem() -> None:
    absent = {**FAN, "Reading": "none", "Status": {"State": "Absent"}}
    assert plausible.settled([values.fan(absent, "/f")])[1] == []


@given(st.floats(allow_nan=True), st.sampled_from(list(ReadingType)))
def test_whatever_is_ok_can_be_and_is_inside_its_thresholds(value: float, kind: ReadingType) -> None:
    limits = {"lower_critical": 5.0, "upper_caution": 60.0}
    found = values.made("it", values.Quantity(kind, None, ""), value, OK, "/p", dict(limits))
    if found.health is Health.OK:
        assert found.reading is not None
        assert 5 <= found.reading <= 60
