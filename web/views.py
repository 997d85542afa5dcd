"""From rows to what the API and the pages show; one place for both, so that they never disagree."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, selectinload

from oobctl import clock, control
from oobctl.access import Actor, readable_jobs, visible_servers
from oobctl.constants import ENDED_STATES, Health, JobState, Lifecycle, Lock, PowerState
from oobctl.errors import NotFound, contact
from oobctl.jobs.action import Action
from oobctl.readings import tell
from oobctl.store import Account, Assignment, AuditRecord, BmcUser, Job, Rack, Server, Site
from web import waiting
from web.capabilities import of_profiles
from web.discretion import told
from web.freshness import power_is_fresh
from web.shapes import (
    AuditShape,
    ChargeShape,
    JobHeadShape,
    JobShape,
    OfferShape,
    ServerDetail,
    ServerShape,
    StepShape,
)

_SAY_SO = ("othing was sent", "othing was changed")


def job(row: Job, *, staff: bool) -> JobShape:
    """A job as staff or others are told of it; the row's session must still be able to load its server and steps."""

    def said(content: Any) -> Any:
        return told(content, staff=staff)

    return JobShape(
        id=row.id,
        action=row.action,
        title=title_of(row.action),
        server=row.server.name,
        server_id=row.server_id,
        state=row.state,
        outcome=row.outcome,
        waits_for=said(waiting.words(row)),
        steps=steps(row, staff=staff),
        error=_error(row, staff=staff),
        evidence=said(row.evidence),
        parameters=said(row.parameters),
        reason=said(row.reason),
        requested_by=row.actor.get("name", ""),
        requested_by_kind=row.actor.get("kind", "user"),
        requested_by_token=row.actor.get("token"),
        source_ip=row.actor.get("address"),
        retry_of=row.retry_of,
        created_at=row.created_at,
        not_before=row.not_before,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cancellable=control.can_cancel(row),
        cancel_asked_at=row.cancel_asked_at,
        cancel_asked_by=row.cancel_asked_by,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        resolution=said(row.resolution),
        revision=row.revision,
    )


def _error(row: Job, *, staff: bool) -> dict[str, Any] | None:
    """What stopped a job. Where it sent nothing its message says so, for the first question is what became of it."""
    if row.error is None:
        return None
    error: dict[str, Any] = told(row.error, staff=staff)
    said = any(words in error["message"] for words in _SAY_SO)
    if row.state is JobState.FAILED and error.get("sent") is False and not said:
        error["message"] += " Nothing was sent; the server is as it was."
    return error


def steps(row: Job, *, staff: bool) -> list[StepShape]:
    titles = _step_titles(row.action)
    return [
        StepShape(
            name=step.name,
            title=titles.get(step.name, step.name),
            state=step.state,
            started_at=step.started_at,
            finished_at=step.finished_at,
            detail=told(step.detail, staff=staff),
        )
        for step in row.steps
    ]


def whole_job(session: Session, actor: Actor, row: Job) -> JobShape:
    """As `job`, with what is told of one alone."""
    pictures = [picture.id for picture in control.pictures_of_job(session, actor, row)]
    return job(row, staff=actor.is_staff).model_copy(update={"pictures": pictures})


def title_of(action: str) -> str:
    """The action's title; its name where a later version knows it no more."""
    try:
        return control.find(action).title
    except NotFound:
        return action


def _step_titles(action: str) -> dict[str, str]:
    try:
        return {step.name: step.title for step in control.find(action).steps}
    except NotFound:
        return {}


def loaded_jobs(session: Session, rows: Iterable[Job], *, staff: bool) -> list[JobShape]:
    """The jobs of a list, their steps and servers read in two queries, in the list's order."""
    ids = [row.id for row in rows]
    query = select(Job).where(Job.id.in_(ids)).options(selectinload(Job.steps), selectinload(Job.server))
    found = {row.id: row for row in session.scalars(query)}
    return [job(found[number], staff=staff) for number in ids if number in found]


def last_time(session: Session, actor: Actor, shape: JobShape) -> dict[str, timedelta]:
    """Per step, how long it took when the same action last succeeded on the same server."""
    query = (
        select(Job)
        .where(Job.server_id == shape.server_id, Job.action == shape.action, Job.state == JobState.SUCCEEDED)
        .where(Job.id < shape.id)
        .where(readable_jobs(actor))
        .order_by(Job.id.desc())
        .limit(1)
    )
    row = session.scalar(query)
    return (
        {}
        if row is None
        else {
            step.name: step.finished_at - step.started_at for step in row.steps if step.finished_at and step.started_at
        }
    )


