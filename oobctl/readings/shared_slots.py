"""Virtual media of a BMC that serves several servers: a customer is told what is in a slot where it is their own."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from oobctl.constants import Lifecycle
from oobctl.store import MediaAccess, Server


def shared_path(session: Session, server: Server) -> str | None:
    """The path of the server's system where its BMC serves other servers too; else None: all slots are its own."""
    return None if session.scalar(others_behind(server).limit(1)) is None else server.system_path


def others_behind(server: Server) -> Select[str]:
    """The ids of the other servers of its BMC."""
    return select(Server.id).where(
        Server.bmc_id == server.bmc_id, Server.id != server.id, Server.lifecycle != Lifecycle.RETIRED
    )


def of_its_own(session: Session, server: Server, media: dict[str, Any]) -> dict[str, Any]:
    """A report of virtual media without the names of images that the server's BMC was not given for it.

    In a slot of the server's own system everything is its own. That something is in a slot is told always.
    """
    path = shared_path(session, server)
    if path is None:
        return media
    given = select(MediaAccess.image).where(MediaAccess.server_id == server.id, MediaAccess.closed_at.is_(None))
    known = set(session.scalars(given))
    slots = [
        slot if in_own_slot(path, slot.get("source") or "") or slot["image"] in known else {**slot, "image": None}
        for slot in media.get("slots") or []
    ]
    return {**media, "slots": slots}


def in_own_slot(system_path: str, source: str) -> bool:
    """Whether a slot at that path of the service belongs to the system."""
    return source.startswith(f"{system_path.rstrip('/')}/")
