"""Values out of resources of any shape."""

import math
from typing import Any

import pytest
from hypothesis import given

from oobctl.constants import Health, State
from oobctl.drivers.redfish import fields
from tests.unit.drivers.redfish.shapes import anything, resources

PLACES: list[tuple[dict[str, Any], str | None]] = [
    ({"PhysicalLocation": {"PartLocation": {"ServiceLabel": "Box 2:Bay 1", "LocationType": "Bay"}}}, "Box 2:Bay 1"),
    ({"Location": {"PartLocation": {"LocationType": "Slot", "LocationOrdinalValue": 0}}}, "Slot 0"),
    ({"Location": {"PartLocation": {"LocationType": "Slot", "LocationOrdinalValue": -1}}}, None),
    ({"Location": [{"Info": "2:1", "InfoFormat": "Box:Bay"}]}, "Box 2 Bay 1"),
    ({"Location": [{"Info": "left", "InfoFormat": "Box:Bay"}]}, "left"),
    ({"Location": {"Placement": {"Row": "C", "Rack": "12", "RackOffset": 7}}}, "Row C Rack 12 U 7"),
    ({"Oem": {"Maker": {"BayNumber": 2}}}, "Bay 2"),
    ({"PhysicalLocation": {}, "Location": {"PartLocation": {"ServiceLabel": "A1"}}}, "A1"),
    ({"Location": [], "PhysicalLocation": None}, None),
    ({}, None),
]


@pytest.mark.parametrize("value", [None, True, "12", "NaN", math.nan, math.inf, -math.inf, 10**400, [], {}, [1]])
def test_what_is_no_finite_number_is_no_number(value: Any) -> None:
    assert fields.number(value) is None


def test_numbers_are_kept_as_they_are() -> None:
    assert [fields.number(value) for value in (0, -5, 12.5)] == [0.0, -5.0, 12.5]


@pytest.mark.parametrize(("value", "found"), [(0, None), (-1, None), (16384, 16384), (2**70, None), ("8", None)])
def test_a_size_of_nothing_or_beyond_all_sizes_is_not_known(value: Any, found: int | None) -> None:
    assert fields.whole(value) == found


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ({"Health": "OK", "HealthRollup": "Critical"}, Health.OK),
        ({"Health": None, "HealthRollup": "Warning"}, Health.WARNING),
        ({"Health": None, "HealthRollup": None}, Health.UNKNOWN),
        ({"Health": "Fine"}, Health.UNKNOWN),
        ({"Health": 1}, Health.UNKNOWN),
        ({}, Health.UNKNOWN),
        ({"State": "Absent", "Health": "OK"}, Health.UNKNOWN),
        ({"State": "Absent", "Health": "Critical"}, Health.UNKNOWN),
        ("OK", Health.UNKNOWN),
        (None, Health.UNKNOWN),
    ],
)
def test_null_absent_and_unheard_of_health_is_unknown_and_never_ok(status: Any, health: Health) -> None:
    assert fields.health_of({"Status": status}) is health


def test_with_the_rollup_the_worse_of_the_two_counts() -> None:
    for own, rolled in (("OK", "Critical"), ("Critical", "OK")):
        status = {"Health": own, "HealthRollup": rolled}
        assert fields.health_of({"Status": status}, rollup=True) is Health.CRITICAL
    assert fields.health_of({"Status": {"HealthRollup": None}}, rollup=True) is Health.UNKNOWN


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Enabled", State.ENABLED),
        ("absent", State.ABSENT),
        ("StandbySpare", State.STANDBY_OFFLINE),
        ("Degraded", State.ENABLED),
        ("Broken", State.UNKNOWN),
        (None, State.UNKNOWN),
        (["Absent"], State.UNKNOWN),
    ],
)
def test_states_beyond_ours_are_told_as_the_nearest_of_ours(said: Any, state: State) -> None:
    assert fields.state_of({"Status": {"State": said}}) is state


@pytest.mark.parametrize(("resource", "words"), PLACES)
def test_a_place_is_told_in_the_bmcs_words(resource: dict[str, Any], words: str | None) -> None:
    assert fields.place_of(resource) == words


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Disk.Bay.3", "Bay 3"),
        ("Power Supply Bay 01", "Bay 1"),
        ("slot_12", "Slot 12"),
        ("Embay 3", None),
        ("Bay", None),
    ],
)
def test_a_place_that_stands_in_the_name_alone_is_read_from_there(name: str, place: str | None) -> None:
    assert fields.named_place({"Name": name}) == place


def test_a_makers_placeholder_is_no_serial_number() -> None:
    said = {"SerialNumber": "To be filled by O.E.M.", "PartNumber": " P-1 "}
    assert fields.known_words(said, "SerialNumber") is None
    assert fields.known_words(said, "SerialNumber", "PartNumber") == "P-1"


@given(resources, anything)
def test_nothing_that_a_bmc_says_makes_a_reader_of_fields_fail(resource: dict[str, Any], value: Any) -> None:
    resource = {**resource, "Status": value, "Location": value, "Oem": value, "Name": value}
    found = fields.details(resource, *resource)
    assert all(isinstance(item, (str, bool, int)) or math.isfinite(item) for item in found.values())
    fields.place_of(resource)
    fields.named_place(resource)
    fields.known_words(resource, *resource)
    fields.health_of(resource, rollup=True)
    assert fields.name_of(resource, "/redfish/v1/x")
    assert fields.oem(resource, "BayNumber") is None or isinstance(value, dict)
