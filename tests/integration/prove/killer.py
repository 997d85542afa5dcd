"""A worker that kills or stops itself at one exact point of a job: `python -m tests.integration.prove.killer POINT`."""

import functools
import itertools
import json
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine, event

from oobctl.actions import passwords
from oobctl.cli import process
from oobctl.drivers import credentials
from oobctl.drivers.ipmi.bmc import IpmiBmc
from oobctl.drivers.ipmi.boot import IpmiBoot
from oobctl.drivers.ipmi.power import IpmiPower
from oobctl.drivers.ipmi.users import IpmiUsers
from oobctl.drivers.redfish.bmc import RedfishBmc
from oobctl.drivers.redfish.boot import RedfishBoot
from oobctl.drivers.redfish.power import RedfishPower
from oobctl.drivers.redfish.users import RedfishUsers
from oobctl.jobs import engine, progress
from oobctl.jobs.run import Run
from oobctl.jobs.runner import Runner

OF_A_JOB = ("taken", "leased", "finishing", "finished", "returned")
OF_AN_UNWINDING = ("unwinding", "unwound")
OF_A_STEP = ("before", "begun", "done", "kept", "recorded", "later")
OF_A_SEND = ("granting", "granted", "sending", "sent")
OF_A_NEXT_PASSWORD = ("keeping", "sealing", "sealed")
"""Before it is kept; in that transaction, all written and nothing committed; after the commit."""
OF_A_CHANGE = ("asking", *OF_A_SEND)
OF_A_PROOF = ("trying", "tried", "forgetting", "committing", "forgotten")
"""Around the login with a password alone, then around the commit that forgets the old one, as above."""


@dataclass(frozen=True)
class Point:
    """Where to die: `at` one of the above, in the step `step`, of a job on `server`.

    delay: seconds after the grant (sending) or the step's begin (later). freeze: stand still (SIGSTOP) instead. nth: at
    which passing.
    """

    at: str
    server: str
    step: int = -1
    delay: float = 0.0
    freeze: bool = False
    nth: int = 1

    def __str__(self) -> str:
        step = f" {self.step}" if self.step >= 0 else ""
        again = f", passing {self.nth}" if self.nth > 1 else ""
        return f"{self.at}{step}{f' +{self.delay * 1000:.0f} ms' if self.delay else ''}{again}"

    def arguments(self) -> list[str]:
        return ["-m", "tests.integration.prove.killer", json.dumps(asdict(self))]


class Here(threading.local):
    """What this thread carries out."""

    run: Run | None = None
    position: int = -1
    commits: str = ""  # what the next commit of it is


here = Here()


_first = threading.Lock()


def end(point: Point) -> None:
    """Once: a step that was frozen runs again when its database was away."""
    if _first.acquire(blocking=False):
        # To this thread: the process's others might take a signal while this one runs on for some milliseconds.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP if point.freeze else signal.SIGKILL)


def arm(point: Point) -> None:
    """Change the worker's own functions so that they die at the point, and do nothing else."""

    passings = itertools.count(1)

    def is_here(at: str) -> bool:
        run = here.run
        return (
            point.at == at
            and run is not None
            and run.name == point.server
            and (point.step < 0 or point.step == here.position)
            and next(passings) == point.nth
        )

    def at(name: str) -> Callable[..., None]:
        return lambda *_: end(point) if is_here(name) else None

    def soon(name: str) -> Callable[..., None]:
        return lambda *_: threading.Timer(point.delay, end, [point]).start() if is_here(name) else None

    def taken(_runner: Runner, run: Run | None) -> None:
        here.run, here.position = run, -1
        at("taken")()

    wrap(Runner, "_take_over", after=taken)
    wrap(Runner, "_wait_for_lease", after=at("leased"))
    wrap(Runner, "_carry_out", before=at("before"))
    wrap(Runner, "_carry_out", before=_remember)  # the outer one: it goes first
    wrap(progress, "begin_step", after=at("begun"))
    wrap(progress, "begin_step", after=soon("later"))
    wrap(progress, "grant", before=at("granting"))
    wrap(Run, "_fence", after=at("granted"))
    wrap(Run, "_fence", after=soon("sending"))
    sends: list[tuple[type, str]] = [(IpmiPower, "set"), (RedfishPower, "set"), (IpmiBoot, "set"), (RedfishBoot, "set")]
    sends += [(IpmiPower, "send_once"), (RedfishPower, "send_once"), (IpmiBmc, "reset"), (RedfishBmc, "reset")]
    users: list[tuple[type, str]] = [(IpmiUsers, "set_password"), (RedfishUsers, "set_password")]
    for owner, name in users:
        wrap(owner, name, before=at("asking"))
    sends += users
    for owner, name in sends:
        wrap(owner, name, after=at("sent"))
    wrap(Runner, "_keep", before=at("done"), after=at("kept"))
    wrap(engine, "_step", after=at("recorded"))
    wrap(Runner, "_unwind", before=at("unwinding"), after=at("unwound"))
    wrap(Runner, "_finish", before=at("finishing"), after=at("finished"))
    wrap(engine, "_finish", after=at("returned"))
    _arm_rotation(at)


def _arm_rotation(at: Callable[[str], Callable[..., None]]) -> None:
    """The points inside a rotation: what is kept, what is tried, what is forgotten."""

    def commits(name: str) -> Callable[..., None]:
        return lambda *_: setattr(here, "commits", name)

    wrap(passwords, "lets_in", before=at("trying"), after=at("tried"))
    for name, (before, commit, after) in (("begin", OF_A_NEXT_PASSWORD), ("promote", OF_A_PROOF[2:])):
        wrap(credentials, name, before=commits(commit), after=commits(""))
        wrap(credentials, name, before=at(before), after=at(after))
    event.listen(Engine, "commit", lambda _connection: at(here.commits)() if here.commits else None)


def _remember(runner: Runner, run: Run, position: int) -> None:
    here.run, here.position = run, position


def wrap(
    owner: Any, name: str, *, before: Callable[..., Any] | None = None, after: Callable[..., Any] | None = None
) -> None:
    """`before` gets the call's arguments; `after` gets the first of them and then what came of it."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if before is not None:
            before(*arguments)
        result = original(*arguments, **named)
        if after is not None:
            after(arguments[0] if arguments else None, result)
        return result

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    arm(Point(**json.loads(sys.argv[1])))
    process.worker()
