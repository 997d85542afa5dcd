"""The event log over Redfish: whole the first time, then what is new; emptied only where all of it is kept."""

import json
from typing import Any

import flask
import pytest

from oobctl.constants import Health
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.readings import EventLogReport
from oobctl.errors import BmcBusy, NotSupported
from oobctl.lab.redfish_service.trees import logs, refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.load import Tree
from oobctl.lab.redfish_service.trees.state import State
from tests import trees
from tests.profiles import Derived
from tests.trees import Served, changed, connected, serve, written

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"
SEL = f"{SYSTEM}/LogServices/Sel"
ENTRIES = f"{SEL}/Entries"
NAME = "Systems/1/Sel"


def inline(*entries: dict[str, Any], **more: Any) -> Tree:
    """The tree with these entries, which stand in their collection."""
    members = [{"@odata.id": f"{ENTRIES}/{entry['Id']}", "Name": "Log Entry", **entry} for entry in entries]
    return changed(written(), ENTRIES, Members=members, **{"Members@odata.count": len(members), **more})


def numbered(*numbers: int) -> list[dict[str, Any]]:
    """One each minute."""
    dates = [f"2025-03-01T{number // 60:02}:{number % 60:02}:00Z" for number in numbers]
    return [
        {"Id": str(number), "Created": date, "Message": f"Event {number}.", "Severity": "OK"}
        for number, date in zip(numbers, dates, strict=True)
    ]


def ids(report: EventLogReport) -> list[str]:
    return [entry.entry_id for entry in report.entries]


def pages_asked(bmc: Served) -> int:
    return len([request for request in bmc.asked("GET") if request.path == ENTRIES])


def test_the_first_reading_is_whole_and_decoded_and_the_next_has_what_is_new(bmc: Served, there: ConnectedBmc) -> None:
    first = there.event_log.read()
    assert (ids(first), first.whole, first.problems) == (["1", "2", "3", "4"], (NAME,), ())
    second = first.entries[1]
    assert (second.log, second.severity, second.message) == (NAME, Health.CRITICAL, "Power supply 2 lost its input.")
    assert (second.component, second.asserted) == ("Power Supply", True)
    assert json.loads(second.raw)["MessageArgs"] == ["2"]
    again = there.event_log.read(first.markers)
    assert (again.entries, again.whole, again.markers) == ((), (), first.markers)
    logs.add(bmc.state, SEL, Created="2025-03-02T02:00:00+00:00", Message="Fan 1 stopped.", Severity="Critical")
    new = there.event_log.read(first.markers)
    assert (ids(new), new.whole) == (["5"], ())
    assert there.event_log.read(new.markers).entries == ()


def test_a_log_that_was_emptied_and_counts_anew_is_read_whole(bmc: Served, there: ConnectedBmc) -> None:
    """Its new entries have ids of old ones: the date tells them apart."""
    before = there.event_log.read()
    logs.clear(bmc.state, SEL, {})
    emptied = there.event_log.read(before.markers)
    assert (emptied.entries, emptied.whole) == ((), (NAME,))
    assert there.event_log.read(emptied.markers).whole == ()
    for hour in range(5):
        logs.add(bmc.state, SEL, Created=f"2025-04-01T0{hour}:00:00+00:00", Message="After.")
    for markers in (before.markers, emptied.markers):
        found = there.event_log.read(markers)
        assert (ids(found), found.whole) == (["1", "2", "3", "4", "5"], (NAME,))


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_are_followed_and_what_is_new_costs_few_of_them(newest_first: bool, derived: Derived) -> None:
    numbers = list(range(1, 301))
    tree = inline(*numbered(*(reversed(numbers) if newest_first else numbers)))
    with serve(tree, ["paged-collections=30"]) as bmc, connected(bmc) as there:
        first = there.event_log.read()
        assert ids(first) == [str(number) for number in numbers]
        assert (first.whole, pages_asked(bmc)) == ((NAME,), 10)
        entry = {"@odata.id": f"{ENTRIES}/301", "Name": "x", **numbered(301)[0]}
        members = bmc.state.resources.at(ENTRIES)["Members"]
        members.insert(0, entry) if newest_first else members.append(entry)
        new = there.event_log.read(first.markers)
        assert (ids(new), new.whole, pages_asked(bmc)) == (["301"], (), 11)
        assert there.event_log.read(new.markers).entries == ()


