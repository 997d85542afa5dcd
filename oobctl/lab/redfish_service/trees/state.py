"""What the service knows at a moment: its resources, sessions, passwords, and what was done; tests look at it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oobctl.lab.redfish_service.event_delivery import EventDelivery
from oobctl.lab.redfish_service.trees import bios, boot, events, sessions
from oobctl.lab.redfish_service.trees.load import ROOT, Tree
from oobctl.lab.redfish_service.trees.passwords import Passwords
from oobctl.lab.redfish_service.trees.resources import Resources
from oobctl.lab.redfish_service.trees.sessions import Session
from oobctl.lab.redfish_service.trees.tasks import Task


@dataclass(frozen=True)
class Command:
    """An action that was carried out, or a change that was made: ComputerSystem.Reset, PATCH, POST, DELETE."""

    name: str
    path: str
    body: dict[str, Any]


@dataclass
class Down:
    """The BMC restarts: every connection of before is dead, and so many new ones are refused."""

    refused: int = 0
    restarts: int = 0


@dataclass
class State:
    """Changed and read under `lock`, which a request holds while it is answered."""

    resources: Resources
    passwords: Passwords
    sessions_path: str | None  # of the collection; None: there are no sessions, and users go with each request
    session_limit: int = 16
    sessions: dict[str, Session] = field(default_factory=dict)  # by path
    tasks: dict[str, Task] = field(default_factory=dict)  # by the path of the task
    commands: list[Command] = field(default_factory=list)
    boots: list[boot.Booted] = field(default_factory=list)
    hung: set[str] = field(default_factory=set)  # systems that a reset left hanging
    failed_logins: int = 0
    bmc: Down = field(default_factory=Down)
    bios_jobs: set[str] | None = None  # settings that a job will apply; None: a boot applies all
    after_boot: list[Callable[[str], None]] = field(default_factory=list)
    asynchronous: int | None = None  # actions become tasks, which end after so many readings
    refused_while_down: int = 2
    subscribed: list[str] = field(default_factory=list)  # the paths of subscriptions that were made here
    keeps_subscriptions: bool = False  # over a restart of the BMC
    delivery: EventDelivery = field(default_factory=EventDelivery)
    lock: threading.RLock = field(default_factory=threading.RLock)
    next_number: int = 1

    def number(self) -> int:
        """The next free number, for names of new resources."""
        self.next_number += 1
        return self.next_number - 1

    def did(self, name: str, path: str, body: dict[str, Any]) -> None:
        self.commands.append(Command(name, path, body))

    def restart_bmc(self) -> None:
        """All sessions end, and nobody gets in for a while."""
        self.sessions.clear()
        self.bmc.restarts += 1
        self.bmc.refused = self.refused_while_down
        events.restarted(self, keeps=self.keeps_subscriptions)

    # --- for who looks at it ---------------------------------------------------------------------------------------

    def system(self, system: str | None = None) -> str:
        """The path of a system; None: the first."""
        return system or self.resources.members(self.resources.linked(ROOT, "Systems"))[0]

    def power(self, system: str | None = None) -> str:
        with self.lock:
            return str(self.resources.at(self.system(system))["PowerState"])

    def override(self, system: str | None = None) -> tuple[str, str, str | None]:
        """Target, Enabled and Mode of the boot override, wherever it waits."""
        with self.lock:
            return boot.waiting(self, self.system(system))

    def pending_bios(self, system: str | None = None) -> dict[str, Any]:
        """The attributes that the next boot will change."""
        with self.lock:
            return bios.pending(self, self.resources.linked(self.system(system), "Bios"))

    def bios(self, system: str | None = None) -> dict[str, Any]:
        """The attributes that hold now."""
        with self.lock:
            found = self.resources.get(self.resources.linked(self.system(system), "Bios")) or {}
            return dict(found.get("Attributes", {}))

    def media(self) -> dict[str, str | None]:
        """What is in each slot of virtual media, by its path."""
        with self.lock:
            slots = self.resources.of_kind("VirtualMedia")
            return {path: self.resources.at(path).get("Image") or None for path in slots}

    def accounts(self) -> dict[str, str]:
        """The role of each account by its name; empty slots left out."""
        with self.lock:
            found = [self.resources.at(path) for path in self.resources.of_kind("ManagerAccount")]
            return {account["UserName"]: str(account.get("RoleId")) for account in found if account.get("UserName")}

    def done(self, name: str) -> list[Command]:
        """The commands of that name that were carried out."""
        with self.lock:
            return [command for command in self.commands if command.name == name]


def make(tree: Tree, user: str | None, password: str) -> State:
    """The state at the beginning. user None: the tree's own first administrator, else `admin`."""
    resources = Resources(tree)
    return State(resources, Passwords(resources, user, password), sessions.path_in(resources))
