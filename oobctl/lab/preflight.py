"""What is checked before a rack starts: programs, the network, and whether the addresses are free."""

import ipaddress
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from oobctl.lab import qemu
from oobctl.lab.errors import LabError
from oobctl.lab.plan import Place, Ports

_PROGRAMS = {
    qemu.PROGRAM: "qemu-system-x86",
    "ipmi_sim": "openipmi",
    "sdrcomp": "openipmi",
    "ipmitool": "ipmitool",
    "socat": "socat",
    "setpriv": "util-linux",
}
_LIGHT_LIMIT = 10_000
_DYING_SECONDS = 3.0


def check_programs() -> None:
    """Raises LabError naming the Debian packages that are missing."""
    missing = {package for program, package in _PROGRAMS.items() if shutil.which(program) is None}
    if not qemu.OVMF_CODE.exists():
        missing.add("ovmf")
    if not Path("/usr/lib/ipxe/qemu/efi-virtio.rom").exists() and not Path("/usr/share/qemu/efi-virtio.rom").exists():
        missing.add("ipxe-qemu")
    if missing:
        raise LabError(f"The rack needs programs that are not installed: apt install {' '.join(sorted(missing))}")


def check_net(net: str, light: int) -> None:
    """Raises LabError unless `net` is the first three numbers of a loopback /24 and the light BMCs fit behind it."""
    try:
        first = ipaddress.IPv4Address(f"{net}.0")
    except ValueError:
        first = None
    if first is None or not first.is_loopback:
        raise LabError(f"OOBCTL_LAB_NET is {net!r}; it takes the first three numbers of a loopback /24, as in 127.1.0.")
    if not 0 <= light <= _LIGHT_LIMIT:
        raise LabError(f"The rack takes 0 to {_LIGHT_LIMIT} light BMCs, not {light}.")


def check_addresses(net: str, places: Sequence[Place], ports: Ports) -> None:
    """Raises LabError when another program has an address and port that the rack needs."""
    for place in places:
        model, address, behind = place.model, f"{net}.{place.position}", f"{net}.{100 + place.position}"
        tcp = [(address, ports.vnc), (address, ports.serial), (address, ports.ssh)]
        if model.redfish:
            tcp.append((address, ports.redfish))
        if model.ipmi:
            tcp.append((behind, ports.system_interface))
            for where in (address, behind):
                _check_free(socket.SOCK_DGRAM, where, ports.ipmi)
        for where, port in tcp:
            _check_free(socket.SOCK_STREAM, where, port)


def _check_free(kind: socket.SocketKind, address: str, port: int) -> None:
    """What a rack that was killed just now still holds is free a moment later."""
    until = time.monotonic() + _DYING_SECONDS
    while (reason := _taken(kind, address, port)) is not None:
        if time.monotonic() > until:
            raise LabError(
                f"The rack needs {address} port {port}, and it cannot be had: {reason}."
                " Another rack may run there; OOBCTL_LAB_NET names another network, as in 127.2.0."
            )
        time.sleep(0.1)


def _taken(kind: socket.SocketKind, address: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.strerror or str(error)
    return None
