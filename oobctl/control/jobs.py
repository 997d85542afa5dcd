"""The actor's jobs: read, cancelled, tried again, resolved."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor, find_server, may, readable_jobs
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.constants import ENDED_STATES, Ending, JobState
from oobctl.control.door import submit
from oobctl.control.offers import find
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, WrongState
from oobctl.jobs import lease, progress
from oobctl.jobs.action import Action, tag_of
from oobctl.store import Job, Server, database


def cancel(actor: Actor, job_id: str) -> Job:
    """Stop a job where that leaves the server no worse. A queued one ends at once; a running one between two steps.

    Raises NotFound, NotAllowed (recorded), WrongState (ended already, or past the point from which it has to go on).
    """
    with _own_job(actor, job_id, Tag.JOB_CANCEL) as (session, job):
        if job.state in ENDED_STATES:
            raise WrongState(f"The job has ended already: {job.state}.")
        if job.state is JobState.CANCELLING:
            return job
        reason = f"asked for by {actor.name}"
        if job.started_at is None:
            _cancel_waiting(session, job, actor.name, reason)
        else:
            _ask_to_stop(job, find(job.action), actor)
        record.event(session, actor, Tag.JOB_CANCEL, job=job, reason=reason)
        return job


def cancel_waiting(session: Session, server: Server, by: str, reason: str) -> None:
    """End the server's jobs that have not begun, in the caller's transaction: it is given to somebody else."""
    waiting = select(Job).where(
        Job.server_id == server.id, Job.state.in_([JobState.SCHEDULED, JobState.QUEUED]), Job.started_at.is_(None)
    )
    for job in session.scalars(waiting.with_for_update()):
        _cancel_waiting(session, job, by, reason)


def _cancel_waiting(session: Session, job: Job, by: str, reason: str) -> None:
    job.cancel_asked_at, job.cancel_asked_by = clock.now(), by
    job.evidence = {"notes": [f"Cancelled before it began, {reason}. Nothing was sent."]}
    progress.end(session, job, JobState.CANCELLED, tag=tag_of(find, job.action), how=Ending.CANCELLED)
    lease.give_back(session, job.id)


def can_cancel(job: Job) -> bool:
    """Whether a cancel would be taken now: not asked for already, and not past the point from which it goes on."""
    if job.state in ENDED_STATES or job.state is JobState.CANCELLING:
        return False
    try:
        return not _past_no_return(job, find(job.action))
    except NotFound:
        return False


def _past_no_return(job: Job, action: Action) -> bool:
    if action.no_return is None:
        return False
    last = action.position_of(action.no_return)
    return any(step.started_at is not None and step.position >= last for step in job.steps)


def _ask_to_stop(job: Job, action: Action, actor: Actor) -> None:
    if _past_no_return(job, action):
        raise WrongState(
            f"{action.title} has begun to act and has to go on, or {job.server.name} would be left half way. "
            "It ends by itself in a moment."
        )
    job.cancel_asked_at, job.cancel_asked_by = clock.now(), actor.name
    job.state = JobState.CANCELLING
    job.revision += 1


def retry(actor: Actor, job_id: str, *, idempotency_key: str | None = None) -> Job:
    """A new job like one that failed, was cancelled or needs attention. Raises what submit raises, and WrongState."""
    with database().read() as session:
        old = find_job(session, actor, job_id)
    if old.state not in {JobState.FAILED, JobState.CANCELLED, JobState.NEEDS_ATTENTION}:
        raise WrongState(f"Only a job that failed can be tried again; this one is {old.state}.")
    if find(old.action).secret is not None:
        raise WrongState(
            f"{find(old.action).title} makes a new password each time, which is shown once: ask for it anew."
        )
    if find(old.action).request is not None:
        raise WrongState(
            f"{find(old.action).title} was asked for with more than is kept of it (keys, user data): ask for it anew."
        )
    return submit(actor, old.action, old.server_id, old.parameters, idempotency_key=idempotency_key, retry_of=old.id)


def resolve(actor: Actor, job_id: str, note: str) -> Job:
    """Say that a person has looked at a job that needs attention, and what they found.

    Raises NotFound, NotAllowed (recorded), WrongState, InvalidParameter.
    """
    note = note.strip()
    if not note or len(note) > 2000:
        raise InvalidParameter("Write in 1 to 2000 characters what you found.", field="note")
    with _own_job(actor, job_id, Tag.JOB_RESOLVE) as (session, job):
        if job.state is not JobState.NEEDS_ATTENTION or job.resolved_at is not None:
            raise WrongState("Only a job that needs attention, and is not resolved yet, can be resolved.")
        job.resolved_at, job.resolved_by, job.resolution = clock.now(), actor.name, note
        job.revision += 1
        record.event(session, actor, Tag.JOB_RESOLVE, job=job, parameters={"note": note}, reason=f"by {actor.name}")
        return job


@contextmanager
def _own_job(actor: Actor, job_id: str, tag: Tag) -> Iterator[tuple[Session, Job]]:
    """A job that the actor may see and has the permission of, locked, in a transaction. A refusal is recorded."""
    refused: NotAllowed | None = None
    with database().write() as session:
        job = find_job(session, actor, job_id)
        lock = find(job.action).lock
        decision = may(session, actor, find(job.action).permission, job.server, lock)
        if decision.allowed:
            session.refresh(job, with_for_update=True)
            yield session, job
        else:
            refused = NotAllowed(f"You may not change this job: {decision.reason}.")
            refusals.add(session, actor, tag, server=job.server, job=job, reason=refused.message)
    if refused is not None:
        raise refused


def find_job(session: Session, actor: Actor, job_id: str) -> Job:
    """The job, if the actor may read it (access.readable_jobs). Raises NotFound."""
    job = session.scalar(select(Job).where(Job.id == job_id, readable_jobs(actor)))
    if job is None:
        raise NotFound(f"There is no job {job_id!r} among yours.")
    return job


def jobs(
    actor: Actor,
    *,
    server: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Job], str | None]:
    """The actor's jobs, newest first, and the cursor of the next page. Raises NotFound for a foreign server."""
    query = select(Job).where(readable_jobs(actor)).order_by(Job.id.desc()).limit(limit + 1)
    with database().read() as session:
        if server is not None:
            query = query.where(Job.server_id == find_server(session, actor, server).id)
        if state is not None:
            query = query.where(Job.state == state)
        if after is not None:
            query = query.where(Job.id < after)
        found = list(session.scalars(query).unique())
        for job in found:
            _ = job.server, job.steps  # pages use them after the session
    return found[:limit], found[limit - 1].id if len(found) > limit else None
