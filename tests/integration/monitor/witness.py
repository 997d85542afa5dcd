"""Which of our processes asks a BMC, as seen from the BMC: by the socket at the other end of each request."""

import itertools
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.trees import Served

_TABLES = {"udp": ("udp", "udp6"), "tcp": ("tcp", "tcp6")}


class Witness:
    """What each BMC saw: who asked it, and when (time.monotonic)."""

    def __init__(self, askers: Callable[[], Iterable[int]]) -> None:
        """askers: the process ids that there are now."""
        self._askers = askers
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], int] = {}
        self._taps: list[Tap] = []
        self.seen: dict[str, list[tuple[float, int]]] = {}

    def note(self, bmc: str, kind: str, port: int) -> None:
        """A request came to the BMC from that port. One whose process is gone already is nobody's."""
        with self._lock:
            asker = self._known.get((kind, port)) or owner(kind, port, self._askers())
            if asker is not None:
                self._known[kind, port] = asker
                self.seen.setdefault(bmc, []).append((time.monotonic(), asker))

    def forget(self) -> None:
        """A process is gone: its ports may be another one's soon."""
        with self._lock:
            self._known.clear()

    def watch(self, bmc: str, served: Served) -> None:
        """Note what is read there; who ends sessions that a dead process left is no reader."""
        app = served.server.app

        def noting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if "HTTP_AUTHORIZATION" not in environ and "SessionService" not in environ["PATH_INFO"]:
                self.note(bmc, "tcp", int(environ["REMOTE_PORT"]))
            return app(environ, start_response)

        served.server.app = noting

    def tap(self, bmc: str, address: str, port: int) -> int:
        """Stand before a BMC that speaks IPMI; returns the port that is to be asked."""
        self._taps.append(Tap(address, port, lambda client: self.note(bmc, "udp", client)))
        return self._taps[-1].port

    def last(self, bmc: str) -> tuple[float, int]:
        """The last request."""
        return self.seen[bmc][-1] if self.seen.get(bmc) else (0.0, 0)

    def changes(self, bmc: str, begin: float, end: float) -> int:
        """How often in that time another process asked than before."""
        askers = [asker for at, asker in list(self.seen.get(bmc, [])) if begin <= at < end]
        return sum(one != other for one, other in itertools.pairwise(askers))

    def stop(self) -> None:
        for tap in self._taps:
            tap.stop()


class Tap:
    """Passes UDP packets on, for any number of clients, and tells the port of each client at each packet."""

    def __init__(self, address: str, port: int, note: Callable[[int], None]) -> None:
        self._there, self._note = (address, port), note
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self.port: int = self._front.getsockname()[1]
        self._backs: dict[socket.socket, tuple[str, int]] = {}
        self._stopped = False
        self.passed = 0
        self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped:
            for ready in select.select([self._front, *self._backs], [], [], 0.2)[0]:
                try:
                    data, sender = ready.recvfrom(4096)
                except OSError:
                    continue
                if ready is self._front:
                    self._forth(data, sender)
                else:
                    self._front.sendto(data, self._backs[ready])

    def _forth(self, data: bytes, client: tuple[str, int]) -> None:
        back = next((one for one, whose in self._backs.items() if whose == client), None)
        if back is None:
            back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            back.connect(self._there)
            self._backs[back] = client
        self.passed += 1
        self._note(client[1])
        back.send(data)

    def stop(self) -> None:
        self._stopped = True
        self._thread.join()
        for sock in (self._front, *self._backs):
            sock.close()


def owner(kind: str, port: int, among: Iterable[int]) -> int | None:
    """Which of these processes has a socket at that local port (proc(5))."""
    inodes = {inode for table in _TABLES[kind] for inode in _inodes(Path("/proc/net") / table, port)}
    for pid in among:
        try:
            links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:  # it ended, or closed one of them meanwhile
            continue
        if any(link == f"socket:[{inode}]" for link in links for inode in inodes):
            return pid
    return None


def _inodes(table: Path, port: int) -> list[str]:
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    return [row[9] for row in rows if int(row[1].rpartition(":")[2], 16) == port]
