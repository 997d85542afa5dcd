"""Who may fetch an image: the BMC that its address was given to, told by where it asks from."""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


def is_one_of(asker: str, bmc: Iterable[str]) -> bool:
    """Whether the asker's address is one of a BMC's, which may be names. True where none of these has an address."""
    known = {address for one in bmc for address in _addresses(one)}
    return not known or plain(asker) in known


def plain(address: str) -> Address:
    """An IPv4 address in IPv6's clothes is what it is. Raises ValueError for what is no address."""
    found = ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def _addresses(name: str) -> set[Address]:
    try:
        return {plain(name)}
    except ValueError:
        pass
    try:
        return {plain(str(entry[4][0])) for entry in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return set()
