"""Submitting an action: checked, recorded and queued in one transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from oobctl import clock, vault
from oobctl.access import SYSTEM, Actor, find_server, may, readable_jobs
from oobctl.audit import record, refusals
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
    try:
        return _submit(request)
    except IntegrityError:
        # Two requests with one key at once: the other one was first, and its job is the answer.
        return _submit(request)
    except NotFound as unknown:
        asked = {**_cleaned(request.action, request.parameters), "server": request.server[:200]}
        with database().write() as session:  # it may be somebody else's: who tries doors is on record
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


def _submit(request: _Request) -> tuple[Job, Secret | None]:
    actor, action = request.actor, request.action
    with database().write() as session:
        server = find_server(session, actor, request.server)
        # Whoever assigns the server to somebody else waits for us, or we for them; who schedules, for one another.
        session.refresh(server, with_for_update={"read": not request.later, "key_share": True})
        server = find_server(session, actor, server.id)
        decision = may(session, actor, action.permission, server, action.lock)
        if not decision.allowed:
            raise NotAllowed(f"You may not do “{action.title}” on {server.name}: {decision.reason}.")
        parameters = _checked(action, request.parameters)
        checked = parameters.model_dump(mode="json")
        _check_staff_parameters(session, actor, server, checked)
        known = _same_key(session, actor, request.key)
        if known is not None:
            return _same_request(known, request, server, checked), None
        check_cleared(server, action, staff=actor.is_staff)
        if action.check is not None:  # not of what was taken already: its own job may have changed what is checked
            action.check(session, server, actor.is_staff, parameters)
        check_lifecycle(server, action)
        check_way(server, action)
        _check_schedule(session, request, server)
        job = _new_job(session, request, server, checked, decision.reason)
        session.add(job)
        session.flush()
        if job.state is JobState.QUEUED:
            _claim(session, job, action, server, actor, bool(checked.get("preempt")))
            engine.enqueue(session, job)
        record.intent(session, actor, action.tag, server, job)
        return job, None if action.secret is None else _kept(session, action.secret(session, server, job), job)


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


def _new_job(session: Session, request: _Request, server: Server, parameters: dict[str, Any], reason: str) -> Job:
    steps = [JobStep(position=position, name=step.name) for position, step in enumerate(request.action.steps)]
    return Job(
        action=request.action.name,
        server_id=server.id,
        site_id=server.site_id,
        account_id=record.account_of(session, server.id),
        lock=request.action.lock,
        parameters=parameters,
        actor_id=request.actor.id,
        actor=request.actor.to_json(),
        reason=reason,
        idempotency_key=request.key,
        state=JobState.SCHEDULED if request.later else JobState.QUEUED,
        not_before=request.not_before,
        retry_of=request.retry_of,
        steps=steps,
    )


def _checked(action: Action, parameters: Mapping[str, Any]) -> BaseModel:
    """As strictly as JSON says it: true is no number, and "yes" no truth. The panel's forms come typed already."""
    try:
        return action.parameters.model_validate_json(json.dumps(dict(parameters)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or str(first.get("ctx", {}).get("field", ""))
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        known = ", ".join(action.parameters.model_fields) or "none"
        which = f"The parameter {field}" if field else "What was asked"
        raise InvalidParameter(
            f"{which} of {action.name} is wrong: {message}. Its parameters: {known}.", field=field or "parameters"
        ) from error


def _cleaned(action: Action, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a refused request goes into the record: known parameters alone."""
    known = action.parameters.model_fields
    return {name: str(value)[:200] for name, value in (parameters or {}).items() if name in known}


def _same_key(session: Session, actor: Actor, key: str | None) -> Job | None:
    if key is None:
        return None
    return session.scalar(select(Job).where(Job.actor_id == actor.id, Job.idempotency_key == key))


def _same_request(job: Job, request: _Request, server: Server, parameters: dict[str, Any]) -> Job:
    asked = (request.action.name, server.id, parameters, request.not_before)
    if (job.action, job.server_id, job.parameters, job.not_before) != asked:
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
        running = session.get_one(Job, other)
        by = f" (job {other}), asked for by {running.actor['name']}" if _may_read(session, actor, other) else ""
        or_cancel = ", or cancel it" if actor.is_staff or running.actor["kind"] != SYSTEM.kind else ""
        raise ServerBusy(
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
