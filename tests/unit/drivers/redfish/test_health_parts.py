"""Counting parts by their health."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.readings import HealthReport
from oobctl.drivers.redfish.health_parts import Tally, judged
from oobctl.drivers.redfish.tree import Member
from tests.unit.drivers.redfish.shapes import resources


def member(path: str, health: Any = "OK", state: Any = "Enabled", **more: Any) -> Member:
    return Member(path, {"Name": path, "Status": {"Health": health, "State": state}, **more})


def report(*drives: Member, system: Any = "OK") -> HealthReport:
    tally = Tally()
    tally.whole(PartKind.SYSTEM, member("system", system))
    for drive in drives:
        tally.part(PartKind.DRIVE, drive)
    return tally.report(())


def test_the_worst_part_is_the_health_and_stands_first_what_is_unknown_last() -> None:
    found = report(member("a", None), member("b", "Warning"), member("c", "Critical"), member("d"))
    assert found.health is Health.CRITICAL
    assert [part.name for part in found.parts] == ["c", "b", "a"]
    assert (found.known, found.unknown) == (4, 1)


def test_null_is_unknown_and_nothing_known_is_not_ok() -> None:
    found = report(member("a", None), member("b", None), system=None)
    assert (found.health, found.known, found.unknown) == (Health.UNKNOWN, 0, 3)
    assert {part.because for part in found.parts} == {"The BMC does not tell its health."}


def test_absent_parts_and_silent_ones_that_are_off_do_not_count() -> None:
    found = report(member("a", "Critical", "Absent"), member("b", None, "Disabled"))
    assert (found.health, found.known, found.unknown, found.parts) == (Health.OK, 1, 0, ())


def test_a_part_that_is_off_and_complains_counts() -> None:
    found = report(member("a", "Critical", "Disabled"))
    assert [(part.name, part.health) for part in found.parts] == [("a", Health.CRITICAL)]


def test_a_system_is_named_only_where_no_part_is_as_bad() -> None:
    explained = report(member("a", "Critical"), system="Critical")
    assert [part.name for part in explained.parts] == ["a"]
    unexplained = report(member("a", "Warning"), system="Critical")
    assert [part.name for part in unexplained.parts] == ["system", "a"]
    assert unexplained.health is explained.health is Health.CRITICAL


def test_a_drive_that_foresees_its_end_is_a_warning_and_says_so() -> None:
    found = judged(PartKind.DRIVE, member("a", "OK", FailurePredicted=True))
    assert (found.health, found.because) == (Health.WARNING, "It foresees its own failure.")


def test_the_conditions_of_a_part_are_the_reason() -> None:
    status = {"Health": "Warning", "Conditions": [None, {"Message": "Fan 2 is slow."}]}
    assert judged(PartKind.FAN, Member("f", {"Status": status})).because == "Fan 2 is slow."


def test_a_lost_redundancy_counts_as_a_part_and_one_that_says_nothing_does_not() -> None:
    tally = Tally()
    groups = [
        {"Name": "PSU redundancy", "Status": {"Health": "Critical", "State": "Enabled"}},
        {"Name": "PSU redundancy", "Status": {"Health": "OK", "State": "Enabled"}},
        {"Name": "Silent", "Status": {"Health": None}},
        {"Name": "Off", "Status": {"Health": "Critical", "State": "Disabled"}},
    ]
    for _ in range(2):  # a second look finds the same groups
        tally.redundancy(PartKind.POWER_SUPPLY, list(groups), "/power")
    found = tally.report(())
    assert [(part.name, part.because) for part in found.parts] == [("PSU redundancy", "The redundancy is lost.")]
    assert (found.known, found.unknown) == (2, 0)


def test_a_part_seen_twice_counts_once_and_sensors_count_only_where_they_complain() -> None:
    tally = Tally()
    for _ in range(2):
        tally.part(PartKind.FAN, member("fan"))
        tally.sensor(member("hot", "Critical", ReadingCelsius=99))
        tally.sensor(member("cool", "OK", ReadingCelsius=20))
        tally.sensor(member("off", "Critical", "Disabled"))
    found = tally.report(())
    assert (found.known, [part.because for part in found.parts]) == (2, ["It reads 99 °C."])


@given(st.lists(resources, max_size=5), resources)
def test_whatever_parts_say_of_themselves_a_report_is_made(
    drives: list[dict[str, Any]], system: dict[str, Any]
) -> None:
    tally = Tally()
    tally.whole(PartKind.SYSTEM, Member("system", system))
    for place, drive in enumerate(drives):
        tally.part(PartKind.DRIVE, Member(str(place), drive))
        tally.sensor(Member(f"s{place}", drive))
    tally.redundancy(PartKind.FAN, list(drives), "/r")
    found = tally.report(())
    assert found.known + found.unknown <= 1 + 3 * len(drives)
    assert (found.health is Health.UNKNOWN) == (found.known == 0)
    assert all(part.health is not Health.OK and part.because for part in found.parts)
    assert all(part.state is not State.ABSENT for part in found.parts)
