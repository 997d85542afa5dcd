"""What the drivers read of the captured trees equals what the files hold, counted without the drivers' code."""

from collections import Counter
from functools import lru_cache

import pytest

from oobctl.constants import Health, PartKind, State
from oobctl.lab.redfish_service.trees.load import load
from oobctl.store import Database
from tests.tables import trees
from tests.trees import captured

pytestmark = pytest.mark.usefixtures("sqlite")
each_system = pytest.mark.parametrize(("name", "system"), trees.SYSTEMS)


@lru_cache(maxsize=8)
def _read(name: str, system: str) -> trees.Read:
    return trees.read(name, system)


@pytest.fixture
def read(sqlite: Database, name: str, system: str) -> trees.Read:
    """Read once; the tests look at one thing each."""
    return _read(name, system)


@each_system
def test_parts_sensors_health_and_watts_are_those_of_the_tree(read: trees.Read, name: str, system: str) -> None:
    differing = [row for row in trees.rows(read, trees.held(name, system)) if row[1] != row[2]]
    assert differing == []


@each_system
def test_sensor_by_sensor_value_unit_and_health_are_those_of_the_tree(read: trees.Read, name: str, system: str) -> None:
    found = {one.source: (one.reading, one.units or "", str(one.health)) for one in read.sensors.sensors}
    there = trees.held(name, system).sensors
    assert found.keys() == there.keys()
    assert {source for source in found if found[source] != there[source]} == set()


@each_system
def test_no_sensor_is_told_twice_and_no_source_of_an_excerpt_is_missing(
    read: trees.Read, name: str, system: str
) -> None:
    sources = Counter(one.source for one in read.sensors.sensors)
    assert max(sources.values()) == 1
    assert trees.held(name, system).sources <= sources.keys()


@each_system
def test_thresholds_are_those_of_the_tree(read: trees.Read, name: str, system: str) -> None:
    tree = load(captured(name))
    compared = 0
    for one in read.sensors.sensors:
        path, _, pointer = one.source.partition("#/")
        entry = tree[path]
        if pointer:
            key, place, *rest = pointer.split("/")
            entry = {} if rest else entry[key][int(place)]
        newer = {name: inside.get("Reading") for name, inside in (entry.get("Thresholds") or {}).items()}
        upper = entry.get("UpperThresholdCritical", newer.get("UpperCritical"))
        if one.state is State.ENABLED and one.reading is not None:
            assert one.thresholds.upper_critical == upper, one.source
            compared += upper is not None
    assert compared or name.endswith("x10") or system.endswith("System_0")


@each_system
def test_serials_slots_and_addresses_are_those_of_the_tree(read: trees.Read, name: str, system: str) -> None:
    there = trees.held(name, system)
    found: dict[str, set[str]] = {}
    for part in read.inventory.parts:
        if part.serial:
            found.setdefault(part.kind, set()).add(part.serial)
    assert found == there.serials
    macs = [mac for part in read.inventory.parts for mac in part.mac_addresses]
    assert Counter(macs) == Counter(there.macs)  # each on one part
    if there.slots:
        assert {part.location for part in read.inventory.parts if part.kind is PartKind.MEMORY} == there.slots


@each_system
def test_what_is_broken_is_named_with_its_reason(read: trees.Read, name: str, system: str) -> None:
    pieces = {PartKind.DRIVE, PartKind.STORAGE_CONTROLLER, PartKind.POWER_SUPPLY, PartKind.FAN, PartKind.OTHER}
    bad = [part for part in read.health.parts if part.health not in {Health.UNKNOWN, Health.OK}]
    there = {kind: count for kind, count in trees.held(name, system).broken.items() if count}
    assert {kind: count for kind, count in there.items() if kind in pieces} == Counter(str(part.kind) for part in bad)
    assert all(part.because for part in read.health.parts)
    assert bool(bad) == (read.health.health in {Health.WARNING, Health.CRITICAL})


@each_system
def test_nothing_is_asked_for_twice_in_one_reading(read: trees.Read, name: str, system: str) -> None:
    for capability, paths in read.asked.items():
        assert Counter(paths).most_common(1)[0][1] == 1, capability


def test_a_bmc_that_rolls_up_its_health_is_asked_a_handful_of_questions(sqlite: Database) -> None:
    found = _read(*trees.SYSTEMS[0])
    assert len(found.asked["health"]) <= 10 < len(found.asked["inventory"])


def test_links_to_nothing_are_problems_and_the_rest_is_read(sqlite: Database) -> None:
    found = _read(*trees.SYSTEMS[3])
    assert len(found.inventory.problems) == 2
    assert all("404" in problem for problem in found.inventory.problems)
    assert len(found.inventory.parts) > 10
