"""Network namespaces of a test: one network with a bridge, and computers on it. Linux's ip makes and removes them."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

NETWORK, GATEWAY = "192.0.2.0/24", "192.0.2.1"


def allowed() -> bool:
    """Whether this user may make namespaces."""
    name = f"oobctl-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "delete", name], check=True)
    return made


class Wire:
    """A network of its own: a bridge `br0` with the address GATEWAY, in a namespace; computers are further ones."""

    def __init__(self) -> None:
        self._made: list[str] = []

    def __enter__(self) -> Self:
        self.name = self._add("net")
        self.here("ip", "link", "add", "br0", "type", "bridge")
        self.here("ip", "address", "add", f"{GATEWAY}/24", "dev", "br0")
        self.here("ip", "link", "set", "br0", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._made):
            subprocess.run(["ip", "netns", "delete", name], check=False)

    def _add(self, what: str) -> str:
        name = f"oobctl-{os.getpid()}-{len(self._made)}-{what}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self._made.append(name)
        _inside(name, "ip", "link", "set", "lo", "up")
        return name

    def here(self, *command: str) -> subprocess.CompletedProcess[str]:
        return _inside(self.name, *command)

    def inside(self, *command: str) -> list[str]:
        """The command line that runs this one in the network's namespace."""
        return ["ip", "netns", "exec", self.name, *command]

    def tap(self) -> str:
        """A port of the bridge for a virtual machine, in the network's namespace."""
        name = f"tap{len(self._made)}"
        self.here("ip", "tuntap", "add", name, "mode", "tap")
        self.here("ip", "link", "set", name, "master", "br0", "up")
        return name

    def computer(self, mac: str) -> str:
        """A namespace with one card, eth0, on the bridge. Several may have the same MAC address."""
        name = self._add("computer")
        port = f"port{len(self._made)}"
        self.here("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        self.here("ip", "link", "set", port, "master", "br0", "up")
        _inside(name, "ip", "link", "set", "eth0", "address", mac)
        _inside(name, "ip", "link", "set", "eth0", "up")
        return name


def dhcp(computer: str, folder: Path, *options: str) -> dict[str, str] | None:
    """What a computer is told that asks DHCP there, as udhcpc names it; None where nobody answers in 4 s."""
    script, answer = folder / "dhcp.sh", folder / "answer"
    script.write_text(f'#!/bin/sh\n[ "$1" = bound ] && env > {answer}\nexit 0\n')
    script.chmod(0o755)
    answer.unlink(missing_ok=True)
    asking = ["busybox", "udhcpc", "-f", "-n", "-q", "-t", "4", "-T", "1", "-i", "eth0", "-s", str(script), *options]
    subprocess.run(["ip", "netns", "exec", computer, *asking], capture_output=True, check=False, timeout=30)
    if not answer.exists():
        return None
    return dict(line.split("=", 1) for line in answer.read_text().splitlines() if "=" in line)


def _inside(name: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ip", "netns", "exec", name, *command], capture_output=True, text=True, check=True, timeout=30
    )


def give_address(computer: str, address: str) -> None:
    _inside(computer, "ip", "address", "replace", f"{address}/24", "dev", "eth0")


def fetched(computer: str, url: str) -> str:
    """What a computer gets from there."""
    asking = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"
    for _ in range(4):  # of two computers with one MAC address the switch sends some answers to the other one
        with contextlib.suppress(subprocess.CalledProcessError):
            return _inside(computer, sys.executable, "-c", asking, url).stdout
    return _inside(computer, sys.executable, "-c", asking, url).stdout
