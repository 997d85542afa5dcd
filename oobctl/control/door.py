"""Submitting an action: checked, recorded and queued in one transaction."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from oobctl import clock, panel_secret, vault
from oobctl.access import SYSTEM, Actor, find_server, may, readable_jobs
from oobctl.audit import record, refusals
from oobctl.config import settings
from oobctl.constants import ENDED_STATES, STAFF_CAPABILITIES, Ending, JobState, Permission
from oobctl.control.offers import find
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, ServerBusy, WrongState
from oobctl.jobs import engine, lease, progress, schedule
from oobctl.jobs.action import Action
from oobctl.jobs.admission import check_cleared, check_lifecycle, check_way
from oobctl.store import Job, JobSecret, JobStep, Server, Site, database
from oobctl.vault import Secret

_KEY_LENGTH = 128


def submit(
    actor: Actor,
    action: str,
    server: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    idempotency_key: str | None = None,
    not_before: datetime | None = None,
    retry_of: str | None = None,
) -> Job:
    """Ask for an action on a server (its id or name). Returns the job that carries it out, or the one of the same key.

    retry_of: the id of the job that this one is to do again.
    Raises NotFound for what is unknown or not the actor's, NotAllowed with the reason (recorded), InvalidParameter with
    `field`, ServerBusy with the `job` that has the server, WrongState where the server can't take actions now, or has
    the same one scheduled (`job`), NoWay where its BMC speaks nothing that carries what the action needs.
    """
    request = _asked(actor, action, server, parameters, idempotency_key, not_before, retry_of)
    return _submitted(request)[0]


def submit_shown(
    actor: Actor,
    action: str,
    server: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    idempotency_key: str | None = None,
    not_before: datetime | None = None,
) -> tuple[Job, Secret | None]:
    """As `submit`, with what is to be shown once: None where the action makes no secret, or the job was there."""
    return _submitted(_asked(actor, action, server, parameters, idempotency_key, not_before, None))


def _asked(
    actor: Actor,
    action: str,
    server: str,
    parameters: Mapping[str, Any] | None,
    key: str | None,
    not_before: datetime | None,
    retry_of: str | None,
) -> "_Request":
    wanted = find(action)
    if key is not None and not 0 < len(key) <= _KEY_LENGTH:
        raise InvalidParameter(f"An Idempotency-Key has 1 to {_KEY_LENGTH} characters.", field="Idempotency-Key")
    moment = None if not_before is None else schedule.in_utc(not_before)
    return _Request(actor, wanted, server, dict(parameters or {}), key, moment, retry_of)


def _submitted(request: "_Request") -> tuple[Job, Secret | None]:
    with _refusals_on_record(request):
        try:
            return _submit(request)
        except IntegrityError:
            # Two requests with one key at once: the other one was first, and its job is the answer.
            return _submit(request)


@contextmanager
def tried(
    actor: Actor, action: str, server: str, parameters: Mapping[str, Any] | None = None
) -> Iterator[tuple[Session, "Admitted"]]:
    """What `submit` would let in now, with the transaction in which that was looked at. Nothing is queued or recorded.

    Raises what `submit` raises; what is not allowed is on record as it is there.
    """
    request = _asked(actor, action, server, parameters, None, None, None)
    with _refusals_on_record(request), database().read() as session:
        admitted = _admitted(session, request, request.server)
        keys = lease.keys(session, request.action.lock, admitted.server)
        other = next((job for key in keys if (job := lease.job_of(session, key))), None)
        if other is not None:
            raise _busy(session, other, admitted.server, actor)
        yield session, admitted


@contextmanager
def _refusals_on_record(request: "_Request") -> Iterator[None]:
    """Who tries doors is on record: what is refused in here is written down before it is raised."""
    try:
        yield
    except NotFound as unknown:
        asked = {**_cleaned(request.action, request.parameters), "server": request.server[:200]}
        with database().write() as session:  # it may be somebody else's
            refusals.add(session, request.actor, request.action.tag, parameters=asked, reason=unknown.message)
        raise
    except NotAllowed as refused:
        actor, action = request.actor, request.action
        with database().write() as session:
            found = find_server(session, actor, request.server)
            kept = _cleaned(action, request.parameters)
            refusals.add(session, actor, action.tag, server=found, parameters=kept, reason=refused.message)
        raise


@dataclass(frozen=True)
class _Request:
    """What was asked at the door."""

    actor: Actor
    action: Action
    server: str
    parameters: dict[str, Any]
    key: str | None
    not_before: datetime | None
    retry_of: str | None

    @property
    def later(self) -> bool:
        return self.not_before is not None and self.not_before > clock.now()


@dataclass(frozen=True)
class Admitted:
    """What the door lets in. kept: what of the parameters goes into the job. known: the job of the same key.

    digest: of all that was asked, where the request has a key and not all is kept.
    """

    action: Action
    server: Server
    reason: str
    parameters: BaseModel
    kept: dict[str, Any]
    digest: str | None
    known: Job | None


def _submit(request: _Request) -> tuple[Job, Secret | None]:
    actor, action = request.actor, request.action
    with database().write() as session:
        server = find_server(session, actor, request.server)
        # Whoever assigns the server to somebody else waits for us, or we for them; who schedules, for one another.
        session.refresh(server, with_for_update={"read": not request.later, "key_share": True})
        admitted = _admitted(session, request, server.id)
        if admitted.known is not None:
            return admitted.known, None
        server = admitted.server
        job = _new_job(session, request, admitted)
        session.add(job)
        session.flush()
        if job.state is JobState.QUEUED:
            _claim(session, job, action, server, actor, bool(admitted.kept.get("preempt")))
            engine.enqueue(session, job)
        record.intent(session, actor, action.tag, server, job)
        return job, _shown(session, action, server, job, admitted.parameters)


def _admitted(session: Session, request: _Request, server_id: str) -> Admitted:
    """The request, where all is as it must be to take it; only whether a job has the server is not looked at."""
    actor, action = request.actor, request.action
    server = find_server(session, actor, server_id)
    decision = may(session, actor, action.permission, server, action.lock)
    if not decision.allowed:
        raise NotAllowed(f"You may not do “{action.title}” on {server.name}: {decision.reason}.")
    parameters = _checked(action, request.parameters)
    digest = _digest(request, parameters)
    known = _same_key(session, actor, request.key)
    if action.complete is None:
        kept = _kept_of(action, parameters)
    elif known is not None:
        kept = known.parameters  # the digest tells whether it is the same; what is named may be gone by now
    else:
        parameters = action.complete(session, actor, parameters)
        kept = _kept_of(action, parameters)
    _check_staff_parameters(session, actor, server, kept)
    if known is not None:
        known = _same_request(known, request, server, kept, digest)
        return Admitted(action, server, decision.reason, parameters, kept, digest, known)
    check_cleared(server, action, staff=actor.is_staff)
    if action.check is not None:  # not of what was taken already: its own job may have changed what is checked
        action.check(session, server, actor.is_staff, parameters)
    check_lifecycle(server, action)
    check_way(session, server, action)
    _check_schedule(session, request, server)
    return Admitted(action, server, decision.reason, parameters, kept, digest, None)


def _kept_of(action: Action, parameters: BaseModel) -> dict[str, Any]:
    return (parameters if action.keep is None else action.keep(parameters)).model_dump(mode="json")


def _shown(session: Session, action: Action, server: Server, job: Job, parameters: BaseModel) -> Secret | None:
    """What the action makes for who asks; what must not be kept with the job is put away here."""
    if action.arrange is not None:
        return action.arrange(session, server, job, parameters)
    return None if action.secret is None else _kept(session, action.secret(session, server, job), job)


def _kept(session: Session, secret: Secret, job: Job) -> Secret:
    """Sealed for the worker; the panel cannot open it again."""
    site = session.get_one(Site, job.site_id)
    session.add(JobSecret(job_id=job.id, sealed=vault.seal(site.public_key, job.id, "job", secret)))
    return secret


def _check_staff_parameters(session: Session, actor: Actor, server: Server, parameters: dict[str, Any]) -> None:
    if parameters.get("preempt") and not actor.is_staff:
        raise NotAllowed("Only staff may end a running job to switch a server off.")
    for_staff = STAFF_CAPABILITIES.intersection(parameters.get("capabilities") or ())
    if for_staff and not actor.is_staff:
        raise NotAllowed(f"Only staff may read the {' and '.join(sorted(for_staff))} of a BMC.")
    if parameters.get("replace_identity") and not may(session, actor, Permission.ADMINISTER, server).allowed:
        raise NotAllowed("Only administrators may say that another server is right behind this address now.")


def _new_job(session: Session, request: _Request, admitted: Admitted) -> Job:
    server = admitted.server
    steps = [JobStep(position=position, name=step.name) for position, step in enumerate(request.action.steps)]
    return Job(
        action=request.action.name,
        server_id=server.id,
        site_id=server.site_id,
        account_id=record.account_of(session, server.id),
        lock=request.action.lock,
        parameters=admitted.kept,
        actor_id=request.actor.id,
        actor=request.actor.to_json(),
        reason=admitted.reason,
        idempotency_key=request.key,
        asked_digest=admitted.digest,
        state=JobState.SCHEDULED if request.later else JobState.QUEUED,
        not_before=request.not_before,
        retry_of=request.retry_of,
        steps=steps,
    )


def _checked(action: Action, parameters: Mapping[str, Any]) -> BaseModel:
    """As strictly as JSON says it: true is no number, and "yes" no truth. The panel's forms come typed already."""
    try:
        return action.asks.model_validate_json(json.dumps(dict(parameters)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        named = first.get("ctx", {}).get("field")  # of a rule over several
        field = ".".join(str(part) for part in (*first["loc"], *([named] if named else [])))
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        known = ", ".join(action.asks.model_fields) or "none"
        which = f"The parameter {field}" if field else "What was asked"
        raise InvalidParameter(
            f"{which} of {action.name} is wrong: {message}. Its parameters: {known}.",
            field=field or "parameters",
            why=message,
        ) from error


def _cleaned(action: Action, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a refused request goes into the record: known parameters alone."""
    known = action.parameters.model_fields
    return {
        name: str(value)[:200]
        for name, value in (parameters or {}).items()
        if name in known and (known[name].annotation is not bool or isinstance(value, bool))  # a password was meant
    }


def _same_key(session: Session, actor: Actor, key: str | None) -> Job | None:
    if key is None:
        return None
    return session.scalar(select(Job).where(Job.actor_id == actor.id, Job.idempotency_key == key))


def _digest(request: _Request, parameters: BaseModel) -> str | None:
    """Of user data and the like, which no job keeps: the same key with others would else be taken for a repetition.

    Its key is not in the database, so that no secret can be guessed from it there; nor does it tell of two jobs that
    they were asked for alike. Raises ConfigurationError where this computer has no panel's key.
    """
    if request.key is None or request.action.keep is None:
        return None
    asked = [request.actor.id, request.key, parameters.model_dump(mode="json", exclude_defaults=True)]
    return panel_secret.digest(settings().home, "what was asked", json.dumps(asked, sort_keys=True).encode())


def _same_request(job: Job, request: _Request, server: Server, parameters: dict[str, Any], digest: str | None) -> Job:
    asked = (request.action.name, server.id, parameters, request.not_before)
    differs = job.asked_digest not in {None, digest}  # None: of a job that an earlier release took
    if differs or (job.action, job.server_id, job.parameters, job.not_before) != asked:
        raise InvalidParameter(
            f"This Idempotency-Key was used for another request (job {job.id}). Use a new one.",
            field="Idempotency-Key",
            job=job.id,
        )
    return job


def _check_schedule(session: Session, request: _Request, server: Server) -> None:
    """Its time can be meant, and the same thing waits for no other time: what came due together would run in a row."""
    if request.not_before is None:
        return
    schedule.check(request.not_before)
    other = schedule.open_one(session, server, request.action.name) if request.later else None
    if other is None:
        return
    known = _may_read(session, request.actor, other.id)
    which = f" (job {other.id}, for {clock.rfc3339(other.not_before)})" if known else ""
    raise WrongState(
        f"{request.action.name} is scheduled on {server.name} already{which}, and once is enough. Cancel that one "
        "first to have it at another time.",
        job=other.id,
    )


def _claim(session: Session, job: Job, action: Action, server: Server, actor: Actor, preempts: bool) -> None:
    wanted = lease.keys(session, action.lock, server)
    other = lease.claim(session, wanted, job.id)
    while other is not None and preempts:
        _preempt(session, other, job, actor)
        other = lease.claim(session, wanted, job.id)
    if other is not None:
        raise _busy(session, other, server, actor)


def _busy(session: Session, job_id: str, server: Server, actor: Actor) -> ServerBusy:
    running = session.get_one(Job, job_id)
    by = f" (job {job_id}), asked for by {running.actor['name']}" if _may_read(session, actor, job_id) else ""
    or_cancel = ", or cancel it" if actor.is_staff or running.actor["kind"] != SYSTEM.kind else ""
    return ServerBusy(
        f"{server.name} is busy with {running.action}{by}. Wait for its end{or_cancel}.",
        job=running.id,
        action=running.action,
    )


def _may_read(session: Session, actor: Actor, job_id: str) -> bool:
    return session.scalar(select(Job.id).where(Job.id == job_id, readable_jobs(actor))) is not None


def _preempt(session: Session, job_id: str, by: Job, actor: Actor) -> None:
    """End a job from outside. Its worker finds out before its next send, and sends nothing more."""
    job = session.get_one(Job, job_id, with_for_update=True, populate_existing=True)
    if job.state in ENDED_STATES:  # it ended by itself just now, and gave its lease back
        return
    error = WrongState(
        f"{actor.name} ended this job to switch the server off (job {by.id}). It stopped where it was: look at it."
    )
    progress.end(
        session, job, JobState.NEEDS_ATTENTION, tag=find(job.action).tag, how=Ending.NEEDS_ATTENTION, error=error
    )
    lease.take_away(session, job.id)
