"""Whose is what is in a slot of virtual media, on a BMC that serves several servers."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oobctl.drivers import media_slots
from oobctl.drivers.readings import MediaSlot
from oobctl.images import access
from oobctl.jobs.run import Run
from oobctl.readings.shared_slots import in_own_slot, others_behind, shared_path
from oobctl.store import MediaAccess, Server, database


@dataclass(frozen=True)
class Owners:
    """Of one server's view of the slots. shared: the path of its system where its BMC serves others too, else None.

    given: all addresses that the server's BMC was given for it, the newest first. theirs: the open ones of the others.
    """

    shared: str | None
    given: Sequence[MediaAccess]
    theirs: Sequence[MediaAccess]

    def ours(self, slot: MediaSlot) -> bool:
        """Whether what is in it is this server's: all of a BMC that serves no other, and of its own system's slots."""
        if self.shared is None or in_own_slot(self.shared, slot.source):
            return True
        known = [row for row in self.given if slot.image is not None or row.closed_at is None]
        return access.row_of(known, slot.image) is not None and access.row_of(self.theirs, slot.image) is None

    def others(self, slot: MediaSlot) -> bool:
        """Whether another server of the BMC was given what is in it."""
        return not self.ours(slot) and access.row_of(self.theirs, slot.image) is not None

    def told(self, slot: MediaSlot) -> str:
        """What is in it, for the server's record. A customer reads that: no name of another server's image."""
        if not slot.inserted:
            return "empty"
        if not self.ours(slot):
            return "something not of this server"
        return media_slots.file_name(slot.image or "") or "something"

    def image(self, slot: MediaSlot) -> str | None:
        """The name of the image in it where it is one that this server was given; None for what is not ours to put."""
        if not slot.inserted or not self.ours(slot) or not media_slots.file_name(slot.image or ""):
            return None
        row = access.row_of(self.given, slot.image)
        return row.image if row is not None else None


def owners(run: Run) -> Owners:
    """As the store knows it now."""
    with database().read() as session:
        server = session.get_one(Server, run.acted.server_id)
        newest = select(MediaAccess).order_by(MediaAccess.created_at.desc())
        given = session.scalars(newest.where(MediaAccess.server_id == server.id)).all()
        shared = shared_path(session, server)
        if shared is None:
            return Owners(None, given, ())
        still = newest.where(MediaAccess.server_id.in_(others_behind(server)), MediaAccess.closed_at.is_(None))
        return Owners(shared, given, session.scalars(still).all())
