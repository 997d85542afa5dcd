"""Since when a server's BMC gives no readings, in which way and why, and when that was so: written here alone."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.errors import contact
from oobctl.history.samples import DAY
from oobctl.store import Outage, Server

_KEPT = timedelta(days=DAY.days)
_MOST_KEPT = 1000
"""Of one server: a BMC that comes and goes fills no database."""


def lost(session: Session, server: Server, at: datetime, code: str | None, because: str | None) -> None:
    """It gave no reading at that time. When that began stays; code and reason are the newest. The row is locked."""
    began = server.silent_since
    since = began if began is not None and clock.has_been(began) else at
    if (since, code, because) != (began, server.silent_code, server.silent_because):
        _note(session, server.id, since, at, code, because)
    server.silent_since, server.silent_because, server.silent_code = since, because, code


def heard(session: Session, server: Server, at: datetime) -> None:
    """It gave a reading, or what it kept from us is no longer of this server's owner. The row is locked."""
    outage = _open(session, server.id) if server.silent_since is not None else None
    if outage is not None:
        outage.until_at = max(at, outage.from_at) if clock.has_been(outage.from_at) else at
        outage.from_at = min(outage.from_at, outage.until_at)
    server.silent_since = server.silent_because = server.silent_code = None


def _note(
    session: Session, server_id: str, since: datetime, at: datetime, code: str | None, because: str | None
) -> None:
    """In the outage that is open; where it is so in another way now, that one ends and another begins."""
    outage = _open(session, server_id)
    if outage is not None:
        if not clock.has_been(outage.from_at):
            outage.from_at = at
        if contact(outage.code) is contact(code):
            outage.code, outage.because = code, because
            return
        outage.until_at = max(at, outage.from_at)
        since = outage.until_at
        session.flush()  # one is open at a time
    session.add(Outage(server_id=server_id, from_at=since, code=code, because=because))
    session.flush()
    _prune(session, server_id, at)


def _open(session: Session, server_id: str) -> Outage | None:
    return session.scalar(select(Outage).where(Outage.server_id == server_id, Outage.until_at.is_(None)))


def _prune(session: Session, server_id: str, now: datetime) -> None:
    """Whoever adds one deletes what is too old, or too much."""
    mine = Outage.server_id == server_id
    newest_first = select(Outage.from_at).where(mine).order_by(Outage.from_at.desc())
    one_too_many = session.scalar(newest_first.offset(_MOST_KEPT).limit(1))
    gone = Outage.until_at < now - _KEPT
    if one_too_many is not None:
        gone |= Outage.from_at <= one_too_many
    session.execute(delete(Outage).where(mine, Outage.until_at.is_not(None), gone))
