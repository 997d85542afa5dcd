"""Pictures of screens: asked for by jobs, taken by a gateway, which alone opens a screen."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.audit import record
from oobctl.config import settings
from oobctl.consoles import admission
from oobctl.consoles.recording import kept
from oobctl.consoles.recording.kept import Closed
from oobctl.consoles.recording.sealed import Chunk
from oobctl.constants import ConsoleKind, RecordingPurpose
from oobctl.errors import NoWay
from oobctl.ids import new_id
from oobctl.store import Job, Process, Recording, Server, database, db_now

_GIVEN_UP_AFTER = timedelta(seconds=45)


@dataclass(frozen=True)
class Wanted:
    """A picture that this gateway is to take."""

    recording_id: str
    server_id: str
    server_name: str


def ask(session: Session, job: Job) -> str:
    """Ask the site's gateway for a picture of the job's server, in the caller's transaction. Raises NoWay."""
    admission.check_way(job.server, ConsoleKind.GRAPHICAL)
    row = Recording(
        id=new_id(), server_id=job.server_id, account_id=job.account_id, kind=ConsoleKind.GRAPHICAL, consoles=[],
        purpose=RecordingPurpose.PICTURE, job_id=job.id,
    )  # fmt: skip
    session.add(row)
    return row.id


def ask_where_failed(session: Session, job: Job) -> None:
    """As `ask`, where that can be done and the site wants it: what the screen shows says more than an error does.

    Nothing is taken for a tenant that does not have the server any more, or of a server that nobody may look at.
    """
    server = job.server
    if not settings().picture_failures or server.lifecycle not in admission.SHOWN_IN:
        return
    if record.account_of(session, server.id) != job.account_id or not _has_gateway(session, server.site_id):
        return
    try:
        ask(session, job)
    except NoWay:
        return


def asked_for(session: Session, job_id: str) -> Recording | None:
    """What was asked for it already, taken or not."""
    query = select(Recording).where(Recording.job_id == job_id, Recording.purpose == RecordingPurpose.PICTURE)
    return session.scalars(query).first()


def of_job(session: Session, job_id: str) -> list[Recording]:
    """Those that were taken for it, the oldest first."""
    query = select(Recording).where(Recording.job_id == job_id, Recording.purpose == RecordingPurpose.PICTURE)
    taken = query.where(Recording.sha256.is_not(None), Recording.removed_at.is_(None))
    return list(session.scalars(taken.order_by(Recording.id)))


def claim(site_id: str, gateway: str) -> list[Wanted]:
    """Pictures that nobody takes yet; they are this gateway's now. Late ones are given up. Raises StoreUnavailable."""
    query = select(Recording).join(Server, Server.id == Recording.server_id).where(
        Server.site_id == site_id, Recording.purpose == RecordingPurpose.PICTURE, Recording.ended_at.is_(None),
        Recording.gateway.is_(None),
    )  # fmt: skip
    with database().read() as session:
        if session.scalar(query.limit(1)) is None:
            return []
    found = []
    with database().write() as session:
        for row in session.scalars(query.with_for_update(of=Recording)):
            if row.began_at < clock.now() - _GIVEN_UP_AFTER:
                _end(row, "No gateway took it in time.")
                continue
            if (
                row.server.lifecycle not in admission.SHOWN_IN
                or record.account_of(session, row.server_id) != row.account_id
            ):
                _end(row, "The server changed hands, or nobody may look at it any more.")
                continue
            row.gateway = gateway
            found.append(Wanted(row.id, row.server_id, row.server.name))
    return found


def keep(wanted: Wanted, png: bytes, size: tuple[int, int]) -> None:
    """Write it into a sealed file of its own. Raises OSError, StoreUnavailable."""
    writer = kept.open_file(wanted.recording_id)
    writer.write(Chunk(png, 0, 0, size=size))
    because = f"A picture of {size[0]} x {size[1]} pixels."
    kept.close(Closed(wanted.recording_id, because, writer.close(0), writer.size, ()))


def give_up(wanted: Wanted, because: str) -> None:
    """It could not be taken. Raises StoreUnavailable."""
    with database().write() as session:
        row = session.get_one(Recording, wanted.recording_id)
        _end(row, because)


def _end(row: Recording, because: str) -> None:
    """It has no file."""
    row.gateway, row.ended_at, row.ended_because = None, clock.now(), because
    row.removed_at, row.removed_because = row.ended_at, because


def _has_gateway(session: Session, site_id: str) -> bool:
    alive = db_now() - Process.seen < settings().dead_after_seconds
    query = select(Process.id).where(Process.kind == "gateway", Process.site_id == site_id, alive)
    return session.scalar(query.limit(1)) is not None
