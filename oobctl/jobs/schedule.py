"""When a job may begin: the times that can be asked for, and how long it may wait for its turn."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import JobState
from oobctl.errors import Expired, InvalidParameter
from oobctl.store import Job, Server

_PAST = timedelta(minutes=5)
"""Clocks differ, and a request takes a while. What is longer ago is a mistake, and must not act at once."""
_HORIZON = timedelta(days=366)


def in_utc(not_before: datetime) -> datetime:
    """The same moment in UTC, as it is stored. Raises InvalidParameter for one without a zone, or outside all years."""
    try:
        if not_before.tzinfo is not None:
            return not_before.astimezone(UTC)
    except OverflowError:
        pass
    raise _wrong("must be an RFC 3339 time with a zone, in the years 1 to 9999 of UTC")


def check(not_before: datetime) -> None:
    """Raises InvalidParameter for a moment that has passed, or is too far away to be meant."""
    now = clock.now()
    if not_before < now - _PAST:
        raise _wrong(
            f"is {clock.rfc3339(not_before)}, which has passed: here it is {clock.rfc3339(now)}. Leave it out to act "
            "at once"
        )
    if not_before - now > _HORIZON:
        raise _wrong(f"is {clock.rfc3339(not_before)}, more than {_HORIZON.days} days away")


def _wrong(why: str) -> InvalidParameter:
    return InvalidParameter(f"not_before {why}.", field="not_before")


def open_one(session: Session, server: Server, action: str) -> Job | None:
    """The job of that action which already waits for its time on the server."""
    return session.scalar(
        select(Job).where(Job.server_id == server.id, Job.action == action, Job.state == JobState.SCHEDULED).limit(1)
    )


def could_begin(job: Job) -> datetime:
    """Since when nothing but its turn keeps the job from beginning."""
    return max(job.created_at, job.not_before or job.created_at)


def allowed_wait() -> timedelta:
    return timedelta(seconds=settings().job_expires_after_seconds)


def check_age(job: Job) -> None:
    """A customer who pressed a button hours ago has long done something else. Raises Expired where a job is too old."""
    since = could_begin(job)
    if clock.now() - since <= allowed_wait():
        return
    raise Expired(
        f"{job.action} on {job.server.name} could begin at {clock.rfc3339(since)} and had not "
        f"{allowed_wait().total_seconds() / 60:.0f} min later: no worker took it, or another job had the server. "
        "Ask for it again if it is still wanted. Nothing was sent."
    )
