"""How a console ends: its row, and the record of who was there, for how long, and why it ended."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.store import Console, Server, database

_NEVER_OPENED = timedelta(minutes=2)


@dataclass(frozen=True)
class Used:
    """What passed at a console. keys: how many events (serial: bytes) were passed on; which ones is not kept."""

    seconds: float = 0.0
    bytes_shown: int = 0
    keys: int = 0


def left(console_id: str, because: str | None, used: Used, *, elsewhere: bool = False) -> None:
    """Nobody is at it any more. because: why it is over for good; None where the browser went away.

    Who went away can come back to it for two minutes: a page that is loaded again, a phone that changes its network.
    elsewhere: it goes on in another window; that it was left in this one is recorded.
    """
    with database().write() as session:
        row = session.get(Console, console_id, with_for_update=True)
        if row is not None and elsewhere:
            _record(session, row, because or "The browser left.", used)
        elif row is not None and row.gateway is not None:
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


def leave_all_of(gateways: Sequence[str]) -> None:
    """As `left`, for what gateways had open that have stopped."""
    with database().write() as session:
        for row in session.scalars(select(Console).where(Console.gateway.in_(gateways)).with_for_update()):
            _close(session, row, None, None)


def end_unopened(site_id: str) -> None:
    """End what was asked for at this site and not opened, or left and not come back to."""
    ours = select(Server.id).where(Server.site_id == site_id)
    unopened = (Console.ended_at.is_(None), Console.gateway.is_(None), Console.server_id.in_(ours))
    late = Console.token_expires_at < clock.now() - _NEVER_OPENED
    with database().read() as session:
        found = session.scalars(select(Console.id).where(*unopened, late)).all()
    if not found:
        return
    with database().write() as session:
        rows = select(Console).where(Console.id.in_(found), *unopened, late).with_for_update()
        for row in session.scalars(rows):
            row.ended_at = clock.now()
            row.ended_because = "You left it." if row.opened_at is not None else "It was not opened in time."


def _close(session: Session, row: Console, because: str | None, used: Used | None) -> None:
    """used None: nobody knows."""
    row.gateway, row.token_expires_at = None, clock.now()
    if row.ended_at is None and because is not None:
        row.ended_at, row.ended_because = clock.now(), because
    left = "The browser left." if used is not None else "The gateway that had it stopped."
    _record(session, row, row.ended_because or left, used)


def _record(session: Session, row: Console, reason: str, used: Used | None) -> None:
    known = None if used is None else {**asdict(used), "seconds": round(used.seconds, 1)}
    # Whose the server was then: by now it may be another tenant's.
    record.insert(
        session, Actor.from_json(row.actor), "event", Tag.SERVER_CONSOLE_CLOSED, server_id=row.server_id,
        account_id=row.account_id, parameters={"console": row.id, "kind": row.kind, "mode": row.mode}, reason=reason,
        outcome="done", evidence=known,
    )  # fmt: skip
