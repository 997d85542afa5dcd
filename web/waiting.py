"""Why a job that could begin has not: what the rows tell that no worker can."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import JobState
from oobctl.jobs import lease, schedule
from oobctl.store import Job, Process, Site, db_now

_SOON_SECONDS = 5.0
"""A worker takes a job within a second. What takes longer has a reason, and whoever waits is told."""


def words(row: Job) -> str | None:
    """What the job waits for. The row's session must still be able to read."""
    if row.started_at is not None or row.state not in {JobState.QUEUED, JobState.SCHEDULED}:
        return row.waits_for
    seconds = (clock.now() - schedule.could_begin(row)).total_seconds()
    session = object_session(row)
    if seconds <= _SOON_SECONDS or session is None:
        return row.waits_for
    if row.state is JobState.SCHEDULED and lease.holder_of(session, row.server_id) not in {None, row.id}:
        return f"for {row.server.name}: another job has it. This one has been due for {seconds:.0f} s"
    waited = f"; it was due {seconds:.0f} s ago" if row.not_before else f" for {seconds:.0f} s"
    return f"for a worker: {_why_none(session, row.site_id)}. No worker has taken it{waited}"


def _why_none(session: Session, site_id: str) -> str:
    site = session.scalar(select(Site.name).where(Site.id == site_id))
    alive = session.scalar(
        select(func.count()).where(
            Process.kind == "worker",
            Process.site_id == site_id,
            Process.seen > db_now() - settings().dead_after_seconds,
        )
    )
    return f"all of the site {site} ({alive}) are busy" if alive else f"none is running for the site {site}"
