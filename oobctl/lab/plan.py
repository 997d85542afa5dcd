"""What a rack consists of: its servers, their addresses and ports, and the files they keep."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from oobctl.lab.errors import LabError

Firmware = Literal["bios", "uefi"]
TlsMode = Literal["ca", "pin"]

DEFAULT_NET = "127.1.0"
DISK_BYTES = 4 << 30
MOST_SERVERS = 99  # the addresses from .101 on are those that IPMI listens at behind the relay


@dataclass(frozen=True)
class Model:
    """How servers of one kind are built."""

    ipmi: bool
    redfish: bool
    firmware: Firmware
    tls: TlsMode | None
    disks: int = 1


MODELS = {
    "web": Model(ipmi=True, redfish=False, firmware="bios", tls=None),
    "db": Model(ipmi=False, redfish=True, firmware="uefi", tls="ca", disks=2),
    "app": Model(ipmi=True, redfish=True, firmware="uefi", tls="pin"),
}


@dataclass(frozen=True)
class Place:
    """Which model a server is, and its number in the rack's /24."""

    model: Model
    position: int


def _places() -> dict[str, Place]:
    """All that a rack can have, in the order in which it grows: web01, db01, app01, web02 ..."""
    kinds = list(MODELS.items())
    found = {}
    for index in range(MOST_SERVERS):
        number, turn = divmod(index, len(kinds))
        kind, model = kinds[turn]
        found[f"{kind}{number + 1:02}"] = Place(model, index + 1)
    return found


_PLACES = _places()


def server_names(count: int) -> tuple[str, ...]:
    """The servers of a rack of so many. Raises LabError where it cannot have so many."""
    if not 1 <= count <= MOST_SERVERS:
        raise LabError(f"The rack takes 1 to {MOST_SERVERS} servers, not {count}.")
    return tuple(_PLACES)[:count]


def place_of(name: str) -> Place:
    """Raises LabError for a name that no server of a rack has."""
    if name not in _PLACES:
        names = list(_PLACES)
        raise LabError(f"The rack has no server {name!r}. Servers: {', '.join(names[:4])} ... {names[-1]}.")
    return _PLACES[name]


SERVERS = server_names(3)


@dataclass(frozen=True)
class Ports:
    """The ports of every server; system_interface is the wire between machine and BMC."""

    ipmi: int
    redfish: int
    vnc: int = 5900
    serial: int = 9003
    ssh: int = 2222  # of what the server runs
    system_interface: int = 9002


def choose_ports(address: str) -> Ports:
    """The real BMC ports (623, 443) when this user may bind them, else 6230 and 8443."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 1))  # any privileged port tells whether we may
        except PermissionError:
            return Ports(ipmi=6230, redfish=8443)
        except OSError:
            pass
    return Ports(ipmi=623, redfish=443)


@dataclass(frozen=True)
class Identity:
    """Who a server says it is; the same over IPMI, Redfish and SMBIOS."""

    system_uuid: str
    serial: str
    bmc_mac: str
    nic_mac: str

    def as_dict(self) -> dict[str, str]:
        return {
            "system_uuid": self.system_uuid,
            "serial": self.serial,
            "bmc_mac": self.bmc_mac,
            "nic_mac": self.nic_mac,
        }


@dataclass(frozen=True)
class ServerPlan:
    """One server of the rack, ready to be started."""

    name: str
    model: Model
    address: str
    ports: Ports
    folder: Path
    identity: Identity

    @property
    def address_behind_relay(self) -> str:
        """Where ipmi_sim itself listens: the same port, which it names to clients that open a serial console."""
        net, _, position = self.address.rpartition(".")
        return f"{net}.{100 + int(position)}"

    @property
    def disks(self) -> dict[str, Path]:
        """The disks' files by their serial numbers; an operating system comes on the first one."""
        first = {f"DISK-{self.name}": self.folder / "disk.raw"}
        more = range(2, self.model.disks + 1)
        return first | {f"DISK-{self.name}-{number}": self.folder / f"disk{number}.raw" for number in more}

    @property
    def chassis_log(self) -> Path:
        return self.folder / "chassis.log"

    @property
    def serial_log(self) -> Path:
        return self.folder / "serial.log"


@dataclass(frozen=True)
class RackPlan:
    """The whole rack: where it lives and what it starts."""

    home: Path
    net: str
    servers: Sequence[str] = SERVERS
    light: int = 0
    powered_on: bool = True
    ports: Ports = field(default_factory=lambda: Ports(ipmi=623, redfish=443))

    @property
    def folder(self) -> Path:
        return self.home / "lab"

    def address(self, position: int) -> str:
        """The loopback address of the server at a position of the rack's /24."""
        return f"{self.net}.{position}"

    def light_address(self, index: int) -> str:
        """The loopback address of light BMC `index`, counted from 0, on the networks after the rack's own."""
        base = int(IPv4Address(f"{self.net}.0"))
        return str(IPv4Address(base + 256 * (1 + index // 250) + 1 + index % 250))


def home_folder() -> Path:
    """`OOBCTL_HOME`, by default ./var."""
    return Path(os.environ.get("OOBCTL_HOME") or "var").resolve()


def default_net() -> str:
    """`OOBCTL_LAB_NET`, by default 127.1.0: the /24 of the rack's servers."""
    return os.environ.get("OOBCTL_LAB_NET") or DEFAULT_NET
