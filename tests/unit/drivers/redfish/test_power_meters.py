"""Power meters out of Redfish resources."""

import math
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.readings import PowerMeter
from oobctl.drivers.redfish.power_metering import completed, control_meter, set_point
from tests.unit.drivers.redfish.shapes import resources

CONTROL = {
    "Name": "Server power",
    "PowerConsumedWatts": 312,
    "PowerCapacityWatts": 1600,
    "PowerLimit": {"LimitInWatts": 900},
    "PowerMetrics": {"IntervalInMin": 5, "AverageConsumedWatts": 305, "MinConsumedWatts": 240, "MaxConsumedWatts": 480},
}


def test_a_power_control_is_told_in_watts_and_seconds() -> None:
    assert control_meter(CONTROL, True) == PowerMeter("Server power", 312, 305, 240, 480, 300, 1600, 900)


def test_zeros_of_a_server_that_is_on_are_no_measurement() -> None:
    zeros = {"AverageConsumedWatts": 0, "MinConsumedWatts": 0, "MaxConsumedWatts": 0}
    control = {"PowerConsumedWatts": 0, "PowerMetrics": zeros}
    assert astuple(control_meter(control, True))[1:5] == (None, None, None, None)
    assert astuple(control_meter(control, False))[1:5] == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("control", "watts"),
    [
        ({"SetPoint": 900, "SetPointUnits": "W", "ControlMode": "Automatic"}, 900),
        ({"SetPoint": 900}, 900),
        ({"SetPoint": 900, "ControlMode": "Disabled"}, None),
        ({"SetPoint": 90, "SetPointUnits": "Cel"}, None),
        ({"SetPoint": None}, None),
        ({}, None),
    ],
)
def test_a_limit_is_told_where_it_is_in_force_and_in_watts(control: dict[str, Any], watts: float | None) -> None:
    assert set_point(control) == watts


def test_a_meter_takes_from_the_newer_place_only_what_it_does_not_know() -> None:
    old, new = PowerMeter("old", 300, limit_watts=None), PowerMeter("new", 310, limit_watts=800, capacity_watts=1600)
    assert completed(old, new) == PowerMeter("old", 300, limit_watts=800, capacity_watts=1600)


@given(resources, st.booleans())
def test_whatever_stands_in_a_control_a_meter_has_finite_numbers_or_none(resource: dict[str, Any], on: bool) -> None:
    for value in astuple(control_meter(resource, on))[1:]:
        assert value is None or math.isfinite(value)
    limit = set_point(resource)
    assert limit is None or math.isfinite(limit)
