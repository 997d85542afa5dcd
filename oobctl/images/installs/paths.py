"""From where a server can start an installer: its BMC's virtual drive, or its network; and why not."""

from sqlalchemy.orm import Session

from oobctl import profiles
from oobctl.constants import BootPath, Capability, NetworkBoot
from oobctl.drivers.identity import normalise_uuid
from oobctl.errors import InvalidParameter, NoWay
from oobctl.images.installs import hardware
from oobctl.store import Server, Site


def lacks(session: Session, server: Server) -> str | None:
    """Why the server can start an installer from nowhere; None where it can."""
    profile = profiles.find(server.bmc.profile)
    why = {path: _lacks(session, server, path) for path in profile.install.boot_paths}
    if None in why.values():
        return None
    return f"{server.name} cannot be started from an installer: {'; and '.join(filter(None, why.values()))}."


def there(session: Session, server: Server) -> tuple[BootPath, ...]:
    """From where it can, the profile's first first."""
    found = profiles.find(server.bmc.profile).install.boot_paths
    return tuple(path for path in found if _lacks(session, server, path) is None)


def chosen(session: Session, server: Server, wanted: BootPath | None) -> BootPath:
    """The way that is wanted; else the profile's first that there is.

    Raises NoWay where there is none, InvalidParameter where the wanted one is not there.
    """
    if wanted is not None:
        why = _lacks(session, server, wanted)
        if why is not None:
            raise InvalidParameter(f"{server.name} cannot start from {wanted}: {why}.", field="boot_path")
        return wanted
    found = there(session, server)
    if not found:
        raise NoWay(f"{lacks(session, server)} Nothing was sent.")
    return found[0]


def macs(session: Session, server: Server) -> tuple[str, ...]:
    """Of the server's network cards, as far as they are known: an administrator's word first, then the BMC's."""
    return tuple(dict.fromkeys([*server.boot_macs, *hardware.inspected(session, server.id).macs]))


def _lacks(session: Session, server: Server, path: BootPath) -> str | None:
    profile = profiles.find(server.bmc.profile)
    spoken = [endpoint.protocol for endpoint in server.bmc.endpoints]
    if profile.way_to(Capability.BOOT, spoken) is None:
        return "its BMC has no way to say where it boots from"
    if path is BootPath.VIRTUAL_MEDIA:
        there = profile.way_to(Capability.VIRTUAL_MEDIA, spoken) is not None
        return None if there else "its BMC has no virtual drive that an image can be put into"
    return _lacks_network(session, server)


def _lacks_network(session: Session, server: Server) -> str | None:
    site = session.get_one(Site, server.site_id)
    if site.network_boot is None:
        return f"network boot is not set up at the site {site.name} (staff: see docs/network-boot.md)"
    if macs(session, server):
        return None
    if site.network_boot is NetworkBoot.DHCP:
        return f"no MAC address of its network cards is known (staff: oobctl server boot-macs {server.name} MAC)"
    if normalise_uuid(server.system_uuid) is None:
        return (
            "neither its UUID nor a MAC address of its network cards is known, by one of which it would be recognised "
            f"in the network (staff: oobctl server boot-macs {server.name} MAC)"
        )
    return None