def test_a_paged_log_that_wrapped_is_read_whole(derived: Derived) -> None:
    with serve(inline(*numbered(*range(1, 101))), ["paged-collections=30"]) as bmc, connected(bmc) as there:
        first = there.event_log.read()
        bmc.state.resources.at(ENTRIES)["Members"] = [
            {"@odata.id": f"{ENTRIES}/{entry['Id']}", "Name": "x", **entry} for entry in numbered(*range(61, 161))
        ]
        new = there.event_log.read(first.markers)
        assert (ids(new), new.whole) == ([str(number) for number in range(101, 161)], ())
        bmc.state.resources.at(ENTRIES)["Members"] = [
            {"@odata.id": f"{ENTRIES}/{entry['Id']}", "Name": "x", **entry} for entry in numbered(*range(301, 401))
        ]
        new = there.event_log.read(new.markers)
        assert (ids(new)[0], len(new.entries), new.whole) == ("301", 100, (NAME,))


def test_a_log_in_no_order_is_read_whole_when_it_changed_and_not_at_all_when_it_did_not() -> None:
    with serve(inline(*numbered(1, 10, 100, 2, 20))) as bmc, connected(bmc) as there:
        first = there.event_log.read()
        assert ids(first) == ["1", "2", "10", "20", "100"]  # by their dates
        assert there.event_log.read(first.markers).entries == ()
        members = bmc.state.resources.at(ENTRIES)["Members"]
        members.insert(2, {"@odata.id": f"{ENTRIES}/101", "Name": "x", **numbered(101)[0]})
        new = there.event_log.read(first.markers)
        assert (len(new.entries), new.whole) == (6, (NAME,))


@pytest.mark.parametrize("behaviour", ["paged-by-number=3", "paged-by-skip=3"])
def test_other_forms_of_pages_are_followed(behaviour: str) -> None:
    with serve(inline(*numbered(*range(1, 9))), [behaviour]) as bmc, connected(bmc) as there:
        assert ids(there.event_log.read()) == [str(number) for number in range(1, 9)]
        assert pages_asked(bmc) == 3


def test_a_count_that_is_more_than_there_is_to_read_is_a_problem_and_the_log_is_read_all_the_same() -> None:
    with serve(inline(*numbered(1, 2, 3), **{"Members@odata.count": 9})) as bmc, connected(bmc) as there:
        found = there.event_log.read()
        assert ids(found) == ["1", "2", "3"]
        assert found.problems == (f"Of the log {NAME}: it says that it has 9 entries, and gives 3.",)
        assert pages_asked(bmc) == 2
        assert there.event_log.read(found.markers).entries == ()


def test_damaged_entries_are_problems_and_the_others_are_read() -> None:
    tree = inline(*numbered(1, 2))
    tree[ENTRIES]["Members"] += [None, {"Severity": "OK", "Name": "no id"}, {"@odata.id": f"{ENTRIES}/9"}]
    with serve(tree) as bmc, connected(bmc) as there:
        found = there.event_log.read()
        assert ids(found) == ["1", "2"]
        assert any("2 of its entries have no id" in problem for problem in found.problems)
        assert any("404" in problem for problem in found.problems)
        assert found.whole == ()  # what is not told need not be gone


