"""A server's network as it is chosen, and as systemd-networkd reads it; cards are told by their MAC addresses."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from oobctl.drivers.identity import normalise_mac
from oobctl.jobs.action import wrong

_FOLDER = "etc/systemd/network"
_BOND = "bond0"


def _mac(value: str) -> str:
    found = normalise_mac(value)
    if found is None:
        raise ValueError(f"{value[:40]!r} is no MAC address")
    return found


Mac = Annotated[str, AfterValidator(_mac)]
Address = Annotated[str, AfterValidator(lambda value: str(_interface(value)))]
Host = Annotated[str, AfterValidator(lambda value: str(_host(value)))]


def _interface(value: str) -> IPv4Interface | IPv6Interface:
    _without_scope(value)
    if "/" not in value:
        raise ValueError(f"{value[:60]!r} needs its prefix's length, as in 192.0.2.10/24")
    found = IPv6Interface(value) if ":" in value else IPv4Interface(value)
    _of_a_host(found.ip, value)
    ends = {found.network.network_address, found.network.broadcast_address}
    if found.version == 4 and found.network.prefixlen < 31 and found.ip in ends:
        raise ValueError(f"{value[:60]!r} is the network's own address or its broadcast address, and no server's")
    return found


def _of_a_host(found: IPv4Address | IPv6Address, value: str) -> None:
    if found.is_unspecified or found.is_loopback or found.is_multicast:
        raise ValueError(f"{value[:60]!r} is no address that a server can have in a network")


def _without_scope(value: str) -> None:
    """A scope (fe80::1%eth0) may have anything in it, and names a card of the computer that is asked."""
    if "%" in value:
        raise ValueError(f"{value[:60]!r}: an address with a scope cannot be given")


def _host(value: str) -> IPv4Address | IPv6Address:
    _without_scope(value)
    found = IPv6Address(value) if ":" in value else IPv4Address(value)
    _of_a_host(found, value)
    return found


class Network(BaseModel):
    """DHCP where there are no addresses. macs: the card; two or more are bonded. vlan: tagged, over these.

    Gateways and name servers are addresses; a gateway outside of the server's own networks is reached on-link.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    macs: list[Mac] = Field(default_factory=list, max_length=8, description="The network card; several are bonded.")
    addresses: list[Address] = Field(default_factory=list, max_length=16, description="With prefix; none: DHCP.")
    gateways: list[Host] = Field(default_factory=list, max_length=2, description="One of IPv4, one of IPv6.")
    name_servers: list[Host] = Field(default_factory=list, max_length=4)
    vlan: int | None = Field(default=None, ge=1, le=4094)
    bond_mode: Literal["802.3ad", "active-backup", "balance-xor"] = "802.3ad"

    @model_validator(mode="after")
    def _whole(self) -> "Network":
        if not self.macs and (self.addresses or self.vlan is not None):
            raise wrong("macs", "fixed addresses and VLANs need the network card's MAC address (macs)")
        if len(set(self.macs)) != len(self.macs):
            raise wrong("macs", "a network card is named twice")
        if self.gateways and not self.addresses:
            raise wrong("addresses", "a gateway needs a fixed address")
        if len({":" in gateway for gateway in self.gateways}) != len(self.gateways):
            raise wrong("gateways", "there can be one gateway of IPv4 and one of IPv6")
        own = {str(ip_interface(address).ip) for address in self.addresses}
        for gateway in self.gateways:
            if gateway in own:
                raise wrong("gateways", f"{gateway} is the server's own address, and no gateway of it")
            if not any((":" in gateway) == (":" in address) for address in self.addresses):
                raise wrong("gateways", f"the gateway {gateway} needs a fixed address of the same kind")
        return self


