"""Readings of the monitor's kind over a bad line: what they say is true, if late; nothing is made up."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oobctl.constants import PowerState, SessionPurpose
from oobctl.drivers import loops
from oobctl.drivers.connect import ConnectedBmc, connect
from oobctl.drivers.ipmi.loop import loop
from oobctl.drivers.readings import Sensor
from oobctl.errors import BmcBusy, BmcUnreachable
from oobctl.lab import rack as lab
from tests.integration.drivers.rows import Rows
from tests.relay import Relay

PROVE = bool(os.environ.get("OOBCTL_PROVE"))
POLLS, TURNS = (15, 4) if PROVE else (8, 3)  # polls between two turns
LATEST = 90.0  # s after a turn in which its state has to be read: a session that is lost costs logins of six questions
LINES: dict[str, dict[str, Any]] = {
    "a-third-is-lost": {"loss": 0.3},
    "late-by-200-ms": {"delay": 0.2},
    "sent-twice": {"twice": 0.5, "jitter": 0.02},
    "overtaking-each-other": {"jitter": 0.3, "twice": 0.2},
    "all-of-it": {"loss": 0.3, "twice": 0.3, "delay": 0.05, "jitter": 0.2},
}


class Line(Relay):
    """Good at first."""

    def __init__(self, address: str, port: int, bad: dict[str, Any]) -> None:
        super().__init__(address, port)
        self._bad = bad

    def spoil(self) -> None:
        vars(self).update(self._bad)

    def mend(self) -> None:
        self.loss = self.twice = self.delay = self.jitter = 0.0


BAD = LINES if PROVE else {"all-of-it": LINES["all-of-it"]}


@pytest.fixture(params=BAD.values(), ids=list(BAD))
def behind(rows: Rows, request: pytest.FixtureRequest) -> Iterator[tuple[str, Line]]:
    """web01 behind a line, and its id; the line is good until `spoil`."""
    way = rows.rack.servers["web01"].ipmi
    assert way is not None
    relay = Line(way.address, way.port, request.param)
    server_id = rows.enrol("web01")
    rows.move(way, relay.port)
    yield server_id, relay
    relay.stop()


def read_by_the_monitor(server_id: str) -> ConnectedBmc:
    """Logged in already: a login of six questions seldom comes through a line that loses a third of them."""
    bmc = connect(server_id, purpose=SessionPurpose.POLL, holder="monitor-test", fence=lambda _seconds: None)
    bmc.checked(bmc.power.read)
    return bmc


class Truth:
    """What the power was when: each turn begins and ends at known moments, in between it is either."""

    def __init__(self, rack: lab.RackInfo) -> None:
        self._rack, self.state = rack, PowerState.ON
        self._turns: list[tuple[float, float, PowerState]] = [(0.0, 0.0, PowerState.ON)]

    def turn(self) -> None:
        self.state = PowerState.OFF if self.state is PowerState.ON else PowerState.ON
        began = time.monotonic()
        lab.command(self._rack.home, "web01", "power-off" if self.state is PowerState.OFF else "power-on")
        self._turns.append((began, time.monotonic(), self.state))

    def between(self, began: float, ended: float) -> set[PowerState]:
        """The states that it had at some moment from `began` to `ended`."""
        last = max(number for number, turn in enumerate(self._turns) if turn[1] <= began)
        return {self._turns[last][2]} | {turn[2] for turn in self._turns[last + 1 :] if turn[0] <= ended}


def in_the_loop(read: Callable[[], Any]) -> Any:
    """As the monitor reads."""
    over, found = threading.Event(), list[Any]()

    def reading() -> None:
        try:
            found.append(read())
        except Exception as error:
            found.append(error)
        over.set()

    loops.start(loop(), reading)
    assert over.wait(120)
    return found[0]


Poll = tuple[float, float, PowerState | Exception]


def poll(bmc: ConnectedBmc) -> Poll:
    began = time.monotonic()
    found = in_the_loop(lambda: bmc.checked(bmc.power.read))
    return began, time.monotonic(), found


def polls(bmc: ConnectedBmc, state: PowerState) -> Iterator[Poll]:
    """Some polls, and more until `state` is read. Polls fail at once while a login is waited for: their share tells
    nothing.
    """
    latest, is_seen, number = time.monotonic() + LATEST, False, 0
    while number < POLLS or not is_seen:
        assert time.monotonic() < latest, f"{state} was not read within {LATEST:.0f} s"
        found = poll(bmc)
        yield found
        is_seen, number = is_seen or found[2] is state, number + 1
        time.sleep(0.2 if isinstance(found[2], Exception) else 0)


def told(sensors: tuple[Sensor, ...]) -> list[tuple[str, object, object]]:
    """What of a sensor stays as it is from one reading to the next in a machine that stands still."""
    return [(sensor.name, sensor.units, sensor.thresholds) for sensor in sensors]


@pytest.mark.prove
def test_a_bad_line_makes_no_wrong_state_only_later_ones(rows: Rows, behind: tuple[str, Line]) -> None:
    server_id, line = behind
    bmc = read_by_the_monitor(server_id)
    line.spoil()
    truth, seen = Truth(rows.rack), list[Poll]()
    for _ in range(TURNS):
        seen += polls(bmc, truth.state)
        truth.turn()
    seen += polls(bmc, truth.state)
    assert [found for _, _, found in seen if not isinstance(found, PowerState | BmcUnreachable)] == []
    states = [(began, ended, found) for began, ended, found in seen if isinstance(found, PowerState)]
    assert all(found in truth.between(began, ended) for began, ended, found in states)
    line.mend()
    bmc.close()
    assert rows.sessions() == []


@pytest.mark.prove
def test_a_sweep_over_a_bad_line_says_what_one_over_a_good_line_says(rows: Rows, behind: tuple[str, Line]) -> None:
    server_id, line = behind
    bmc = read_by_the_monitor(server_id)
    line.spoil()
    over_bad = in_the_loop(lambda: bmc.checked(bmc.sensors.read))
    line.mend()
    over_good = in_the_loop(lambda: bmc.checked(bmc.sensors.read))
    bmc.close()
    if isinstance(over_bad, Exception):
        assert isinstance(over_bad, BmcUnreachable | BmcBusy), (
            over_bad
        )  # a question that is sent twice can end a reservation
    else:
        assert told(over_bad.sensors) == told(over_good.sensors)
        assert over_bad.problems == over_good.problems
