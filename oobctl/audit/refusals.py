"""What was asked for and not allowed: recorded one by one, and from a number on counted, so that nobody fills the disk.

Counted apart for each actor, kind of request and server: no one's refusals hide another's.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access.actor import Actor
from oobctl.audit import record
from oobctl.store import Job, RefusalCount, Server

KEPT_PER_HOUR = 100
"""Refusals alike that are recorded one by one within an hour of the first."""
_WINDOW = timedelta(hours=1)


def add(
    session: Session,
    actor: Actor,
    tag: str,
    *,
    server: Server | None = None,
    job: Job | None = None,
    parameters: dict[str, Any] | None = None,
    reason: str,
    for_staff: bool = False,
) -> None:
    """Record a refusal, or count it where there were KEPT_PER_HOUR like it. for_staff: it is no customer's to read."""
    whose = None if for_staff else record.whose(session, actor, server, job)
    count = _counted(session, actor, tag, server, whose)
    if count > KEPT_PER_HOUR:
        return
    if count == KEPT_PER_HOUR:
        reason += " (more like it within the hour are counted, and recorded as one)"
    record.insert(
        session, actor, "refusal", tag, server_id=server.id if server else None, job_id=job.id if job else None,
        account_id=whose, parameters=parameters or {}, reason=reason, outcome="refused",
    )  # fmt: skip


def tell_counted(session: Session) -> None:
    """For each hour that is over, record how many refusals were only counted in it."""
    over = select(RefusalCount).where(RefusalCount.since <= clock.now() - _WINDOW).with_for_update()
    for row in session.scalars(over):
        _tell(session, row)
        session.delete(row)


def _counted(session: Session, actor: Actor, tag: str, server: Server | None, account_id: str | None) -> int:
    """How many there were in this hour, this one with them."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    first = {
        "key": _key(actor, tag, server),
        "since": clock.now(),
        "count": 0,
        "actor": actor.to_json(),
        "tag": str(tag),
        "server_id": server.id if server else None,
        "account_id": account_id,
    }
    session.execute(insert(RefusalCount).values(**first).on_conflict_do_nothing(index_elements=["key"]))
    row = session.get_one(RefusalCount, first["key"], with_for_update=True, populate_existing=True)
    if row.since <= clock.now() - _WINDOW:
        _tell(session, row)
        row.since, row.count = clock.now(), 0
    row.count += 1
    return row.count


def _key(actor: Actor, tag: str, server: Server | None) -> str:
    """Whoever is not signed in is the user whose name was typed, or, where there is none such, an address."""
    who = actor.id or f"from {actor.address}"
    return f"{actor.kind} {who} {tag} {server.id if server else ''}"


def _tell(session: Session, row: RefusalCount) -> None:
    if row.count <= KEPT_PER_HOUR:
        return
    more = row.count - KEPT_PER_HOUR
    record.insert(
        session, Actor.from_json(row.actor), "refusal", row.tag, server_id=row.server_id, account_id=row.account_id,
        parameters={"count": more}, outcome="refused",
        reason=f"{more} more like it were refused in the hour from {clock.rfc3339(row.since)}",
    )  # fmt: skip
