"""Telling what was last read of a server: to staff all of it, to customers what was read since they have the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from oobctl import clock, history
from oobctl.access import Actor, may
from oobctl.constants import STAFF_CAPABILITIES, Capability, Health, Permission
from oobctl.errors import NotAllowed
from oobctl.readings import event_log, shared_slots, storable
from oobctl.readings.take import words
from oobctl.store import Assignment, AttributeRegistry, EventLogEntry, Figures, Outage, Reading, Server

HANDED_ON = (Capability.BIOS, Capability.VIRTUAL_MEDIA)
"""What the last tenant set may still be in these, until it is cleared (server.release)."""


@dataclass(frozen=True)
class Told:
    """The last report of a capability and when it was read, and what came of the newest try ({code, message}).

    content and read_at None: not read (yet, or not since the asker has the server).
    """

    content: dict[str, Any] | None = None
    read_at: datetime | None = None
    tried_at: datetime | None = None
    problem: dict[str, Any] | None = None


@dataclass(frozen=True)
class HealthTold:
    """A health, when it was read, and when it was first read so: None where nobody, or nobody of the asker's, saw."""

    health: Health
    read_at: datetime
    since: datetime | None


def handed_over(session: Session, server_ids: Sequence[str] | Select[str]) -> dict[str, datetime]:
    """Per server when it last came to somebody, or came back. What is older than that may tell of somebody else."""
    now = clock.now()
    ended = Assignment.until_at <= now  # null is not
    moment = func.max(case((ended, Assignment.until_at), else_=Assignment.from_at))
    query = select(Assignment.server_id, moment).where(Assignment.server_id.in_(server_ids), Assignment.from_at <= now)
    return {row[0]: row[1] for row in session.execute(query.group_by(Assignment.server_id))}


def check_may_read(session: Session, actor: Actor, server: Server, capability: Capability) -> None:
    """Raises NotAllowed, with the reason."""
    if capability in STAFF_CAPABILITIES and not actor.is_staff:
        raise NotAllowed(f"Only staff may see the {words(capability)} of a BMC.")
    decision = may(session, actor, Permission.VIEW, server)
    if not decision.allowed:
        raise NotAllowed(f"You may not see what is read of {server.name}: {decision.reason}.")


def latest(session: Session, actor: Actor, server: Server, capability: Capability) -> Told:
    """What is known of one capability. Raises NotAllowed."""
    check_may_read(session, actor, server, capability)
    row = session.get(Reading, (server.id, capability))
    if row is None or (not actor.is_staff and server.uncleared_since is not None and capability in HANDED_ON):
        return Told()
    since = None if actor.is_staff else handed_over(session, [server.id]).get(server.id)
    # Written down while a clock was ahead, it was read before now all the same.
    now, newest = clock.now(), since is None or row.tried_at >= since
    tried = Told(tried_at=min(row.tried_at, now), problem=row.problem) if newest else Told()
    if row.read_at is None or (since is not None and row.read_at < since):
        return tried
    content = row.content
    if capability is Capability.VIRTUAL_MEDIA and content is not None:  # earlier releases kept whole addresses
        content = storable.without_keys(content)
        content = content if actor.is_staff else shared_slots.of_its_own(session, server, content)
    return Told(content, min(row.read_at, now), tried.tried_at, tried.problem)


def sensor_history(
    session: Session, actor: Actor, server: Server, begin: datetime, end: datetime, step: int | None = None
) -> history.History:
    """What sensors read from `begin` to before `end`, by steps of seconds. Raises NotAllowed, InvalidParameter.

    To customers nothing that began before they had the server.
    """
    check_may_read(session, actor, server, Capability.SENSORS)
    since = None if actor.is_staff else handed_over(session, [server.id]).get(server.id)
    return history.between(session, server.id, begin, end, step, since=since)


def health(session: Session, actor: Actor, server_ids: Sequence[str]) -> dict[str, HealthTold]:
    """Per server its rolled-up health, in two queries; those left out are Unknown."""
    word = Reading.content["health"].as_string()
    query = select(Reading.server_id, word, Reading.read_at, Figures.health, Figures.health_since)
    query = query.outerjoin(Figures, Figures.server_id == Reading.server_id)
    query = query.where(Reading.server_id.in_(server_ids), Reading.capability == Capability.HEALTH)
    rows = session.execute(query.where(Reading.read_at.is_not(None))).all()
    since = {} if actor.is_staff else handed_over(session, server_ids)
    return {
        row[0]: HealthTold(Health(row[1]), row[2], _told_since(row[4], since.get(row[0])) if row[1] == row[3] else None)
        for row in rows
        if row[0] not in since or row[2] >= since[row[0]]
    }


def _told_since(began: datetime | None, theirs: datetime | None) -> datetime | None:
    """Nothing of what began before the server was the asker's, or begins in a time to come."""
    seen = began is not None and clock.has_been(began) and (theirs is None or began >= theirs)
    return began if seen else None


def entries(
    session: Session, actor: Actor, server: Server, *, log: str | None = None, after: str | None = None, limit: int = 50
) -> tuple[list[EventLogEntry], str | None]:
    """Log entries, the newest first, and the cursor of the next page; those that left the BMC's log too.

    Customers: those that were first seen, and are not dated, before they had the server. Raises NotAllowed.
    """
    check_may_read(session, actor, server, Capability.EVENT_LOG)
    query = select(EventLogEntry).where(EventLogEntry.server_id == server.id, _theirs(session, actor, server))
    if log is not None:
        query = query.where(EventLogEntry.log == log)
    if after is not None:
        query = query.where(EventLogEntry.id < after)
    found = list(session.scalars(query.order_by(EventLogEntry.id.desc()).limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def outages(session: Session, actor: Actor, server: Server, begin: datetime, limit: int) -> list[Outage]:
    """When its BMC gave no readings, as far as that was not over before `begin`, the newest first. Raises NotAllowed.

    Customers: those that began when they had the server.
    """
    check_may_read(session, actor, server, Capability.POWER)
    query = select(Outage).where(Outage.server_id == server.id)
    query = query.where(or_(Outage.until_at.is_(None), Outage.until_at >= begin))
    since = None if actor.is_staff else handed_over(session, [server.id]).get(server.id)
    if since is not None:
        query = query.where(Outage.from_at >= since)
    return list(session.scalars(query.order_by(Outage.from_at.desc()).limit(limit)))


def counts(session: Session, actor: Actor, server: Server) -> event_log.Counts:
    """Per log of the BMC how many of the entries that the actor sees are in it, by severity."""
    return event_log.counts(session, [server.id], _theirs(session, actor, server)).get(server.id, {})


def _theirs(session: Session, actor: Actor, server: Server) -> ColumnElement[bool]:
    since = None if actor.is_staff else handed_over(session, [server.id]).get(server.id)
    if since is None:
        return EventLogEntry.server_id == server.id
    return (EventLogEntry.seen_at >= since) & or_(EventLogEntry.created.is_(None), EventLogEntry.created >= since)


def registry(session: Session, content: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The attributes of the registry that a BIOS reading names; none where it has none."""
    number = (content or {}).get("registry")
    row = session.get(AttributeRegistry, number) if number else None
    return [] if row is None else list(row.content["attributes"])


def drift_of(session: Session, server_id: str) -> list[dict[str, Any]]:
    """How the server's BMC differs from its profile's baseline, as last read. For staff."""
    row = session.get(Reading, (server_id, Capability.SECURITY))
    return [] if row is None or row.content is None else list(row.content["drift"])
