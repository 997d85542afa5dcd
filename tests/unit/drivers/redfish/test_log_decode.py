"""Log entries as BMCs write them: dates, severities, messages and parts, and whatever else may stand there."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from oobctl.constants import Health
from oobctl.drivers.readings import EventLogEntry
from oobctl.drivers.redfish.log_decode import decode
from oobctl.profiles.load import SHIPPED, read
from tests.unit.drivers.redfish.service_shapes import resources

PROFILE = read(SHIPPED / "generic-redfish.yaml")
ENTRY = {"Id": "7", "Created": "2025-03-01T09:00:00+01:00", "Severity": "Critical", "Message": "Fan 3 stopped."}


def decoded(**changes: Any) -> EventLogEntry:
    resource = {key: value for key, value in {**ENTRY, **changes}.items() if value is not ...}
    found = decode(resource, "Systems/1/Sel", None, PROFILE, {"Maker.1.0.Fan": "Fan %1 is %2."}.get)
    assert found is not None
    return found


def test_an_entry_is_told_in_our_words() -> None:
    found = decoded(EntryCode="Assert", MessageId="Maker.1.0.Fan", SensorType="Fan", SensorNumber=0x31)
    assert (found.log, found.entry_id, found.severity, found.message) == (
        "Systems/1/Sel", "7", Health.CRITICAL, "Fan 3 stopped.",
    )  # fmt: skip
    assert found.created == datetime(2025, 3, 1, 8, tzinfo=UTC)
    assert (found.asserted, found.message_id, found.component) == (True, "Maker.1.0.Fan", "Fan 0x31")


@pytest.mark.parametrize(
    ("word", "health"),
    [
        ("OK", Health.OK),
        ("Normal", Health.OK),
        ("Informational", Health.OK),
        ("Repaired", Health.OK),
        ("Warning", Health.WARNING),
        ("Caution", Health.WARNING),
        ("Critical", Health.CRITICAL),
        ("Fatal", Health.CRITICAL),
        ("Lukewarm", Health.UNKNOWN),
        (None, Health.UNKNOWN),
        (5, Health.UNKNOWN),
        (..., Health.UNKNOWN),
    ],
)
def test_odd_words_for_a_severity_are_understood_and_unknown_ones_are_unknown(word: Any, health: Health) -> None:
    assert decoded(Severity=word).severity is health


@pytest.mark.parametrize(
    ("changes", "repaired"),
    [
        ({}, None),
        ({"Resolved": False}, False),
        ({"Resolved": True}, True),
        ({"Oem": {"Maker": {"Repaired": True}}}, True),
        ({"Oem": {"Maker": {"Severity": "Repaired"}}}, True),
        ({"Severity": "Repaired"}, True),
        ({"Resolved": "yes", "Oem": {"Maker": {"Repaired": 1}}}, None),
    ],
)
def test_what_is_repaired_is_said(changes: dict[str, Any], repaired: bool | None) -> None:
    assert decoded(**changes).repaired is repaired


def test_arguments_are_put_into_the_message_and_missing_ones_stay_visible() -> None:
    assert decoded(Message="DIMM %1 of %2.", MessageArgs=["A2"]).message == "DIMM A2 of %2."
    assert decoded(Message="No %0 and no %11.", MessageArgs=["A2"]).message == "No %0 and no %11."


def test_an_entry_without_words_has_its_registrys_else_its_id_with_its_arguments() -> None:
    there = {"Message": ..., "MessageArgs": ["3", "gone"]}
    assert decoded(MessageId="Maker.1.0.Fan", **there).message == "Fan 3 is gone."
    assert decoded(MessageId="Maker.1.0.Other", **there).message == "Maker.1.0.Other (3, gone)"
    assert decoded(Message=None, Name="Log Entry 7").message == "Log Entry 7"
    assert decoded(Message="").message == "(no message)"


def test_what_it_happened_to_is_the_sensor_and_the_part() -> None:
    origin = {"OriginOfCondition": {"@odata.id": "/redfish/v1/Systems/1/Memory/A2"}}
    assert decoded(SensorType="Memory", Links=origin).component == "Memory, /redfish/v1/Systems/1/Memory/A2"
    assert decoded(SensorType="OEM", OemSensorType="System NIC", SensorNumber=255).component == "System NIC"
    assert decoded(SensorType=None, SensorNumber=3).component is None


@pytest.mark.parametrize(
    ("code", "asserted"),
    [("Assert", True), ("Deassert", False), ("State Deasserted", False), ("Other", None), (1, None)],
)
def test_whether_it_began_or_ended_is_said_where_the_bmc_says_it(code: Any, asserted: bool | None) -> None:
    assert decoded(EntryCode=code).asserted is asserted


@pytest.mark.parametrize("created", ["0000-00-00T00:00:00Z", "1970-01-01T00:01:38Z", "yesterday", None, 17, ...])
def test_an_entry_without_a_real_date_is_kept_without_one(created: Any) -> None:
    assert decoded(Created=created).created is None


def test_raw_is_the_entry_as_it_came_and_of_bounded_length() -> None:
    assert json.loads(decoded(Extra={"x": [1, None]}).raw) == {**ENTRY, "Extra": {"x": [1, None]}}
    assert len(decoded(Extra="x" * 10_000).raw) == 4000


def test_an_entry_without_an_id_is_known_by_its_path_and_without_that_is_none() -> None:
    found = decode({}, "log", "/redfish/v1/Entries/9/", PROFILE, lambda _name: None)
    assert found is not None
    assert found.entry_id == "9"
    assert decode({"Id": []}, "log", None, PROFILE, lambda _name: None) is None
    assert decoded(Id=12).entry_id == "12"


@given(resources)
def test_whatever_stands_in_an_entry_it_is_decoded_into_what_can_be_kept(resource: dict[str, Any]) -> None:
    found = decode(resource, "log", "/redfish/v1/Entries/1", PROFILE, lambda name: None)
    assert found is not None
    assert (len(found.entry_id) <= 128, len(found.message) <= 2000, len(found.raw) <= 4000) == (True, True, True)
    for said in (found.entry_id, found.message, found.message_id or "", found.component or ""):
        assert said.isprintable()
    if resource.get("Severity") is None and "Oem" not in resource:
        assert found.severity is Health.UNKNOWN
