"""The BMC's event log: emptied once a copy of all of it is kept."""

from oobctl import clock, readings
from oobctl.actions import steps
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Lock, Outcome, Permission
from oobctl.drivers.readings import EventLogReport
from oobctl.errors import BmcBusy, StateNotReached
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.store import database

_TRIES = 5  # entries that keep coming in


def _keep_copy(run: Run) -> str:
    """What is newer than what is kept already, so that the store has the whole log."""
    report = _read_and_keep(run)
    run.saw("before", new_entries=len(report.entries))
    return f"A copy is kept: {readings.counted(report)} since it was last read"


def _ensure_cleared(run: Run) -> str:
    """Each try is for the entries that are kept: one that came in since makes the BMC refuse, and is kept first."""
    cleared: tuple[str, ...] = ()
    for number in range(1, _TRIES + 1):
        report = _read_and_keep(run)
        try:
            cleared = run.bmc.event_log.clear(report.markers)
            break
        except BmcBusy as error:
            if number == _TRIES:
                raise
            run.wait(1.0, f"for the log of {run.name} to stand still: {error.message}")
    run.acted_already = True
    after = _read_and_keep(run)
    left = [log for log in cleared if log not in after.whole]
    run.saw("after", cleared=list(cleared), entries=len(after.entries))
    if left:
        raise StateNotReached(
            f"The BMC of {run.name} took the request, but {', '.join(left)} is not read as emptied.",
            wanted="emptied",
            last_read=f"{len(after.entries)} entries",
        )
    run.outcome = Outcome.PROVEN
    return f"Read back: {', '.join(cleared) or 'nothing'} emptied; {len(after.entries)} entries came since"


def _read_and_keep(run: Run) -> EventLogReport:
    at = clock.now()
    report = readings.read(run.bmc, run.acted.server_id, Capability.EVENT_LOG)
    assert isinstance(report, EventLogReport)
    with database().write() as session:
        readings.keep(session, run.acted.server_id, Capability.EVENT_LOG, report, at)
    return report


ACTIONS = (
    Action(
        name="event_log.clear",
        title="Clear the event log",
        consequence="The BMC's event log of {server} is emptied. All of it stays readable here.",
        danger="gentle",
        permission=Permission.SERVICE,
        lock=Lock.SERVER,
        tag=Tag.SERVER_EVENT_LOG_CLEAR,
        capability=Capability.EVENT_LOG,
        steps=(
            steps.IDENTITY,
            Step("keep_copy", "Keep a copy of the log", _keep_copy),
            Step("ensure_cleared", "Empty the log and read back", _ensure_cleared),
        ),
    ),
)