def servers(session: Session, actor: Actor, rows: Sequence[Server]) -> list[ServerShape]:
    """Servers of a list, all of it in a handful of queries whatever its length."""
    ids = [row.id for row in rows]
    sites = _names(session, Site, {row.site_id for row in rows})
    racks = _names(session, Rack, {row.rack_id for row in rows if row.rack_id}) if actor.is_staff else {}
    profiles = of_profiles(session, rows, staff=actor.is_staff)
    healths = tell.health(session, actor, ids)
    accounts = _accounts_of(session, ids)
    active = active_jobs(session, actor, ids)
    unresolved = unresolved_jobs(session, actor, ids)
    now = clock.now()
    return [
        ServerShape(
            id=row.id,
            name=row.name,
            site=sites[row.site_id],
            rack=racks.get(row.rack_id or ""),
            rack_unit=row.rack_unit if actor.is_staff else None,
            account=accounts.get(row.id),
            lifecycle=row.lifecycle,
            quarantined_because=told(row.quarantined_because, staff=actor.is_staff),
            power_state=row.power_state if row.power_read_at else PowerState.UNKNOWN,
            power_read_at=row.power_read_at,
            power_age_seconds=_age(row.power_read_at, now),
            power_fresh=power_is_fresh(row, profiles[row.id]["profile"], now),
            silent_since=row.silent_since,
            silent_because=told(row.silent_because, staff=actor.is_staff),
            silent_code=row.silent_code,
            contact=None if row.silent_since is None else contact(row.silent_code),
            health=healths[row.id].health if row.id in healths else Health.UNKNOWN,
            health_read_at=healths[row.id].read_at if row.id in healths else None,
            health_since=healths[row.id].since if row.id in healths else None,
            health_age_seconds=_age(healths[row.id].read_at, now) if row.id in healths else None,
            manufacturer=row.manufacturer,
            model=row.model,
            serial=row.serial,
            **profiles[row.id],
            active_job=active.get(row.id),
            needs_attention=unresolved.get(row.id),
        )
        for row in rows
    ]


def server(session: Session, actor: Actor, row: Server) -> ServerDetail:
    """One server, with the actions that the actor may do on it, and why not the others."""
    shape = servers(session, actor, [row])[0]
    scheduled = scheduled_jobs(session, actor, row.id)
    return ServerDetail(
        **shape.model_dump(),
        actions=offers(actor, shape),
        scheduled_jobs=scheduled,
        security_drift=tell.drift_of(session, row.id) if actor.is_staff else None,
    )


def offers(actor: Actor, shape: ServerShape) -> list[OfferShape]:
    return [
        OfferShape(
            name=action.name,
            title=action.title,
            danger=action.danger,
            consequence=consequence(action, shape),
            parameters=action.asks.model_json_schema(),
            permission=action.permission,
            allowed=decision.allowed,
            reason=told(decision.reason, staff=actor.is_staff),
            nothing_to_do=consequence(action, shape) if _nothing_to_do(action, shape) and shape.power_fresh else None,
        )
        for action, decision in control.offered(actor, shape.id)
    ]


def _nothing_to_do(action: Action, shape: ServerShape) -> bool:
    """Whether the server's being off makes the action needless; while a job has the server, that may be its doing."""
    is_off = shape.power_state is PowerState.OFF and shape.silent_since is None
    return action.needs_on is not None and is_off and shape.active_job is None


def consequence(action: Action, shape: ServerShape) -> str:
    """What the action does, said with the server's name and its state as far as it is known."""
    if _nothing_to_do(action, shape):
        return f"{shape.name} is off, so there is nothing to {action.needs_on}. Use Power on to start it."
    words = {
        PowerState.ON: "running",
        PowerState.OFF: "off",
        PowerState.POWERING_ON: "starting",
        PowerState.POWERING_OFF: "switching off",
        PowerState.PAUSED: "paused",
        PowerState.UNKNOWN: "in a state that was not read yet",
    }
    state = words[shape.power_state]
    if shape.silent_since is not None and shape.power_state is not PowerState.UNKNOWN:
        state = f"not to be read; it was last seen {state}"
    elif shape.power_read_at is not None and not shape.power_fresh and shape.power_state is not PowerState.UNKNOWN:
        state = f"in a state that was not read lately; it was last seen {state}"
    return action.consequence.format(server=shape.name, state=state)


def active_jobs(session: Session, actor: Actor, server_ids: Sequence[str]) -> dict[str, JobHeadShape]:
    """Per server the job that works on it or is about to, as far as the actor may see it; the oldest first."""
    query = select(Job).where(Job.state.not_in({*ENDED_STATES, JobState.SCHEDULED}), Job.lock != Lock.READ)
    query = query.order_by(Job.id.desc())
    return _heads(session, actor, server_ids, query)


