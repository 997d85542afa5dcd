"""Logs, settings, media and accounts of a BMC that says anything at all: reports are made, or it is said why not."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.readings import as_json
from oobctl.errors import BmcBadAnswer, NotSupported
from oobctl.store import Database
from tests.trees import Served, connected, serve, written
from tests.unit.drivers.redfish.service_shapes import anything, resources

SYSTEM = "/redfish/v1/Systems/1"
NONSENSE: list[Any] = [None, 5, -1, 10**400, math.nan, "", "x", "/redfish/v1", True, [], {}, [None], {"x": None}]
TOPS = (
    "/Bios",
    "/Registries",
    "/LogServices",
    "/VirtualMedia",
    "/AccountService",
    "/NetworkProtocol",
    "/HostInterfaces",
)
READ = [*sorted(path for path in written() if any(top in path for top in TOPS)), "/redfish/v1/Managers/1"]


@pytest.fixture
def bmc(sqlite: Database) -> Iterator[Served]:
    with serve() as served:
        yield served


@pytest.fixture
def there(bmc: Served) -> Iterator[ConnectedBmc]:
    with connected(bmc) as found:
        found.power.read()  # the accounts by which we are let in become nonsense too
        yield found


def read_all(there: ConnectedBmc) -> None:
    """Each report is made and JSON can hold it, or the BMC has no such thing, or answered nonsense altogether."""
    first = None
    for read in (
        there.event_log.read,
        there.bios.read,
        there.virtual_media.read,
        there.users.read,
        there.security.read,
    ):
        with contextlib.suppress(NotSupported, BmcBadAnswer):
            report = read()
            first = first or report
            _check(as_json(report))
    with contextlib.suppress(NotSupported, BmcBadAnswer):
        _check(as_json(there.event_log.read(getattr(first, "markers", None))))


def _check(value: Any) -> None:
    assert not isinstance(value, float) or math.isfinite(value)
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check(inside)


def nonsensical(value: Any, nonsense: Any) -> Any:
    """A resource with nonsense for every value, but for its links and its type."""
    if isinstance(value, dict):
        kept = ("@odata.id", "@odata.type", "target", "Uri")
        return {key: found if key in kept else nonsensical(found, nonsense) for key, found in value.items()}
    if isinstance(value, list) and value:
        return [nonsensical(item, nonsense) for item in value]
    return nonsense


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_for_every_value_below_links_that_hold_is_read(
    bmc: Served, there: ConnectedBmc, nonsense: Any
) -> None:
    for path in READ:
        bmc.state.resources.put(path, nonsensical(bmc.state.resources.at(path), nonsense))
    read_all(there)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_for_every_property_at_all_is_read(bmc: Served, there: ConnectedBmc, nonsense: Any) -> None:
    for path in READ:
        found = bmc.state.resources.at(path)
        bmc.state.resources.put(path, {key: nonsense for key in found if key != "@odata.id"})
    read_all(there)


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