def test_a_log_that_cannot_be_read_keeps_its_marker_and_the_others_are_read() -> None:
    tree = trees.with_another(written(), SEL, "Second")
    with serve(tree) as bmc, connected(bmc) as there:
        first = there.event_log.read()
        assert set(first.markers) == {NAME, "Systems/1/Second"}
        kept = bmc.state.resources.at(ENTRIES)
        bmc.state.resources.put(ENTRIES, [])  # type: ignore[arg-type]
        broken = there.event_log.read(first.markers)
        assert broken.markers == first.markers
        assert any(problem.startswith(f"The log {NAME} was not read") for problem in broken.problems)
        bmc.state.resources.put(ENTRIES, kept)


def test_a_log_of_which_a_page_is_missing_is_read_again_the_next_time() -> None:
    """What lies behind the page is not lost: the marker stays as it was."""
    tree = inline(*numbered(1, 2, 3), **{"Members@odata.nextLink": f"{ENTRIES}/nowhere"})
    with serve(tree) as bmc, connected(bmc) as there:
        found = there.event_log.read()
        assert (ids(found), found.markers, found.whole) == (["1", "2", "3"], {}, ())
        assert any("404" in problem for problem in found.problems)
        del bmc.state.resources.at(ENTRIES)["Members@odata.nextLink"]
        whole = there.event_log.read(found.markers)
        assert (len(whole.entries), whole.whole) == (3, (NAME,))


def test_a_log_without_entries_while_it_is_empty_is_empty() -> None:
    with serve(trees.without(written(), SEL, "Entries")) as bmc, connected(bmc) as there:
        found = there.event_log.read()
        assert (found.entries, found.whole, found.problems) == ((), (NAME,), ())
        bmc.state.resources.at(SEL)["Entries"] = {"@odata.id": ENTRIES}
        assert ids(there.event_log.read(found.markers)) == ["1", "2", "3", "4"]


def test_what_is_no_log_of_hardware_events_is_not_read(derived: Derived) -> None:
    tree = written()
    for name in ("Journal", "BmcDump", "PostCodes", "AuditLog"):
        tree = trees.with_another(tree, SEL, name)
    tree = trees.with_another(tree, SEL, "Vendor")
    tree = trees.with_another(tree, SEL, "Purpose", LogPurposes=["Security"])
    tree = trees.with_another(tree, SEL, "Titled", LogEntryType="OEM", Name="Security log")
    with serve(tree) as bmc:
        with connected(bmc) as there:
            assert set(there.event_log.read().markers) == {NAME, "Systems/1/Vendor"}
        profile = derived(changes={"event_log.skipped": ["/Systems/[^/]+/LogServices/Vendor$"]})
        with connected(bmc, name="web02", profile=profile) as there:
            assert set(there.event_log.read().markers) == {NAME}


def test_a_bmc_without_logs_is_said_to_have_none() -> None:
    tree = trees.without(written(), SYSTEM, "LogServices")
    tree = trees.without(tree, "/redfish/v1/Managers/1", "LogServices")
    with (
        serve(tree) as bmc,
        connected(bmc) as there,
        pytest.raises(NotSupported, match="no logs of our system"),
    ):
        there.event_log.read()


def test_thousands_of_entries_are_read_and_of_too_many_the_newest(derived: Derived) -> None:
    many = [{"@odata.id": f"{ENTRIES}/{number}", "Id": str(number), "Message": "x"} for number in range(1, 20_001)]
    tree = changed(written(), ENTRIES, Members=many, **{"Members@odata.count": len(many)})
    with serve(tree, ["paged-collections=5000"]) as bmc, connected(bmc) as there:
        found = there.event_log.read()
        assert (len(found.entries), ids(found)[0], ids(found)[-1]) == (10_000, "10001", "20000")
        assert found.problems == (f"Of the log {NAME}: its oldest entries were left out.",)
        assert (found.whole, pages_asked(bmc)) == ((), 3)  # the first, and then those that are wanted
        assert there.event_log.read(found.markers).entries == ()
        assert pages_asked(bmc) == 4


# --- emptying --------------------------------------------------------------------------------------------------------


