"""Network adapters with the MAC addresses of their ports, and the interfaces that belong to none: each card once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from oobctl.drivers.identity import normalise_mac
from oobctl.drivers.readings import Part, Scalar
from oobctl.drivers.redfish import parts
from oobctl.drivers.redfish.answers import link
from oobctl.drivers.redfish.fields import Resource, inner, number, whole, words
from oobctl.drivers.redfish.tree import Member, same
from oobctl.drivers.redfish.walk import Walk


@dataclass
class _Card:
    member: Member
    macs: list[str] = field(default_factory=list)
    details: dict[str, Scalar] = field(default_factory=dict)

    def add(self, macs: Iterable[str]) -> None:
        self.macs += [mac for mac in macs if mac not in self.macs]


def network_parts(walk: Walk, system: Resource, chassis: list[Member]) -> list[Part]:
    """NetworkAdapters with their ports' and functions' addresses; EthernetInterfaces whose address is on none of them.

    An EthernetInterface (what the operating system sees) and a port are one thing where they have an address in common,
    or the interface links to the adapter's NetworkDeviceFunction (DSP2046, EthernetInterface, Links).
    """
    cards = [_card(walk, adapter) for adapter in _adapters(walk, system, chassis)]
    alone: list[_Card] = []
    for interface in walk.members(system, "EthernetInterfaces", "list its network interfaces"):
        one = _Card(interface)
        one.add(macs_of(interface.resource, "MACAddress", "PermanentMACAddress"))
        known = next((card for card in [*cards, *alone] if _belongs(one, card)), None)
        if known is None:
            alone.append(one)
        else:
            known.add(one.macs)
    adapters = [parts.adapter(one.member.resource, one.member.path, tuple(one.macs), one.details) for one in cards]
    return adapters + [parts.interface(one.member.resource, one.member.path, tuple(one.macs)) for one in alone]


def _belongs(interface: _Card, card: _Card) -> bool:
    function = link(interface.member.resource, "Links", "NetworkDeviceFunction")
    inside = function is not None and function.casefold().startswith(card.member.path.casefold().rstrip("/") + "/")
    return inside or bool(set(interface.macs) & set(card.macs))


def _adapters(walk: Walk, system: Resource, chassis: list[Member]) -> list[Member]:
    """The NetworkAdapters of the chassis; those of the system's NetworkInterfaces where no chassis has any."""
    found: list[Member] = []
    for one in chassis:
        for adapter in walk.members(one.resource, "NetworkAdapters", "list its network adapters"):
            if walk.first(adapter.path):
                found.append(adapter)
    if found:
        return found
    for interface in walk.members(system, "NetworkInterfaces", "list its network interfaces"):
        path = link(interface.resource, "Links", "NetworkAdapter")
        if path is None:
            found.append(interface)
        elif not any(same(path, other.path) for other in found):
            found += walk.all_of([path], "describe its network adapter")
    return found


def _card(walk: Walk, adapter: Member) -> _Card:
    """An adapter with what its Ports (else the older NetworkPorts) and NetworkDeviceFunctions tell."""
    card = _Card(adapter)
    ports = walk.members(adapter.resource, "Ports", "list its network ports")
    ports = ports or walk.members(adapter.resource, "NetworkPorts", "list its network ports")
    for port in ports:
        ethernet = inner(port.resource, "Ethernet")
        card.add(macs_of(port.resource, "AssociatedNetworkAddresses"))
        card.add(macs_of(ethernet, "AssociatedMACAddresses", "MACAddress"))
        ident = words(port.resource, "PhysicalPortNumber", "PortId", "Id")
        said = _port_words(port.resource)
        if ident is not None and said is not None:
            card.details[f"Port {ident}"] = said
    for function in walk.members(adapter.resource, "NetworkDeviceFunctions", "list its network functions"):
        card.add(macs_of(inner(function.resource, "Ethernet"), "MACAddress", "PermanentMACAddress"))
    return card


def _port_words(port: Resource) -> str | None:
    """ "LinkUp, 25000 Mbps, Ethernet"."""
    speed = whole(port.get("CurrentLinkSpeedMbps")) or 1000 * (number(port.get("CurrentSpeedGbps")) or 0)
    said = [
        words(port, "LinkStatus", "LinkState"),
        f"{speed:.0f} Mbps" if whole(speed) else None,
        words(port, "ActiveLinkTechnology", "LinkNetworkTechnology", "PortProtocol"),
    ]
    return ", ".join(filter(None, said)) or None


def macs_of(resource: Resource, *keys: str) -> list[str]:
    """The MAC addresses of these properties, one or a list of them; what is none (a GUID, zeros) is left out."""
    found = []
    for key in keys:
        value = resource.get(key)
        for said in value if isinstance(value, list) else [value]:
            mac = normalise_mac(said) if isinstance(said, str) else None
            if mac is not None and mac not in found:
                found.append(mac)
    return found
