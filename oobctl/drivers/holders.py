"""Whether the holder of a session at a BMC lives: told by its row in the table of processes, not by its silence."""

from sqlalchemy import ColumnElement, and_, func, or_, select

from oobctl.constants import Protocol, SessionPurpose
from oobctl.store import BmcSession, Process, db_now

STALE_SECONDS = 120.0  # after so long without a heartbeat a session is nobody's, unless its process is known to live
_NOBODY_WATCHES_SECONDS = 3600.0
_LINE_SECONDS = 180.0  # after so long without a heartbeat no BMC holds a serial line for us any more


def alive() -> ColumnElement[bool]:
    """For a query of BmcSession: somebody uses it.

    A process that has a row lives until others have watched its heartbeat stand still, and have disowned its sessions
    (jobs/heartbeats.py): the age of a heartbeat alone can't tell a dead process from a database that was away for
    minutes. After an hour nobody is left who would watch. A command of a person's has no row: there the age counts.
    """
    watched = select(Process.id).where(Process.seen > db_now() - _NOBODY_WATCHES_SECONDS)
    fresh = BmcSession.heartbeat > db_now() - STALE_SECONDS
    return and_(BmcSession.heartbeat > 0, or_(fresh, BmcSession.holder.in_(watched)))


def nobodys(row: BmcSession) -> float:
    """The heartbeat of a session that is nobody's from now on; a serial line's keeps when it was beaten, below 0."""
    line = row.purpose is SessionPurpose.SOL and row.protocol is Protocol.IPMI
    return -abs(row.heartbeat) if line else 0.0


def line_held() -> ColumnElement[bool]:
    """For a query of BmcSession: nobody uses it, and the BMC may still hold a serial line for it.

    An IPMI session ends by itself within a minute of silence (IPMI 2.0, section 6.12.15); until then nobody else gets
    the line. After that its name may be another's.
    """
    beaten = func.abs(BmcSession.heartbeat) > db_now() - _LINE_SECONDS
    line = and_(BmcSession.purpose == SessionPurpose.SOL, BmcSession.protocol == Protocol.IPMI)
    return and_(line, ~alive(), beaten)
