"""Taking an image out of the catalogue: refused while a server has it in a slot."""

from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.errors import WrongState
from oobctl.images import access, catalogue
from oobctl.store import database


def remove(name: str, *, force: bool = False) -> list[str]:
    """Take an image out. Returns the names of the servers that had it in a slot, whose BMCs read no more of it.

    force: also where there are some; each has it in its record. Raises NotFound, WrongState naming the servers.
    """
    catalogue.find(name)
    with database().write() as session:
        servers = access.servers_with(session, name)
        names = [server.name for server in servers]
        if servers and not force:
            raise WrongState(
                f"{name} is in a virtual drive of {', '.join(names)}: an operating system may be using it. Eject it "
                "first (oobctl server act SERVER media.eject). To remove it all the same, use --force: the record of "
                "each server says so."
            )
        for server in servers:
            record.event(
                session, SYSTEM, Tag.SERVER_IMAGE_REMOVED, server=server, parameters={"image": name},
                reason="removed from the site's catalogue by force, while it was in a virtual drive",
            )  # fmt: skip
            access.close_in(session, server.id, image=name)
        catalogue.remove(name)
    return names