def unresolved_jobs(session: Session, actor: Actor, server_ids: Sequence[str]) -> dict[str, JobHeadShape]:
    """Per server the newest job that needs attention, as far as the actor may see it."""
    query = select(Job).where(Job.state == JobState.NEEDS_ATTENTION, Job.resolved_at.is_(None)).order_by(Job.id)
    return _heads(session, actor, server_ids, query)


def scheduled_jobs(session: Session, actor: Actor, server_id: str) -> list[JobHeadShape]:
    """What waits for its time on the server, whatever was done to it since, as far as the actor may see it."""
    query = select(Job).where(Job.state == JobState.SCHEDULED, Job.server_id == server_id, readable_jobs(actor))
    return [_head(row) for row in session.scalars(query.order_by(Job.not_before, Job.id))]


def _heads(session: Session, actor: Actor, server_ids: Sequence[str], query: Select[Job]) -> dict[str, JobHeadShape]:
    query = query.where(Job.server_id.in_(server_ids), readable_jobs(actor))
    return {row.server_id: _head(row) for row in session.scalars(query)}


def _head(row: Job) -> JobHeadShape:
    return JobHeadShape(
        id=row.id,
        action=row.action,
        title=title_of(row.action),
        state=row.state,
        requested_by=row.actor.get("name", ""),
        requested_by_kind=row.actor.get("kind", "user"),
        requested_by_token=row.actor.get("token"),
        created_at=row.created_at,
        not_before=row.not_before,
    )


def listed_servers(
    session: Session,
    actor: Actor,
    *,
    search: str | None,
    after: tuple[str, str] | None,
    limit: int,
    retired: bool = True,
) -> tuple[list[Server], tuple[str, str] | None]:
    """The actor's servers by name, and where the next page begins. `search` is looked for in names and serials."""
    query = visible_servers(actor).order_by(Server.name, Server.id).limit(limit + 1)
    if not retired:
        query = query.where(Server.lifecycle != Lifecycle.RETIRED)
    if search:
        pattern = f"%{_escaped(search)}%"
        accounts = select(Assignment.server_id).join(Account, Account.id == Assignment.account_id)
        accounts = accounts.where(Assignment.until_at.is_(None), Account.name.ilike(pattern, escape="\\"))
        matches = [Server.name.ilike(pattern, escape="\\"), Server.serial.ilike(pattern, escape="\\")]
        if actor.is_staff:
            matches.append(Server.id.in_(accounts))
        query = query.where(or_(*matches))
    if after is not None:
        name, number = after
        query = query.where(or_(Server.name > name, (Server.name == name) & (Server.id > number)))
    found = list(session.scalars(query))
    more = len(found) > limit
    return found[:limit], (found[limit - 1].name, found[limit - 1].id) if more else None


def records(session: Session, rows: Sequence[AuditRecord], *, staff: bool) -> list[AuditShape]:
    names = _names(session, Server, {row.server_id for row in rows if row.server_id})
    return [
        AuditShape(
            id=row.id,
            at=row.at,
            kind=row.kind,
            tag=row.tag,
            actor=row.actor_name,
            actor_id=row.actor_id,
            actor_kind=row.actor_kind,
            actor_token=row.actor_token,
            actor_role=row.actor_role,
            source_ip=row.source_ip,
            user_agent=row.user_agent,
            server=names.get(row.server_id or ""),
            server_id=row.server_id,
            parameters=told(row.parameters, staff=staff),
            reason=told(row.reason, staff=staff),
            outcome=row.outcome,
            evidence=told(row.evidence, staff=staff),
            job=row.job_id,
            charge=ChargeShape(amount=row.charge_amount, currency=row.charge_currency),
        )
        for row in rows
    ]


def _age(read_at: datetime | None, now: datetime) -> float | None:
    return None if read_at is None else max(0.0, round((now - read_at).total_seconds(), 1))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _names(session: Session, table: type[Site | Rack | Server | Account], ids: set[str]) -> dict[str, str]:
    return {row.id: row.name for row in session.execute(select(table.id, table.name).where(table.id.in_(ids)))}


def _accounts_of(session: Session, server_ids: Sequence[str]) -> dict[str, str]:
    """Per server the name of the account that has it now."""
    now = clock.now()
    query = (
        select(Assignment.server_id, Account.name)
        .join(Account, Account.id == Assignment.account_id)
        .where(Assignment.server_id.in_(server_ids), Assignment.from_at <= now)
        .where(or_(Assignment.until_at.is_(None), Assignment.until_at > now))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def temporary_users(session: Session, server_id: str) -> list[BmcUser]:
    """Users that somebody was given on the server's BMC, and that are still there."""
    query = select(BmcUser).where(BmcUser.server_id == server_id, BmcUser.removed_at.is_(None))
    return list(session.scalars(query.order_by(BmcUser.id)))
