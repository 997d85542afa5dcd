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
    listed = profiles.find(server.bmc.profile).install.boot_paths
    found = {path: lack for path in listed if (lack := _lack(session, server, path)) is not None}
    if len(found) < len(listed):
        return None
    known = [found[path] for path in found if path is not BootPath.UEFI_HTTP] or [*found.values()]
    whys = "; and ".join(dict.fromkeys(lack.why for lack in known))
    return " ".join(
        [f"{server.name} cannot be started from an installer: {whys}.", *filter(None, (lack.staff for lack in known))]
    )


def lacks_network(session: Session, server: Server) -> str | None:
    """Why the server cannot start from its network, in sentences; None where it can."""
    found = [lack for path in _network_paths(server) if (lack := _lack(session, server, path)) is not None]
    if len(found) < len(_network_paths(server)):
        return None
    return f"{server.name} cannot start from its network: {found[0].why}. {found[0].staff}".rstrip()


def there(session: Session, server: Server) -> tuple[BootPath, ...]:
    """From where it can, the profile's first first."""
    found = profiles.find(server.bmc.profile).install.boot_paths
    return tuple(path for path in found if _lack(session, server, path) is None)


def chosen(session: Session, server: Server, wanted: BootPath | None) -> BootPath:
    """The way that is wanted; else the profile's first that there is.

    Raises NoWay where there is none, InvalidParameter where the wanted one is not there.
    """
    if wanted is not None:
        lack = _lack(session, server, wanted)
        if lack is not None:
            said = f"{server.name} cannot start from {wanted}: {lack.why}. {lack.staff}".rstrip()
            raise InvalidParameter(said, field="boot_path")
        return wanted
    found = there(session, server)
    if not found:
        raise NoWay(f"{lacks(session, server)} Nothing was sent.")
    return found[0]


def network(session: Session, server: Server) -> BootPath:
    """The first way from the network that there is. Raises NoWay where there is none."""
    found = next((path for path in _network_paths(server) if _lack(session, server, path) is None), None)
    if found is None:
        raise NoWay(f"{lacks_network(session, server)} Nothing was sent.")
    return found


def _network_paths(server: Server) -> tuple[BootPath, ...]:
    """Those of its profile, in order; a script is started by PXE also where installers never are."""
    listed = profiles.find(server.bmc.profile).install.boot_paths
    return tuple(path for path in listed if path.from_network) or (BootPath.NETWORK,)


def macs(session: Session, server: Server) -> tuple[str, ...]:
    """Of the server's network cards, as far as they are known: an administrator's word first, then the BMC's."""
    return tuple(dict.fromkeys([*server.boot_macs, *hardware.macs(session, server.id)]))


def _lack(session: Session, server: Server, path: BootPath) -> Lack | None:
    profile = profiles.find(server.bmc.profile)
    spoken = [endpoint.protocol for endpoint in server.bmc.endpoints]
    if profile.way_to(Capability.BOOT, spoken) is None:
        return Lack("its BMC has no way to say where it boots from")
    if path is BootPath.UEFI_HTTP and (lack := _lack_of_uefi_http(session, server, profile, spoken)) is not None:
        return lack
    if path.from_network:
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
