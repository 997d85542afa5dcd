"""A network for an installer's guest in which nobody answers DHCP, and which may be a VLAN: a switch in a thread."""

import select
import socket
import threading
from collections.abc import Sequence

_TAG = b"\x81\x00"
_IPV4, _UDP, _DHCP = b"\x08\x00", 17, {67, 68}


class Switch:
    """Joins the guest's cards with slirp. vlan: what the guest must tag its frames with, and gets them tagged.

    `passed` counts its frames that were let through, by card; `dhcp` those that asked for an address, which end here.
    """

    def __init__(self, macs: Sequence[str], *, vlan: int | None = None) -> None:
        self._tag = b"" if vlan is None else _TAG + vlan.to_bytes(2)
        self._macs = macs
        self._ports = [self._port() for _ in range(len(macs) + 1)]
        self._peers = [self._free() for _ in self._ports]
        self.passed = [0] * len(macs)
        self.dhcp = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Switch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        for port in self._ports:
            port.close()

    @staticmethod
    def _port() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        return made

    def _free(self) -> int:
        with self._port() as free:
            found: int = free.getsockname()[1]
        return found

    def cards(self) -> list[str]:
        """The arguments of the virtual machine: its cards, and slirp behind the last port."""
        wired = [
            f"socket,id=w{number},udp=127.0.0.1:{port.getsockname()[1]},localaddr=127.0.0.1:{peer}"
            for number, (port, peer) in enumerate(zip(self._ports, self._peers, strict=True))
        ]
        arguments = [part for wire in wired for part in ("-netdev", wire)]
        for number, mac in enumerate(self._macs):
            arguments += ["-device", f"virtio-net-pci,netdev=w{number},mac={mac},romfile="]
        hub = "hubport,hubid=0,id="
        for backend in (f"{hub}h0,netdev=w{len(self._macs)}", "user,id=slirp", f"{hub}h1,netdev=slirp"):
            arguments += ["-netdev", backend]
        return arguments

    def _run(self) -> None:
        while not self._over.is_set():
            for port in select.select(self._ports, [], [], 0.2)[0]:
                self._carry(self._ports.index(port), port.recv(65_536))

    def _carry(self, number: int, frame: bytes) -> None:
        """The last port is slirp's; what comes from there goes to every card."""
        if number < len(self._macs):
            self._up(number, frame)
            return
        for card in range(len(self._macs)):
            self._send(card, frame[:12] + self._tag + frame[12:])

    def _up(self, number: int, frame: bytes) -> None:
        if frame[12 : 12 + len(self._tag)] != self._tag or (not self._tag and frame[12:14] == _TAG):
            return
        frame = frame[:12] + frame[12 + len(self._tag) :]
        if asks_dhcp(frame):
            self.dhcp += 1
            return
        self.passed[number] += 1
        self._send(len(self._macs), frame)

    def _send(self, number: int, frame: bytes) -> None:
        self._ports[number].sendto(frame, ("127.0.0.1", self._peers[number]))


def asks_dhcp(frame: bytes) -> bool:
    ports = frame[14 + 4 * (frame[14] & 15) :][:4] if frame[12:14] == _IPV4 and frame[23] == _UDP else b""
    return int.from_bytes(ports[2:4]) in _DHCP
