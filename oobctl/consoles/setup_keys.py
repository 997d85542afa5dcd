"""The key that enters a firmware's setup: asked for by a job, pressed by a gateway, which alone opens a screen."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.consoles import admission
from oobctl.constants import ConsoleKind
from oobctl.ids import new_id
from oobctl.profiles.model import SetupKey
from oobctl.store import Job, Server, SetupKeyRequest, database


@dataclass(frozen=True)
class WantedKey:
    """A key that this gateway is to press. keysym: X11's. every: seconds. until: a moment."""

    server_id: str
    server_name: str
    keysym: int
    every: float
    until: datetime


def ask(session: Session, job: Job, key: SetupKey) -> None:
    """Ask the site's gateway to press it at the job's server, in the caller's transaction. Once a job. Raises NoWay."""
    admission.check_way(job.server, ConsoleKind.GRAPHICAL)
    session.execute(delete(SetupKeyRequest).where(SetupKeyRequest.server_id == job.server_id))
    session.add(
        SetupKeyRequest(
            id=new_id(), server_id=job.server_id, keysym=key.keysym, every=key.every,
            until_at=clock.now() + timedelta(seconds=key.seconds),
        )
    )  # fmt: skip


def claim(site_id: str) -> list[WantedKey]:
    """Those that nobody presses yet: they are this gateway's now. Late ones are dropped. Raises StoreUnavailable."""
    query = select(SetupKeyRequest).join(Server, Server.id == SetupKeyRequest.server_id)
    query = query.where(Server.site_id == site_id)
    with database().read() as session:
        if session.scalar(query.limit(1)) is None:
            return []
    with database().write() as session:
        found = []
        for row in session.scalars(query.with_for_update(of=SetupKeyRequest)):
            if row.until_at > clock.now():
                found.append(WantedKey(row.server_id, row.server.name, row.keysym, row.every, row.until_at))
            session.delete(row)
        return found
