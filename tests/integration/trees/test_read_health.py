"""Health of servers with something broken, by rollups and without."""

from typing import Any

import pytest

from oobctl.constants import Health, PartKind
from tests.integration.trees.variants import CHASSIS, DRIVES, FANS, SHELF, SUPPLIES, SYSTEM, at, bad
from tests.trees import changed, written

pytestmark = pytest.mark.usefixtures("sqlite")


def test_a_broken_drive_is_found_behind_a_rollup_that_is_not_ok() -> None:
    tree = changed(written(), f"{DRIVES}/2", Status={"State": "Enabled", "Health": "Critical"})
    tree = changed(tree, SYSTEM, Status={"State": "Enabled", "Health": "OK", "HealthRollup": "Critical"})
    with at(tree) as (_bmc, there):
        report = there.health.read()
        assert report.health is Health.CRITICAL
        assert [(part.kind, part.name, part.location) for part in report.parts] == [
            (PartKind.DRIVE, "Drive 2", "Bay 2")
        ]
        assert report.parts[0].because == "The BMC says that it is Critical."


def test_where_summaries_hide_it_the_broken_part_is_searched_for() -> None:
    tree = changed(written(), f"{SYSTEM}/Memory/A2", Status={"State": "Enabled", "Health": "Warning"})
    tree = changed(tree, SYSTEM, Status={"State": "Enabled", "Health": "Warning"})  # MemorySummary says OK
    with at(tree) as (_bmc, there):
        assert [(part.kind, part.location) for part in bad(there)] == [(PartKind.MEMORY, "DIMM A2")]


def test_a_system_that_is_broken_without_a_broken_part_is_named_itself() -> None:
    with at(changed(written(), SYSTEM, Status={"State": "Enabled", "Health": "Critical"})) as (_bmc, there):
        assert [(part.kind, part.health) for part in bad(there)] == [(PartKind.SYSTEM, Health.CRITICAL)]


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        (f"{FANS}/2", PartKind.FAN, "Shelf Fan 2"),
        (f"{SUPPLIES}/1", PartKind.POWER_SUPPLY, "Shelf PSU 1"),
        ("/redfish/v1/Managers/1", PartKind.OTHER, "Manager"),
    ],
)
def test_a_broken_part_is_found_without_any_rollup(path: str, kind: PartKind, name: str) -> None:
    tree = changed(written(), path, Status={"State": "Enabled", "Health": "Critical"})
    with at(tree) as (_bmc, there):
        assert [(part.kind, part.name) for part in bad(there)] == [(kind, name)]


@pytest.mark.parametrize(
    ("path", "key", "kind", "name"),
    [
        (f"{CHASSIS}/Power", "PowerSupplies", PartKind.POWER_SUPPLY, "PSU 1"),
        (f"{CHASSIS}/Power", "Redundancy", PartKind.POWER_SUPPLY, "PSU redundancy"),
        (f"{CHASSIS}/Thermal", "Fans", PartKind.FAN, "Fan 1"),
        (f"{CHASSIS}/Thermal", "Redundancy", PartKind.FAN, "Fan redundancy"),
        (f"{CHASSIS}/Thermal", "Temperatures", PartKind.OTHER, "Inlet Temp"),
        (f"{SHELF}/PowerSubsystem", "PowerSupplyRedundancy", PartKind.POWER_SUPPLY, "Shelf supplies"),
        (f"{SHELF}/ThermalSubsystem", "FanRedundancy", PartKind.FAN, "Shelf fans"),
    ],
)
def test_power_and_cooling_are_looked_at_whatever_the_rollups_say(
    path: str, key: str, kind: PartKind, name: str
) -> None:
    tree = written()
    tree[path][key][0]["Status"] = {"State": "Enabled", "Health": "Warning"}
    with at(tree) as (_bmc, there):
        assert [(part.kind, part.name) for part in bad(there)] == [(kind, name)]
        assert there.health.read().health is Health.WARNING


def test_null_everywhere_is_unknown_and_not_ok() -> None:
    tree = written()
    for resource in tree.values():
        _silence(resource)
    with at(tree) as (_bmc, there):
        report = there.health.read()
        assert (report.health, report.known) == (Health.UNKNOWN, 0)
        assert report.unknown > 10
        assert {one.health for one in there.sensors.read().sensors} == {Health.UNKNOWN}


def _silence(value: Any) -> None:
    if isinstance(value, dict):
        if "Health" in value:
            value |= {"Health": None, "HealthRollup": None}
        for inside in value.values():
            _silence(inside)
    elif isinstance(value, list):
        for inside in value:
            _silence(inside)
