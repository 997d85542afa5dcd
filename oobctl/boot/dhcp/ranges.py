"""What the settings say of DHCP: on which interface, and whether addresses are given there or only boot files."""

import shutil
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from urllib.parse import urlsplit

from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.images.installer import ipxe

_PROGRAM = "dnsmasq"


@dataclass(frozen=True)
class Served:
    """proxy: the network in which another service gives the addresses; else first and last are given from here.

    base_url: of the media service, as servers reach it in that network.
    """

    interface: str
    base_url: str
    proxy: IPv4Network | None = None
    first: IPv4Address | None = None
    last: IPv4Address | None = None
    router: IPv4Address | None = None
    name_servers: tuple[IPv4Address, ...] = ()


def served() -> Served | None:
    """As the settings say it; None where DHCP is somebody else's. Raises ConfigurationError."""
    said = settings()
    if not said.dhcp_interface:
        return None
    _check_there(said.dhcp_interface)
    if not said.trusted_networks:
        raise ConfigurationError(
            "OOBCTL_DHCP_INTERFACE is set, and OOBCTL_TRUSTED_BOOT_NETWORKS is not: no server could be given its "
            "installer. Name the networks in which nobody else can listen: 192.0.2.0/24."
        )
    proxy, first, last = _range(said.dhcp_range)
    return Served(
        interface=said.dhcp_interface,
        base_url=_base_url(said.boot_address),
        proxy=proxy,
        first=first,
        last=last,
        router=_address("OOBCTL_DHCP_ROUTER", said.dhcp_router) if said.dhcp_router else None,
        name_servers=tuple(_address("OOBCTL_DHCP_NAME_SERVERS", one) for one in _listed(said.dhcp_name_servers)),
    )


def _check_there(interface: str) -> None:
    try:
        socket.if_nametoindex(interface)
    except (OSError, ValueError) as error:
        known = ", ".join(name for _, name in socket.if_nameindex())
        raise ConfigurationError(
            f"OOBCTL_DHCP_INTERFACE is {interface!r}, and this computer has no such interface. It has: {known}."
        ) from error
    if program() is None:
        raise ConfigurationError("DHCP needs the program dnsmasq, and it is not here: apt install dnsmasq-base.")


def program() -> str | None:
    """Where dnsmasq is; None where it is not. A user's PATH need not have the folders of such programs."""
    return shutil.which(_PROGRAM) or shutil.which(_PROGRAM, path="/usr/sbin:/sbin")


def _range(text: str) -> tuple[IPv4Network | None, IPv4Address | None, IPv4Address | None]:
    first, dash, last = text.partition("-")
    if dash:
        begin, end = _address("OOBCTL_DHCP_RANGE", first.strip()), _address("OOBCTL_DHCP_RANGE", last.strip())
        if begin <= end:
            return None, begin, end
    else:
        try:
            return IPv4Network(text), None, None
        except ValueError:
            pass
    raise ConfigurationError(
        f"OOBCTL_DHCP_RANGE is {text!r}. Write 192.0.2.100-192.0.2.200, whose addresses are given to servers that are "
        "installed, or the network 192.0.2.0/24, where another DHCP service gives the addresses."
    )


def _base_url(url: str) -> str:
    """Raises ConfigurationError also for an address that leads every server to itself."""
    try:
        base = ipxe.checked_base(url)
        where = _literal(urlsplit(base).hostname or "")
        if urlsplit(base).scheme == "http" and not (where and (where.is_loopback or where.is_unspecified)):
            return base
    except ValueError:
        pass
    raise ConfigurationError(
        f"Servers would be sent to {url!r} for what they start. Set OOBCTL_BOOT_URL to http://ADDRESS:PORT of the "
        "media service, as they reach it in their network."
    )


def _literal(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _address(setting: str, text: str) -> IPv4Address:
    found = _literal(text)
    if not isinstance(found, IPv4Address):
        raise ConfigurationError(f"{setting} has {text!r}, which is no IPv4 address.")
    return found
