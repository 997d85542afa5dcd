"""A recording ends at its limits, asks for nothing that harms a BMC, and keeps what was read of one that went away."""

from typing import Any

import pytest

from oobctl.drivers import recording
from oobctl.drivers.redfish import Bounds
from oobctl.store import Database
from tests.trees import connected, serve, with_another, written


def record_of(tree: Any, bounds: Bounds, profile: str = "generic-redfish") -> tuple[recording.Recording, list[str]]:
    """What is recorded of the tree, and which paths were asked for."""
    with serve(tree) as bmc, connected(bmc, profile=profile) as found:
        made = recording.record(found, found.identify(), {}, bounds, lambda _words: None)
        return made, [request.path for request in bmc.requests if request.method == "GET"]


@pytest.mark.parametrize("bounds", [Bounds(resources=5), Bounds(size=4000), Bounds(seconds=0.0)])
def test_a_recording_ends_at_its_limits_and_says_so(sqlite: Database, bounds: Bounds) -> None:
    made, _ = record_of("plain", bounds)
    assert len(made.resources) < 20
    assert any("more resources were known when the limit was reached" in problem for problem in made.problems)


def with_a_raid_chassis() -> Any:
    tree = with_another(written(), "/redfish/v1/Chassis/1", "Enclosure.RAID.1")
    assert "/redfish/v1/Chassis/Enclosure.RAID.1" in tree
    return tree


@pytest.mark.parametrize(("profile", "asked"), [("generic-redfish", False), ("dell-idrac9", False), ("openbmc", True)])
def test_a_chassis_that_can_restart_its_bmc_is_not_asked_for_where_that_may_be(
    sqlite: Database, profile: str, asked: bool
) -> None:
    _, paths = record_of(with_a_raid_chassis(), Bounds(), profile)
    assert any("/Chassis/Enclosure.RAID.1" in path for path in paths) is asked


def test_of_a_long_log_the_first_entries_are_enough(sqlite: Database) -> None:
    tree = written()
    log = next(path for path in tree if path.endswith("/Entries"))
    members = [{"@odata.id": f"{log}/N{number}"} for number in range(80)]
    entries = {item["@odata.id"]: {"@odata.id": item["@odata.id"], "Id": "N", "Name": "Entry"} for item in members}
    _, paths = record_of({**tree, log: {**tree[log], "Members": members}, **entries}, Bounds())
    assert len([path for path in paths if path.startswith(f"{log}/N")]) == 50


def test_a_bmc_that_is_gone_half_way_ends_the_recording_with_what_was_read(sqlite: Database) -> None:
    with serve("plain") as bmc, connected(bmc) as found:
        identity = found.identify()
        pages = 0

        def vanish(_words: str) -> None:
            nonlocal pages
            pages += 1
            if pages == 10:
                bmc.server.stop()
                found.close()  # the connection that is open would go on

        made = recording.record(found, identity, {}, Bounds(), vanish)
    assert len(made.resources) == 10
    assert "in a row could not be read" in made.problems[-1]
