"""Taking an image out of the catalogue: refused while a server has it in a slot, or is installed from it."""

from sqlalchemy import select

from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import ENDED_STATES
from oobctl.errors import WrongState
from oobctl.images import access, catalogue, systems
from oobctl.store import Install, Job, Server, database


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


def remove_system(name: str, *, force: bool = False) -> list[str]:
    """Take an operating system's image out. Returns the names of the servers that are being installed from it.

    force: also where there are some; their installers fail, and their disks have no system then.
    Raises NotFound, ConfigurationError, WrongState naming the servers.
    """
    with database().read() as session:
        rows = session.execute(
            select(Server.name, Job.parameters)
            .join(Install, Install.server_id == Server.id)
            .join(Job, Job.id == Install.job_id)
            .where(Job.state.not_in(ENDED_STATES))
            .order_by(Server.name)
        ).all()
    servers = [server for server, asked in rows if asked.get("image") == name]
    if servers and not force:
        raise WrongState(
            f"{', '.join(servers)} {'is' if len(servers) == 1 else 'are'} being installed from {name}, or waiting to "
            f"be. Wait for the end; or retire it (oobctl image retire {name}), so that no other is. To remove it all "
            "the same, use --force: what is being written then fails, and the server has no system."
        )
    systems.remove(name)
    return servers