def files(network: Network) -> dict[str, str]:
    """The .network and .netdev files, by path without the leading slash.

    Cards are told by the address that they were made with (systemd.network(5), of systemd 245): the one in use is that
    of a VLAN on the card too, and of a bond's cards all the same.
    """
    match = f"PermanentMACAddress={' '.join(network.macs)}" if network.macs else "Type=ether\nKind=!*"
    found: dict[str, str] = {}
    if len(network.macs) > 1:
        kind = f"[Bond]\nMode={network.bond_mode}\nMIIMonitorSec=100ms\n"
        if network.bond_mode == "802.3ad":
            kind += "LACPTransmitRate=fast\nTransmitHashPolicy=layer3+4\n"
        found[f"{_FOLDER}/10-{_BOND}.netdev"] = f"[NetDev]\nName={_BOND}\nKind=bond\n\n{kind}"
        found[f"{_FOLDER}/10-{_BOND}-cards.network"] = f"[Match]\n{match}\n\n[Network]\nBond={_BOND}\n"
        match = f"Name={_BOND}"
    if network.vlan is None:
        found[f"{_FOLDER}/20-oobctl.network"] = f"[Match]\n{match}\n\n{_addresses(network)}"
        return found
    name = f"vlan{network.vlan}"
    found[f"{_FOLDER}/15-{name}.netdev"] = f"[NetDev]\nName={name}\nKind=vlan\n\n[VLAN]\nId={network.vlan}\n"
    carrier = f"[Network]\nVLAN={name}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    found[f"{_FOLDER}/20-oobctl.network"] = f"[Match]\n{match}\n\n{carrier}"
    found[f"{_FOLDER}/25-{name}.network"] = f"[Match]\nName={name}\n\n{_addresses(network)}"
    return found


def installer_lines(network: Network) -> str:
    """As the installer's ramdisk reads it (docs/installer.md): it has the same way. Empty where any card will do."""
    if not network.macs:
        return ""
    lines = [("mac", mac) for mac in network.macs]
    lines += [("bond_mode", network.bond_mode)] if len(network.macs) > 1 else []
    lines += [("vlan", str(network.vlan))] if network.vlan is not None else []
    lines += [("address", address) for address in network.addresses]
    lines += [("gateway", gateway) for gateway in network.gateways]
    lines += [("nameserver", server) for server in network.name_servers]
    return "".join(f"{name} {value}\n" for name, value in lines)


def cloud_config(network: Network) -> dict[str, Any] | None:
    """The same for cloud-init (its network configuration, version 2). None: what it does by itself, DHCP on a card."""
    if not network.macs:
        return None
    cards: dict[str, Any] = {
        f"nic{number}": {"match": {"macaddress": mac}, "set-name": f"nic{number}"}
        for number, mac in enumerate(network.macs)
    }
    found: dict[str, Any] = {"version": 2, "ethernets": cards}
    name, carrier = "nic0", cards["nic0"]
    if len(cards) > 1:
        name, carrier = _BOND, {"interfaces": list(cards), "parameters": _cloud_bond(network.bond_mode)}
        found["bonds"] = {name: carrier}
    if network.vlan is not None:
        carrier = {"id": network.vlan, "link": name}
        found["vlans"] = {f"vlan{network.vlan}": carrier}
    carrier |= _cloud_addresses(network)
    return found


def _cloud_bond(mode: str) -> dict[str, Any]:
    lacp = {"lacp-rate": "fast", "transmit-hash-policy": "layer3+4"} if mode == "802.3ad" else {}
    return {"mode": mode, "mii-monitor-interval": 100, **lacp}


def _cloud_addresses(network: Network) -> dict[str, Any]:
    """A gateway outside of the server's own networks is a route on the link; others as all releases understand them."""
    found: dict[str, Any] = {"addresses": network.addresses} if network.addresses else {"dhcp4": True}
    if network.name_servers:
        found["nameservers"] = {"addresses": network.name_servers}
    for gateway in network.gateways:
        at, version = ip_address(gateway), 6 if ":" in gateway else 4
        if at.is_link_local or any(at in ip_interface(address).network for address in network.addresses):
            found[f"gateway{version}"] = gateway
        else:
            everything = "::/0" if version == 6 else "0.0.0.0/0"
            found.setdefault("routes", []).append({"to": everything, "via": gateway, "on-link": True})
    return found


def _addresses(network: Network) -> str:
    if not network.addresses:
        names = "".join(f"DNS={server}\n" for server in network.name_servers)
        return f"[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n{names}"
    lines = ["[Network]", "DHCP=no", "IPv6AcceptRA=no"]
    lines += [f"Address={address}" for address in network.addresses]
    lines += [f"DNS={server}" for server in network.name_servers]
    for gateway in network.gateways:
        lines += ["", "[Route]", f"Gateway={gateway}", "GatewayOnLink=yes"]
    return "\n".join(lines) + "\n"
