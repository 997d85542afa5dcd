"""Readings of a BMC that says anything at all: a report is made, and what is wrong in it is left out or a problem."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.readings import as_json
from tests.trees import Served, written
from tests.unit.drivers.redfish.shapes import anything, resources

SYSTEM = "/redfish/v1/Systems/1"
NONSENSE: list[Any] = [
    None,
    5,
    -1,
    1e308,
    10**400,
    math.nan,
    math.inf,
    "",
    "x",
    True,
    [],
    {},
    [None],
    [[]],
    {"x": None},
]
TOPS = (SYSTEM, "/redfish/v1/Chassis", "/redfish/v1/Managers/1", "/redfish/v1/UpdateService")
READ = sorted(path for path in written() if path.startswith(TOPS) and "/Bios" not in path and "/Log" not in path)


def read_all(there: ConnectedBmc) -> None:
    """Every report is made, and JSON can hold it."""
    for report in (there.inventory.read(), there.sensors.read(), there.health.read(), there.power_metering.read()):
        _check(as_json(report))


def _check(value: Any) -> None:
    assert not isinstance(value, float) or math.isfinite(value)
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check(inside)


def nonsensical(value: Any, nonsense: Any, keep: tuple[str, ...]) -> Any:
    """A resource with nonsense for every value, but for these keys."""
    if isinstance(value, dict):
        return {key: found if key in keep else nonsensical(found, nonsense, keep) for key, found in value.items()}
    if isinstance(value, list) and value:
        return [nonsensical(item, nonsense, keep) for item in value]
    return nonsense


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_for_every_value_below_links_that_hold_is_read(
    bmc: Served, there: ConnectedBmc, nonsense: Any
) -> None:
    for path in READ:
        found = bmc.state.resources.at(path)
        bmc.state.resources.put(path, nonsensical(found, nonsense, ("@odata.id", "@odata.type", "Name")))
    read_all(there)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_for_every_property_at_all_is_read(bmc: Served, there: ConnectedBmc, nonsense: Any) -> None:
    for path in READ:
        found = bmc.state.resources.at(path)
        bmc.state.resources.put(path, {key: nonsense for key in found if key != "@odata.id"})
    for report in (there.inventory.read(), there.health.read()):
        _check(as_json(report))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(READ), resources, min_size=1, max_size=8), anything)
def test_random_json_in_any_resource_is_read(
    bmc: Served, there: ConnectedBmc, changes: dict[str, dict[str, Any]], value: Any
) -> None:
    kept = {path: bmc.state.resources.at(path) for path in changes}
    for path, change in changes.items():
        keys = sorted(kept[path])
        wrong = {keys[len(change) % len(keys)]: value}
        bmc.state.resources.put(path, {**kept[path], **change, **wrong, "@odata.id": path})
    try:
        read_all(there)
    finally:
        for path, resource in kept.items():
            bmc.state.resources.put(path, resource)
