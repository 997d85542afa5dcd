"""A picture of what a server's screen shows now."""

from oobctl.audit.tags import Tag
from oobctl.consoles.recording import pictures
from oobctl.constants import Capability, Lock, Outcome, Permission
from oobctl.errors import NoPicture
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.store import Job, Recording, database

_WITHIN_SECONDS = 50.0  # longer than a gateway tries


def _take(run: Run) -> str:
    """Ask the gateway once, also after a crash of the worker, and wait for it."""
    with database().write() as session:
        job = session.get_one(Job, run.acted.job_id)
        asked = pictures.asked_for(session, job.id)
        recording_id = asked.id if asked is not None else pictures.ask(session, job)
    found: list[Recording] = []

    def ended() -> bool:
        with database().read() as session:
            row = session.get_one(Recording, recording_id)
            found[:] = [row] if row.ended_at is not None else []
        return bool(found)

    if not run.until(ended, _WITHIN_SECONDS, "for the gateway to take the picture"):
        raise NoPicture("No gateway answered. Staff can look whether one runs at the site: oobctl gateway.")
    (row,) = found
    if row.sha256 is None:
        raise NoPicture(f"No picture of {run.name}'s screen could be taken. {row.ended_because}")
    run.saw("after", picture=row.id, sha256=row.sha256)
    run.outcome = Outcome.PROVEN
    return str(row.ended_because)


ACTIONS = (
    Action(
        name="console.screenshot",
        title="Picture of the screen",
        consequence="What the screen of {server} shows now is kept as a picture. Nothing is done to the server.",
        danger="look",
        permission=Permission.CONSOLE,
        lock=Lock.NONE,
        tag=Tag.SERVER_CONSOLE_SCREENSHOT,
        capability=Capability.CONSOLE_SCREEN,
        steps=(Step("take_picture", "Take the picture", _take),),
    ),
)
