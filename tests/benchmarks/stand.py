"""Servers of one kind with an old system on their disks, which is put back after each try; oobctl has them enrolled."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from oobctl.images import caches
from oobctl.images.installer import ensure_ramdisk
from oobctl.images.systems.building import cache
from oobctl.lab import rack as virtual_rack
from oobctl.lab.plan import Ports
from oobctl.lab.rack import LabServer, RackInfo
from tests.benchmarks.spending import spent_by
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, eventually
from tests.nets import own_net
from tests.processes import OwnProcess

IMAGE = "debian-12"
_PROMPT = " login:"
_LOOK_EVERY_SECONDS = 0.1
_LONGEST_SECONDS = 3000.0
_LONGEST_GREETING_SECONDS = 32.0
_KEPT = ("disk.raw", "firmware-variables.fd")


class Greeting:
    """Whether an SSH server greets there, looked at without waiting for it."""

    def __init__(self, where: tuple[str, int]) -> None:
        self._where = where
        self._line: socket.socket | None = None
        self._opened = 0.0
        self._patience = 1.0

    def came(self) -> bool:
        """A connection that says nothing is tried anew: it may have come before the server did.

        Later each time: every connection costs a starved server a process of seconds, and one a second keeps it from
        ever greeting.
        """
        if self._line is None:
            self._line = socket.socket()
            self._line.setblocking(False)
            self._line.connect_ex(self._where)
            self._opened = time.monotonic()
        try:
            said = self._line.recv(4)
        except BlockingIOError:
            if time.monotonic() - self._opened < self._patience:
                return False
            self._patience = min(self._patience * 2, _LONGEST_GREETING_SECONDS)
            said = b""
        except OSError:
            said = b""
        self._line.close()
        self._line = None
        return said == b"SSH-"


class Course:
    """What a server shows from its making on: marks on its serial line, in order, then an SSH server's greeting.

    `seen`: after how many seconds each mark came; `greeted`: the greeting, asked for once all but the last have come;
    `spent`: the CPU seconds of the virtual machine at each mark, since it was switched on.
    """

    def __init__(
        self, rack: RackInfo, server: LabServer, marks: Sequence[str], began: float, *, ssh: bool = True
    ) -> None:
        self.name, self._rack = server.name, rack
        self._log, self._marks, self._began = server.serial_log, marks, began
        self._read = self._log.stat().st_size if self._log.exists() else 0
        self._greeting = Greeting((server.serial[0], Ports.ssh)) if ssh else None
        self.seen: list[float] = []
        self.spent: list[float] = []
        self.greeted: float | None = None

    def done(self) -> bool:
        """Looks, and says whether all of it has come."""
        text = self._log.read_bytes()[self._read :] if self._log.exists() else b""
        while len(self.seen) < len(self._marks):
            before, mark, text = text.partition(self._marks[len(self.seen)].encode())
            if not mark:
                break
            self._read += len(before) + len(mark)
            self.seen.append(time.time() - self._began)
            self.spent.append(self._cpu())
        if self._greeting is None:
            return len(self.seen) == len(self._marks)
        if len(self.seen) >= len(self._marks) - 1 and self.greeted is None and self._greeting.came():
            self.greeted = time.time() - self._began
        return len(self.seen) == len(self._marks) and self.greeted is not None

    def _cpu(self) -> float:
        pid = virtual_rack.status(self._rack.home)["servers"][self.name]["pids"]["qemu"]
        return spent_by(pid)


@dataclass
class Try:
    """One reinstall of each server at once. Seconds from the first command, a number a server.

    `up`: a prompt on the serial line and SSH's greeting have both come; `spent`: CPU seconds of the virtual machine up
    to when the ramdisk runs, the disk is written, the prompt comes: other work on this computer does not lengthen them.
    """

    powered_on: list[float]
    started: list[float]
    written: list[float]
    prompt: list[float]
    up: list[float]
    reported: list[float]
    spent: list[list[float]]


class Stand:
    """`road` is the installation; its processes run only while they are measured."""

    def __init__(self, rack: RackInfo, road: Installation) -> None:
        self.rack, self.road = rack, road
        self._started()
        for server in self.servers:
            self._power(server, "power-off")
            for name in _KEPT:
                _copy(self._file(server, name), self._file(server, f"{name}.old"))

    @property
    def servers(self) -> list[LabServer]:
        return list(self.rack.servers.values())

    def put_back(self) -> None:
        """The old system runs on each server, nothing is in its drive, no override is set."""
        for server in self.servers:
            self._power(server, "power-off")
            for name in _KEPT:
                _copy(self._file(server, f"{name}.old"), self._file(server, name))
            self._power(server, "eject-medium")
            virtual_rack.command(self.rack.home, server.name, "boot-override", target="None")
        self._started()
        time.sleep(5)  # what the start of the last one still does is not measured

    @contextmanager
    def processes(self) -> Iterator[dict[str, OwnProcess]]:
        """The controller as it runs: panel, worker, monitor, boot service."""
        road = self.road
        running = {"worker": road.start_worker(), "panel": road.start_panel(), "monitor": road.start_monitor()}
        running["boot"] = road.run("boot")
        running["boot"].wait_said("the media service is ready")
        try:
            yield running
        finally:
            road.stop_all()

    def courses(self, marks: Sequence[str], began: float, *, ssh: bool = True) -> list[Course]:
        return [Course(self.rack, server, marks, began, ssh=ssh) for server in self.servers]

    def powered_on(self, began: float) -> list[float]:
        """When each was switched on first, in seconds from then."""
        found = []
        for server in self.servers:
            moments = [_moment(one) for one in server.commands() if one["command"] == "power on"]
            found.append(next(at for at in moments if at > began) - began)
        return found

    def _started(self) -> None:
        courses = self.courses([_PROMPT], time.time(), ssh=False)
        for server in self.servers:
            self._power(server, "power-on")
        watch(courses)

    def _power(self, server: LabServer, command: str) -> None:
        virtual_rack.command(self.rack.home, server.name, command)

    def _file(self, server: LabServer, name: str) -> Path:
        return self.rack.home / "lab" / server.name / name


def _moment(command: dict[str, Any]) -> float:
    return datetime.fromisoformat(command["time"]).timestamp()


def watch(courses: Sequence[Course]) -> None:
    """Until all marks of all have come."""
    until = time.monotonic() + _LONGEST_SECONDS
    while not look(courses):
        assert time.monotonic() < until, [(course.name, course.seen) for course in courses]
        time.sleep(_LOOK_EVERY_SECONDS)


def look(courses: Sequence[Course]) -> bool:
    """At each of them; says whether all are done."""
    done = [course.done() for course in courses]
    return all(done)


@contextmanager
def standing(names: Sequence[str], databases: Databases, guard: Guard, folder: Path) -> Iterator[Stand]:
    """A rack of these servers, enrolled in an installation of its own whose catalogue has the image."""
    ensure_ramdisk(print)
    url = databases.migrated("sqlite")
    guard.end_rack(folder / "rack")
    rack = virtual_rack.up(folder / "rack", net=own_net(5), servers=names, powered_on=False, progress=print)
    try:
        road = Installation(guard, folder / "home", url)
        port = road.variables["OOBCTL_INSTALL_LISTEN"].rpartition(":")[2]
        road.variables["OOBCTL_INSTALL_URL"] = (
            f"https://{virtual_rack.GATEWAY}:{port}"  # as the rack's servers see this computer
        )
        with road:
            road.initialise().add_people().add_servers(rack)
            cache.take("debian-12", "cloud", caches.systems(), print, name=IMAGE)
            stand = Stand(rack, road)
            _enroll(stand)
            yield stand
    finally:
        virtual_rack.down(folder / "rack", remove=True)
        databases.drop(url)


def _enroll(stand: Stand) -> None:
    with stand.processes():
        stand.road.enroll()
        for server in stand.servers:
            stand.road.do("server.inspect", server.name, {"capabilities": ["inventory"]})


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--sparse=always", str(source), str(target)], check=True)


def answering(url: str) -> None:
    """Until something listens there."""
    eventually(
        lambda: subprocess.run(["curl", "-s", "--noproxy", "*", "-o", "/dev/null", url], check=False).returncode == 0
    )
