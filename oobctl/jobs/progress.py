"""What a job writes about itself while it runs: every write checks that this worker still has the job."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor
from oobctl.audit import record
from oobctl.constants import ENDED_STATES, POLLED, JobState, Outcome, PowerState, StepState
from oobctl.errors import JobCancelled, LeaseLost, OobctlError
from oobctl.jobs import contact, lease
from oobctl.store import BootOverride, Install, Job, JobStep, Server, database

_DARK = frozenset({PowerState.OFF, PowerState.POWERING_OFF})
_LIT = frozenset({PowerState.ON, PowerState.POWERING_ON})


def take_over(job_id: str, executor: str) -> bool:
    """Make this worker the one that carries the job out. False where the job has ended meanwhile."""
    with database().write() as session:
        taken = session.execute(
            update(Job)
            .where(Job.id == job_id, Job.state.not_in(ENDED_STATES))
            .values(executor=executor, revision=Job.revision + 1)
            .returning(Job.state)
        ).first()
        if taken is None:
            return False
        job = session.get_one(Job, job_id)
        job.started_at = job.started_at or clock.now()
        if job.state != JobState.CANCELLING:
            job.state = JobState.RUNNING
        return True


def own(session: Session, job_id: str, executor: str, **values: Any) -> Job:
    """The job's row, locked and with its revision raised, if this worker still has it.

    Raises LeaseLost where another worker took it over or somebody ended it.
    """
    mine = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.executor == executor, Job.state.not_in(ENDED_STATES))
        .values(revision=Job.revision + 1, **values)
        .returning(Job.id)
    ).first()
    if mine is None:
        raise LeaseLost("The job was taken over or ended by somebody else.")
    return session.get_one(Job, job_id, populate_existing=True)


def begin_step(job_id: str, executor: str, position: int, *, may_stop: bool) -> JobStep:
    """The step runs now, unless it has a result; a step that runs again after a crash keeps its first start.

    may_stop: a cancel that was asked for before the step began ends the job here. Raises JobCancelled.
    """
    with database().write() as session:
        job = own(session, job_id, executor)
        step = session.get_one(JobStep, (job_id, position))
        if step.result is not None:
            return step
        if may_stop and step.started_at is None and job.cancel_asked_at is not None:
            raise JobCancelled("Cancelled before this step; nothing more was sent.")
        step.state = StepState.RUNNING
        step.started_at = step.started_at or clock.now()
        return step


def end_step(
    job_id: str, executor: str, position: int, *, detail: str, evidence: dict[str, Any], result: dict[str, Any],
    skipped: bool = False,
) -> None:  # fmt: skip
    """The step's end: its sentence, its result, and the evidence read so far for the job. skipped: it did nothing."""
    with database().write() as session:
        own(session, job_id, executor, evidence=evidence or None, waits_for=None)
        step = session.get_one(JobStep, (job_id, position))
        done = StepState.SKIPPED if skipped else StepState.SUCCEEDED
        step.state = StepState.FAILED if "error" in result else done
        step.detail = str(detail)
        step.result = result
        step.finished_at = clock.now()


def keep_evidence(job_id: str, executor: str, evidence: dict[str, Any]) -> None:
    """What was read so far, where a worker that goes on with the job needs it before a step has ended."""
    with database().write() as session:
        own(session, job_id, executor, evidence=evidence or None)


def is_under_way(job_id: str, position: int) -> bool:
    """Whether the step has sent something and was not seen to succeed: what it sent may still be at work."""
    with database().read() as session:
        step = session.get_one(JobStep, (job_id, position))
        return step.sent_at is not None and step.state is not StepState.SUCCEEDED


def waits_for(job_id: str, executor: str, words: str) -> None:
    """Say what the job waits for, in words that live pages show."""
    with database().write() as session:
        own(session, job_id, executor, waits_for=words)


def cancel_asked(job_id: str, executor: str) -> bool:
    """Whether somebody asked to cancel the job. Raises LeaseLost where it is not this worker's any more."""
    with database().read() as session:
        job = session.get_one(Job, job_id)
        if job.executor != executor or job.state in ENDED_STATES:
            raise LeaseLost("The job was taken over or ended by somebody else.")
        return job.cancel_asked_at is not None


