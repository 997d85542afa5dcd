"""The lease on a server or a BMC: one job has it, and one run of that job may send, fenced by the database's clock.

BMCs know no fencing token. So a run begins a send only while its lease lasts (`until`), and a successor waits for the
lease's end plus the longest time that a send begun before it can take.
"""

import time

from sqlalchemy import case, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from oobctl.constants import Lock
from oobctl.errors import LeaseLost
from oobctl.store import Lease, Server, database, db_now

BEGIN_WITHIN_SECONDS = 2.0
"""How long after the grant a send may begin: what is later must ask again."""


def keys(session: Session, lock: Lock, server: Server) -> list[str]:
    """What an action with that lock keeps for itself, in the order in which it is taken."""
    if lock is Lock.NONE:
        return []
    if lock in {Lock.SERVER, Lock.READ}:
        return [f"{'read' if lock is Lock.READ else 'server'}:{server.id}"]
    behind = session.scalars(select(Server.id).where(Server.bmc_id == server.bmc_id))
    return [f"bmc:{server.bmc_id}", *sorted(f"server:{server_id}" for server_id in behind)]


def claim(session: Session, wanted: list[str], job_id: str) -> str | None:
    """Give the keys to a job, in the caller's transaction. Returns the id of a job that has one of them already."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    for key in wanted:
        session.execute(
            insert(Lease)
            .values(key=key, until=0.0, longest_send=0.0, fence=0)
            .on_conflict_do_nothing(index_elements=["key"])
        )
        other = _claim(session, key, job_id)
        if other is not None:
            return other
    return None


def _claim(session: Session, key: str, job_id: str) -> str | None:
    while True:
        taken = session.execute(
            update(Lease).where(Lease.key == key, Lease.job_id.is_(None)).values(job_id=job_id).returning(Lease.key)
        ).first()
        if taken is not None:
            return None
        other = session.scalar(select(Lease.job_id).where(Lease.key == key))
        if other is not None:  # else it was given back between the two statements
            return other


def holder_of(session: Session, server_id: str) -> str | None:
    """The id of the job that has the server now."""
    return job_of(session, f"server:{server_id}")


def job_of(session: Session, key: str) -> str | None:
    """The id of the job that has a key now."""
    return session.scalar(select(Lease.job_id).where(Lease.key == key))


def give_back(session: Session, job_id: str) -> None:
    """The job has ended by itself: nothing of it is under way any more."""
    session.execute(update(Lease).where(Lease.job_id == job_id).values(job_id=None, holder=None, until=0.0))


def take_away(session: Session, job_id: str) -> None:
    """The job was ended by somebody else. What its run may still be sending keeps a successor waiting."""
    session.execute(update(Lease).where(Lease.job_id == job_id).values(job_id=None))


def acquire(job_id: str, holder: str, waited: float = 0.0) -> bool:
    """Make `holder` the run that may send for the job; False while an earlier run's last send may be under way.

    waited: seconds, by this process's own clock, since the job was taken over. Nobody but its new owner gets a grant
    since then, so after the longest send it is free whatever the database's clock did meanwhile. A run that has it
    already keeps what it has under way.
    Raises LeaseLost where the job has no lease any more.
    """
    with database().write() as session:
        rows = session.execute(select(Lease.key).where(Lease.job_id == job_id)).all()
        if not rows:
            raise LeaseLost("The job's lease was taken away.")
        free = or_(
            Lease.holder.is_(None),
            Lease.holder == holder,
            Lease.until + Lease.longest_send < db_now(),
            literal(waited) > BEGIN_WITHIN_SECONDS + Lease.longest_send,
        )
        granted = session.execute(
            update(Lease)
            .where(Lease.job_id == job_id, free)
            .values(
                holder=holder,
                until=case((Lease.holder == holder, Lease.until), else_=db_now()),
                longest_send=case((Lease.holder == holder, Lease.longest_send), else_=0.0),
                fence=Lease.fence + 1,
            )
            .returning(Lease.key)
        ).all()
        if len(granted) < len(rows):
            session.rollback()
            return False
    return True


def extend(session: Session, job_id: str, holder: str, longest_send: float) -> None:
    """Allow `holder` to begin a send now that can take `longest_send` seconds; an earlier one of its may last longer.

    Raises LeaseLost where another run or job has the lease.
    """
    begin = db_now() + BEGIN_WITHIN_SECONDS
    earlier = Lease.until + Lease.longest_send - begin
    kept = session.execute(
        update(Lease)
        .where(Lease.job_id == job_id, Lease.holder == holder)
        .values(until=begin, longest_send=case((earlier > longest_send, earlier), else_=longest_send))
        .returning(Lease.key)
    ).first()
    if kept is None:
        raise LeaseLost("The lease on the server is not this job's any more; nothing more was sent.")


def settle(job_id: str, holder: str) -> None:
    """Nothing is under way now: a successor need not wait."""
    with database().write() as session:
        session.execute(
            update(Lease)
            .where(Lease.job_id == job_id, Lease.holder == holder, Lease.longest_send > 0)
            .values(until=db_now(), longest_send=0.0)
        )


class Deadline:
    """A grant's local half: the send must begin before it, whatever this machine did meanwhile."""

    def __init__(self) -> None:
        self._end = time.monotonic() + BEGIN_WITHIN_SECONDS

    @property
    def passed(self) -> bool:
        """Whether the grant came too late to use: ask for another one."""
        return time.monotonic() > self._end
