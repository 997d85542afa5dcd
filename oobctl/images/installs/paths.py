"""From where a server can start an installer: its BMC's virtual drive, or its network; and why not."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from oobctl import profiles
from oobctl.constants import BootPath, Capability, Firmware, NetworkBoot, Protocol
from oobctl.drivers.identity import normalise_uuid
from oobctl.errors import InvalidParameter, NoWay
from oobctl.images.installs import firmware, hardware
from oobctl.profiles.model import Profile
from oobctl.store import Server, Site

_SAY_MACS = "Staff have to say it: oobctl server boot-macs {} MAC."


@dataclass(frozen=True)
class Lack:
    """Why a server cannot start from somewhere, and what staff can do about it, in a sentence; empty: nothing."""

    why: str
    staff: str = ""


def lacks(session: Session, server: Server) -> str | None:
    """Why the server can start an installer from nowhere, in sentences; None where it can."""
    return _lacks(session, server, _listed(server), f"{server.name} cannot be started from an installer")


def lacks_network(session: Session, server: Server) -> str | None:
    """Why the server cannot start from its network, in sentences; None where it can."""
    return _lacks(session, server, _network_paths(server), f"{server.name} cannot start from its network")


def there(session: Session, server: Server) -> tuple[BootPath, ...]:
    """From where it can, the profile's first first."""
    return tuple(path for path in _listed(server) if _lack(session, server, path) is None)


def chosen(session: Session, server: Server, wanted: BootPath | None) -> tuple[BootPath, ...]:
    """The way that is wanted alone; else all that there are, the profile's first first.

    Raises NoWay where there is none, InvalidParameter where the wanted one is not there.
    """
    if wanted is not None:
        lack = _lack(session, server, wanted)
        if lack is not None:
            said = f"{server.name} cannot start from {wanted}: {lack.why}. {lack.staff}".rstrip()
            raise InvalidParameter(said, field="boot_path")
        return (wanted,)
    found = there(session, server)
    if not found:
        raise NoWay(f"{lacks(session, server)} Nothing was sent.")
    return found


def network(session: Session, server: Server) -> tuple[BootPath, ...]:
    """The ways from the network that there are, in the profile's order. Raises NoWay where there is none."""
    found = tuple(path for path in _network_paths(server) if _lack(session, server, path) is None)
    if not found:
        raise NoWay(f"{lacks_network(session, server)} Nothing was sent.")
    return found


def _listed(server: Server) -> tuple[BootPath, ...]:
    return profiles.find(server.bmc.profile).install.boot_paths


def _network_paths(server: Server) -> tuple[BootPath, ...]:
    """A script is started by PXE also where the profile lists no way from the network for installers."""
    return tuple(path for path in _listed(server) if path.from_network) or (BootPath.NETWORK,)


def _lacks(session: Session, server: Server, wanted: tuple[BootPath, ...], words: str) -> str | None:
    """None at the first way that there is. What UEFI HTTP boot alone lacks is told where there is no other way."""
    found: dict[BootPath, Lack] = {}
    for path in wanted:
        lack = _lack(session, server, path)
        if lack is None:
            return None
        found[path] = lack
    known = [found[path] for path in found if path is not BootPath.UEFI_HTTP] or [*found.values()]
    whys = "; and ".join(dict.fromkeys(lack.why for lack in known))
    staff = dict.fromkeys(lack.staff for lack in known if lack.staff)
    return " ".join([f"{words}: {whys}.", *staff])


def macs(session: Session, server: Server) -> tuple[str, ...]:
    """Of the server's network cards, as far as they are known: an administrator's word first, then the BMC's."""
    return tuple(dict.fromkeys([*server.boot_macs, *hardware.macs(session, server.id)]))


def _lack(session: Session, server: Server, path: BootPath) -> Lack | None:
    profile = profiles.find(server.bmc.profile)
    spoken = [endpoint.protocol for endpoint in server.bmc.endpoints]
    if profile.way_to(Capability.BOOT, spoken) is None:
        return Lack("its BMC has no way to say where it boots from")
    if path is BootPath.UEFI_HTTP:
        return _lack_of_network(session, server) or _lack_of_uefi_http(session, server, profile, spoken)
    if path is BootPath.NETWORK:
        return _lack_of_network(session, server)
    if profile.way_to(Capability.VIRTUAL_MEDIA, spoken) is None:
        return Lack("its BMC has no virtual drive that an image can be put into")
    return _lack_of_a_name(session, server)


def _lack_of_uefi_http(session: Session, server: Server, profile: Profile, spoken: list[Protocol]) -> Lack | None:
    """Which sources a BMC really takes it tells the worker, before anything is sent."""
    if BootPath.UEFI_HTTP not in profile.install.boot_paths:
        return Lack(
            "its kind is not known to take UEFI HTTP boot", "Staff have to say it: install.boot_paths in its profile."
        )
    if profile.way_to(Capability.BOOT, spoken) is not Protocol.REDFISH:
        return Lack("UEFI HTTP boot can be asked for over Redfish alone, and its boot override is set over IPMI")
    known = firmware.known(session, server.id)
    if known is not None and known.starts_as is not Firmware.UEFI:
        return Lack(f"UEFI HTTP boot is UEFI's, and it starts as {known.starts_as}")
    return None


def _lack_of_a_name(session: Session, server: Server) -> Lack | None:
    """An installer refuses a machine that nothing tells apart."""
    if macs(session, server) or normalise_uuid(server.system_uuid) is not None:
        return None
    return Lack(
        "neither its UUID nor a MAC address of its network cards is known, which would tell it apart",
        _SAY_MACS.format(server.name),
    )


def _lack_of_network(session: Session, server: Server) -> Lack | None:
    site = session.get_one(Site, server.site_id)
    if site.network_boot is None:
        return Lack(
            f"network boot is not set up at the site {site.name}", "Staff have to set it up: docs/network-boot.md."
        )
    if site.network_boot is NetworkBoot.DHCP and not macs(session, server):
        return Lack("no MAC address of its network cards is known", _SAY_MACS.format(server.name))
    return _lack_of_a_name(session, server)