def test_a_log_is_emptied_up_to_the_marker_and_not_when_something_came_after_it(
    bmc: Served, there: ConnectedBmc
) -> None:
    kept = there.event_log.read().markers
    logs.add(bmc.state, SEL, Created="2025-03-02T02:00:00+00:00", Message="Fan 1 stopped.")
    with pytest.raises(BmcBusy, match="no copy is kept"):
        there.event_log.clear(kept)
    assert bmc.state.done("LogService.ClearLog") == []
    kept = there.event_log.read(kept).markers
    assert there.event_log.clear(kept) == (NAME,)
    assert len(bmc.state.done("LogService.ClearLog")) == 1
    assert there.event_log.read(kept).whole == (NAME,)


def test_a_log_of_which_nothing_is_kept_is_not_emptied(bmc: Served, there: ConnectedBmc) -> None:
    with pytest.raises(NotSupported, match="of which a copy is kept"):
        there.event_log.clear({})
    with pytest.raises(BmcBusy):
        there.event_log.clear({NAME: "nonsense"})
    with pytest.raises(BmcBusy):
        there.event_log.clear({NAME: '{"entry_id": "3", "order": "oldest_first"}'})
    assert bmc.state.done("LogService.ClearLog") == []


def test_the_etag_of_the_entries_goes_along_where_it_is_taken(bmc: Served, there: ConnectedBmc) -> None:
    etag = bmc.state.resources.etag(ENTRIES)
    there.event_log.clear(there.event_log.read().markers)
    assert [command.body for command in bmc.state.done("LogService.ClearLog")] == [{"LogEntriesETag": etag}]
    old = trees.changed(written(), SEL, **{"@odata.type": "#LogService.v1_1_0.LogService"})
    with serve(old) as older, connected(older, name="web02") as there:
        there.event_log.clear(there.event_log.read().markers)
        assert [command.body for command in older.state.done("LogService.ClearLog")] == [{}]


def test_an_entry_that_comes_between_the_look_and_the_command_stops_it(bmc: Served) -> None:
    """The BMC compares the ETag, and refuses."""

    def fence(_seconds: float) -> None:
        logs.add(bmc.state, SEL, Created="2025-03-02T02:00:00+00:00", Message="Just then.")

    there = trees.connect_to(trees.way(bmc), fence=fence)
    kept = there.event_log.read().markers
    with pytest.raises(BmcBusy, match="An entry may have come just then"):
        there.event_log.clear(kept)
    there.close()
    assert len(bmc.state.resources.members(ENTRIES)) == 5


class UnsteadyEtag(Behaviour):
    """The ETag of the entries is another one at each look."""

    name = "unsteady-etag"

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.method == "POST" and "LogEntriesETag" in (asked.body or {}):
            return refusals.failure(428, "PreconditionFailed", "The log entries are not those of LogEntriesETag.")
        return None


def test_an_etag_that_changes_by_itself_stops_nothing(bmc: Served, there: ConnectedBmc) -> None:
    kept = there.event_log.read().markers
    bmc.server.service.behaviours = [UnsteadyEtag()]
    assert there.event_log.clear(kept) == (NAME,)
    assert [command.body for command in bmc.state.done("LogService.ClearLog")] == [{}]


def test_a_refusal_to_empty_a_log_has_the_bmcs_words(bmc: Served) -> None:
    def fence(_seconds: float) -> None:
        bmc.state.resources.at(SEL)["Actions"] = {}

    there = trees.connect_to(trees.way(bmc), fence=fence)
    kept = there.event_log.read().markers
    with pytest.raises(NotSupported, match="asked to empty its log Systems/1/Sel and answered 404: The resource at"):
        there.event_log.clear(kept)
    there.close()


def test_a_clear_that_runs_as_a_task_is_waited_for() -> None:
    with serve(behaviours=["async-actions"]) as bmc, connected(bmc) as there:
        assert there.event_log.clear(there.event_log.read().markers) == (NAME,)
        assert bmc.asked("GET", next(iter(bmc.state.tasks))) != []
