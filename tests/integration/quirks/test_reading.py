"""Quirks of reading: with the quirk in its profile a reading is whole or harmless, and without it it is not."""

import contextlib
from datetime import UTC, datetime

import pytest

from oobctl.constants import PartKind
from oobctl.errors import BmcUnreachable
from oobctl.store import Database
from tests import trees
from tests.profiles import Derived

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"
ENCLOSURE = "/redfish/v1/Chassis/Enclosure.Internal.0-1"


@pytest.mark.parametrize("said", ["2025-03-01T02:00:00-0600", "2025-03-01 08:00:00", "1740816000"])
def test_bad_dates_are_read(derived: Derived, said: str) -> None:
    with trees.serve(trees.changed(trees.written(), SYSTEM, LastResetTime=said)) as bmc:
        with trees.connected(bmc) as found:
            assert found.power.last_reset() == datetime(2025, 3, 1, 8, tzinfo=UTC)
        with trees.connected(bmc, name="web02", profile=derived(without=["bad-dates"])) as found:
            assert found.power.last_reset() is None


def test_bad_dates_of_zeros_are_no_date() -> None:
    with trees.serve(behaviours=["bad-dates"]) as bmc, trees.connected(bmc) as found:
        assert found.power.last_reset() is None


def test_bare_string_members_are_followed(derived: Derived) -> None:
    with trees.serve(behaviours=["bare-string-members"]) as bmc:
        with trees.connected(bmc) as found:
            whole = found.inventory.read()
            assert sum(part.kind is PartKind.MEMORY for part in whole.parts) == 4
            assert len(found.sensors.read().sensors) == 27
        profile = derived(without=["bare-string-members"])
        with trees.connected(bmc, name="web02", profile=profile, system_path=SYSTEM) as found:
            assert not [part for part in found.inventory.read().parts if part.kind is PartKind.MEMORY]


def test_storage_chassis_unsafe_are_never_asked_for(derived: Derived) -> None:
    tree = trees.with_another(trees.written(), "/redfish/v1/Chassis/1", ENCLOSURE.rpartition("/")[2])
    tree[SYSTEM]["Links"]["Chassis"].insert(0, {"@odata.id": ENCLOSURE})
    for quirks, asked in (["storage-chassis-unsafe"], False), ([], True):
        with (
            trees.serve(tree) as bmc,
            trees.connected(bmc, name=f"web-{asked}", profile=derived(quirks=quirks)) as found,
        ):
            found.inventory.read()
            found.sensors.read()
            found.health.read()
            found.power_metering.read()
            found.chassis.read_indicator()
            assert any(request.path.startswith(ENCLOSURE) for request in bmc.requests) is asked


def test_storage_chassis_unsafe_is_why_a_reading_restarts_no_bmc(derived: Derived) -> None:
    for quirks, restarts in (["storage-chassis-unsafe"], 0), ([], 1):
        profile = derived(quirks=quirks)
        with (
            trees.serve(behaviours=["storage-chassis-unsafe"]) as bmc,
            trees.connected(bmc, name=f"web-{restarts}", profile=profile) as found,
        ):
            with contextlib.suppress(BmcUnreachable):  # it restarts in the middle
                assert len(found.sensors.read().sensors) == 27 or restarts
            assert (bmc.state.bmc.restarts > 0) is bool(restarts)


def test_what_is_in_an_unsafe_storage_chassis_is_a_problem_and_not_asked_for(derived: Derived) -> None:
    drive = f"{ENCLOSURE}/Drives/9"
    tree = trees.written()
    tree[f"{SYSTEM}/Storage/1"]["Drives"].append({"@odata.id": drive})
    profile = derived(quirks=["storage-chassis-unsafe"])
    with trees.serve(tree) as bmc, trees.connected(bmc, profile=profile) as found:
        report = found.inventory.read()
        assert report.problems == (f"{drive} is not asked for: a question to a storage chassis can restart this BMC.",)
        assert sum(part.kind is PartKind.DRIVE for part in report.parts) == 3
        assert not bmc.asked("GET", drive)


def test_the_storage_chassis_of_a_captured_tree_is_never_asked_for(sqlite: Database) -> None:
    with trees.serve(trees.captured("dell")) as bmc, trees.connected(bmc, profile="dell-idrac9") as found:
        parts = found.inventory.read().parts
        assert len(found.sensors.read().sensors) == 75
        found.health.read()
        found.power_metering.read()
        assert sum(part.kind is PartKind.DRIVE for part in parts) == 3
        assert [part.kind for part in parts].count(PartKind.CHASSIS) == 1
        chassis = {request.path.split("/")[4] for request in bmc.requests if request.path.count("/") > 3}
        assert len(chassis) > 1
        assert not [path for path in chassis if "enclosure" in path.lower() and ":" not in path]
