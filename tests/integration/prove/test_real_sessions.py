"""A BMC with four sessions, a real monitor and workers, a gateway's reader, kills: three at most, none left."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from oobctl.constants import IndicatorLED, JobState
from oobctl.store import Job
from tests import trees
from tests.databases import Databases
from tests.installation import Installation
from tests.integration.prove.conftest import PROVE, SEED
from tests.integration.prove.test_sessions import Counted, Moody
from tests.processes import OwnProcess
from tests.profiles import QUICK, write_profiles
from tests.trees import Served, endpoint_of

JOBS, FEW = 600, 12
LIMITS = QUICK | {"sessions.redfish": 4, "timeouts.connect": 3, "timeouts.answer": 3, "timeouts.longest_send": 4}
ASKED: tuple[tuple[str, dict[str, object]], ...] = (
    ("power.on", {}),
    ("identify.set", {"state": IndicatorLED.LIT}),
    ("server.inspect", {}),
)
"""What may be asked at any moment and as often as wanted."""


@dataclass
class Site:
    """An installation on one BMC, and its processes by role; a killed one is replaced as a supervisor would."""

    road: Installation
    chance: random.Random
    processes: list[tuple[Callable[[], OwnProcess], OwnProcess]] = field(default_factory=list)
    kills: int = 0
    next_kill: float = 0.0

    def start(self, new: Callable[[], OwnProcess]) -> None:
        self.processes.append((new, new()))

    def kill_one(self) -> None:
        place = self.chance.randrange(len(self.processes))
        new, victim = self.processes[place]
        victim.kill()
        self.kills += 1
        self.processes[place] = (new, new())

    def stop(self) -> None:
        for _new, process in self.processes:
            process.terminate()
        for _new, process in self.processes:
            assert process.wait_ended() == 0, process.output[-3000:]

    def job(self) -> Job:
        """One after the other, the next when the last one has ended; kills come in between."""
        action, parameters = self.chance.choice(ASKED)
        submitted = self.road.submit(action, "db01", parameters)
        until = time.monotonic() + 120
        while not (found := self.road.job(submitted.id)).state.ended:
            assert time.monotonic() < until, (found.action, found.state, found.waits_for)
            if time.monotonic() > self.next_kill:
                self.kill_one()
                self.next_kill = time.monotonic() + self.chance.uniform(0.5, 4.0)
            time.sleep(0.02)
        return found


def ready(monitor: OwnProcess) -> OwnProcess:
    monitor.wait_said("the monitor is ready")
    return monitor


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve(behaviours=["session-limit=4"]) as served:
        yield served


@pytest.fixture
def site(bmc: Served, databases: Databases, new_installation: Callable[..., Installation]) -> Iterator[Site]:
    with new_installation(databases.migrated("postgresql"), dead_after_seconds="2") as road:
        road.variables["OOBCTL_HWPROFILES"] = str(write_profiles(road.home / "hwprofiles", LIMITS))
        road.initialise().add_people()
        road.add_server("db01", [endpoint_of(bmc)])
        found = Site(road, random.Random(SEED))
        for _ in range(2):
            found.start(road.start_worker)
        road.enroll()
        found.start(lambda: ready(road.start_monitor()))
        yield found


@pytest.mark.prove
def test_the_real_processes_never_have_more_than_three_sessions_and_leave_none(bmc: Served, site: Site) -> None:
    moody, sessions = Moody(), Counted()
    bmc.state.sessions = sessions
    bmc.server.service.behaviours = [*bmc.server.service.behaviours, moody]
    reader = [
        "-m",
        "tests.integration.prove.session_user",
        "gateway",
        "gateway-1",
        site.road.servers["db01"],
        str(SEED),
    ]
    gateway = site.road.run_python(reader, name="gateway")
    began, ends = time.monotonic(), Counter[str]()
    for _ in range(JOBS if PROVE else FEW):
        job = site.job()
        ends[f"{job.action} {(job.error or {}).get('code') or job.state}"] += 1
    moody.ill = False
    gateway.terminate()
    gateway.wait_ended()
    seen = Counter(line for line in gateway.output.splitlines() if " " not in line)  # its other lines are its log's
    site.stop()
    logins = [request for request in bmc.asked("POST", "/redfish/v1/SessionService/Sessions") if request.status == 201]
    print(
        f"\n{ends.total()} jobs and {seen.total()} readings in {time.monotonic() - began:.0f} s, {site.kills} kills, "
        f"{len(logins)} logins; most sessions {sessions.most}, at the end {len(sessions)}; {dict(ends)}; {dict(seen)}"
    )
    assert sessions.most <= 3
    assert not any("bmc_sessions_exhausted" in end or "bmc_auth_failed" in end for end in [*ends, *seen])
    assert not any(JobState.RUNNING in end for end in ends)
    assert trees.slots_taken() == []
    assert not sessions
