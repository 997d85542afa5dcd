"""A BMC with four sessions; a monitor, two workers, a gateway; faults and kills: never more than three, none left."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from oobctl.config import settings
from oobctl.drivers import dead_sessions
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour, Lost
from oobctl.lab.redfish_service.trees.sessions import Session
from oobctl.lab.redfish_service.trees.state import State
from tests import trees
from tests.installation import eventually
from tests.integration.prove.conftest import PROVE, SEED
from tests.profiles import Derived
from tests.trees import Served

OPERATIONS, FEW = 10_000, 200
ROLES = ("monitor", "worker", "worker", "gateway")
ROOT = Path(__file__).parents[3]


class Counted(dict[str, Session]):
    """The sessions of a BMC, and the most that there ever were."""

    most = 0

    def __setitem__(self, path: str, session: Session) -> None:
        super().__setitem__(path, session)
        self.most = max(self.most, len(self))


class Moody(Behaviour):
    """Of a hundred requests one is carried out and its answer lost, one is not taken, one has its session ended."""

    name = "moody"
    ill = True
    chance = random.Random(SEED)

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        draw = self.chance.random()
        if self.ill and draw < 0.01:
            state.sessions.pop(self.chance.choice([*state.sessions, ""]), None)
        return flask.Response("", 503) if self.ill and draw > 0.99 else None

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if self.ill and self.chance.random() < 0.01:
            raise Lost
        return answer


class User:
    """One of our processes, and what became of its operations."""

    def __init__(self, role: str, number: int, server_id: str, results: Counter[str]) -> None:
        self.role, self.holder = role, f"{role}-{number}"
        arguments = ["-m", "tests.integration.prove.session_user", role, self.holder, server_id, str(SEED + number)]
        environment = {**os.environ, "OOBCTL_HOME": str(settings().home)}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, args=(results,))
        self._reader.start()

    def _read(self, results: Counter[str]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            results[line.strip()] += 1

    def end(self, *, kill: bool) -> None:
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait(60)
        self._reader.join(10)
        if kill:
            dead_sessions.close_all_of(self.holder)


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve(behaviours=["session-limit=4"]) as served:
        served.state.sessions = Counted()
        yield served


@pytest.mark.usefixtures("sqlite")
@pytest.mark.prove
def test_four_processes_never_have_more_than_three_sessions_and_leave_none(bmc: Served, derived: Derived) -> None:
    moody = Moody()
    bmc.server.service.behaviours = [*bmc.server.service.behaviours, moody]
    changes = {"sessions.redfish": 4, "timeouts.connect": 3, "timeouts.answer": 3}
    server_id = trees.way(bmc, profile=derived(changes=changes))
    sessions = bmc.state.sessions
    assert isinstance(sessions, Counted)
    chance, results, kills = random.Random(SEED), Counter[str](), 0
    users = [User(role, number, server_id, results) for number, role in enumerate(ROLES)]
    started, number, wanted = time.monotonic(), len(users), OPERATIONS if PROVE else FEW
    try:
        while results.total() < wanted:
            time.sleep(chance.uniform(0.5, 3.0))
            place = chance.randrange(len(users))
            users[place].end(kill=True)
            users[place] = User(ROLES[place], number, server_id, results)
            number, kills = number + 1, kills + 1
    finally:
        moody.ill = False
        for user in users:
            user.end(kill=False)
    left_by_the_living = len(trees.slots_taken())
    eventually(lambda: not trees.slots_taken(), patience=30)
    posts = bmc.asked("POST", "/redfish/v1/SessionService/Sessions")
    logins = [request for request in posts if request.status == 201]
    print(
        f"\n{results.total()} operations in {time.monotonic() - started:.0f} s, {kills} kills, {len(logins)} logins; "
        f"most sessions {sessions.most}, at the end {len(sessions)} ({left_by_the_living} rows before); {dict(results)}"
    )
    assert sessions.most <= 3
    assert not sessions
    assert results["bmc_sessions_exhausted"] == 0
    assert results["bmc_auth_failed"] == 0
    assert results["ok"] > 0.9 * results.total()
