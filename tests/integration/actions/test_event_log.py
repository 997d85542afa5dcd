"""event_log.clear: a copy is kept first, and what came in meanwhile is not lost."""

from sqlalchemy import select

from oobctl.constants import JobState, Outcome
from oobctl.store import EventLogEntry, database
from tests.integration.actions.conftest import OnTree


def kept(on_tree: OnTree) -> list[EventLogEntry]:
    with database().read() as session:
        query = select(EventLogEntry).where(EventLogEntry.server_id == on_tree.road.servers["db01"])
        return list(session.scalars(query.order_by(EventLogEntry.id)))


def test_a_log_is_emptied_once_all_of_it_is_kept(on_tree: OnTree) -> None:
    entries = "/redfish/v1/Systems/1/LogServices/Sel/Entries"
    there = on_tree.bmc.state.resources.members(entries)
    assert there
    job = on_tree.road.do("event_log.clear", "db01", by="technician")
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    assert len(on_tree.bmc.state.done("LogService.ClearLog")) >= 1
    rows = kept(on_tree)
    assert len([row for row in rows if row.log == "Sel" or "Sel" in row.log]) >= len(there)
    assert all(row.gone_at is not None for row in rows if row.raw and "Sel/Entries" in row.raw)