def grant(job_id: str, executor: str, holder: str, longest_send: float, position: int) -> None:
    """Extend the lease for one send, and note at its step that something is sent: in one transaction."""
    with database().write() as session:
        own(session, job_id, executor)
        lease.extend(session, job_id, holder, longest_send)
        step = session.get_one(JobStep, (job_id, position))
        step.sent_at = step.sent_at or clock.now()


def not_sent(job_id: str, executor: str, position: int) -> None:
    """The grant was not used: nothing was sent after all."""
    with database().write() as session:
        own(session, job_id, executor)
        session.get_one(JobStep, (job_id, position)).sent_at = None


def saw_power(server_id: str, state: PowerState, read_at: datetime) -> None:
    """Keep what was just read from the hardware."""
    with database().write() as session:
        keep_power(session, session.get_one(Server, server_id, with_for_update=True), state, read_at)


def keep_power(session: Session, server: Server, state: PowerState, read_at: datetime) -> None:
    """Keep a reading, unless something newer is there; from off to not off is a boot. The server's row is locked."""
    if has_newer(server, read_at):
        return
    if server.power_state in _DARK and state in _LIT:
        saw_boot(session, server.id)
    server.power_state = state
    server.power_read_at = read_at
    contact.heard(session, server, read_at)


def has_newer(server: Server, read_at: datetime) -> bool:
    """Whether its power was read after that. A time to come is a wrong clock's, and hides nothing."""
    return server.power_read_at is not None and read_at < server.power_read_at and clock.has_been(server.power_read_at)


def keep_still(session: Session, server_ids: Sequence[str], state: PowerState, read_at: datetime) -> set[str]:
    """Keep one reading of many servers that were in that state before, in one statement.

    read_at: when the first of them was read. Returns those for which it was so; the others want `keep_power`.
    """
    still = update(Server).where(
        Server.id.in_(server_ids),
        Server.power_state == state,
        Server.silent_since.is_(None),
        Server.lifecycle.in_(POLLED),
        Server.power_read_at <= read_at,
    )
    return set(session.scalars(still.values(power_read_at=read_at).returning(Server.id)))


def saw_boot(session: Session, server_id: str) -> None:
    """The server boots: an open boot-once override is being used."""
    session.execute(
        update(BootOverride)
        .where(BootOverride.server_id == server_id, BootOverride.closed_at.is_(None))
        .where(BootOverride.boot_seen_at.is_(None))
        .values(boot_seen_at=clock.now())
    )


def end(
    session: Session,
    job: Job,
    state: JobState,
    *,
    tag: str,
    how: str,
    outcome: Outcome | None = None,
    error: OobctlError | None = None,
    evidence: dict[str, Any] | None = None,
) -> None:
    """End a job: its state, its steps, its outcome record. One transaction, the caller's.

    Whatever ended it, its installer may begin nothing any more.
    """
    now = clock.now()
    open_install = update(Install).where(Install.job_id == job.id, Install.closed_at.is_(None))
    session.execute(open_install.values(closed_at=now, sealed=None))
    job.state = state
    job.outcome = outcome
    job.finished_at = now
    job.waits_for = None
    job.revision += 1
    if evidence:
        job.evidence = evidence
    if error is not None:
        job.error = {
            **error.details,
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
            "sent": any(step.sent_at for step in job.steps),  # each grant of a write was noted there before its bytes
        }
    for step in job.steps:
        if step.state == StepState.PENDING:
            step.state = StepState.SKIPPED
        elif step.state == StepState.RUNNING:
            step.state = StepState.FAILED
            step.finished_at = now
    record.outcome(session, Actor.from_json(job.actor), tag, job, how, _evidence_of(job))


def _evidence_of(job: Job) -> dict[str, Any]:
    evidence = dict(job.evidence or {})
    if job.error:
        evidence["error"] = {"code": job.error["code"], "message": job.error["message"]}
    return evidence
