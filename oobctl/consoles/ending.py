"""How a console ends: its row, and the record of who was there, for how long, and why it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.store import Console, database

_NEVER_OPENED = timedelta(minutes=2)


@dataclass(frozen=True)
class Used:
    """What passed at a console. keys: how many events (serial: bytes) were passed on; which ones is not kept."""

    seconds: float = 0.0
    bytes_shown: int = 0
    keys: int = 0


def end(console_id: str, because: str, used: Used) -> None:
    """It is over at the gateway. A second time changes nothing."""
    with database().write() as session:
        row = session.get(Console, console_id, with_for_update=True)
        if row is not None and row.gateway is not None:
            _close(session, row, because, used)


def ask(session: Session, row: Console, by: Actor, because: str) -> None:
    """Ask a console's gateway to end it; it does so within seconds. In the caller's transaction."""
    if row.ended_at is None:
        row.ended_at, row.ended_because = clock.now(), because
        parameters = {"console": row.id, "kind": row.kind, "of": row.actor["name"]}
        record.event(
            session, by, Tag.SERVER_CONSOLE_END, server=row.server, account_id=row.account_id, parameters=parameters,
            reason=because,
        )  # fmt: skip


def end_all_of(gateways: Sequence[str]) -> int:
    """End what dead gateways had open; returns how many."""
    with database().write() as session:
        rows = session.scalars(select(Console).where(Console.gateway.in_(gateways))).all()
        for row in rows:
            _close(session, row, "The gateway that had it stopped.", Used())
        return len(rows)


def end_unopened(site_id: str) -> None:
    """End what was asked for at this site and never opened."""
    unopened = (Console.ended_at.is_(None), Console.gateway.is_(None))
    late = Console.token_expires_at < clock.now() - _NEVER_OPENED
    with database().write() as session:
        for row in session.scalars(select(Console).where(*unopened, late)):
            if row.server.site_id == site_id:
                row.ended_at, row.ended_because = clock.now(), "It was not opened in time."


def _close(session: Session, row: Console, because: str, used: Used) -> None:
    row.gateway = None
    if row.ended_at is None:
        row.ended_at, row.ended_because = clock.now(), because
    evidence = {"seconds": round(used.seconds, 1), "bytes_shown": used.bytes_shown, "keys": used.keys}
    record.event(
        session, Actor.from_json(row.actor), Tag.SERVER_CONSOLE_CLOSED, server=row.server, account_id=row.account_id,
        parameters={"console": row.id, "kind": row.kind, "mode": row.mode}, reason=row.ended_because or because,
        evidence=evidence,
    )  # fmt: skip
