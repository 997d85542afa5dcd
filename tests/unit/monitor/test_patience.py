"""A BMC that does not answer is logged in to ever less often, and at once by its interval when it is heard again."""

import time
from datetime import timedelta
from functools import partial
from itertools import pairwise
from queue import SimpleQueue

import pytest
from sqlalchemy import select, update

from oobctl import clock
from oobctl.constants import PowerState
from oobctl.drivers import loops
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcRefused, BmcTimeout, BmcUnreachable, OobctlError
from oobctl.jobs import progress
from oobctl.monitor import Monitor
from oobctl.monitor import watch as watching
from oobctl.monitor.polls import Poll, poll
from oobctl.monitor.watch import Watch
from oobctl.store import Outage, Server, Site, database
from tests.installation import Installation

INTERVAL = 10.0


class Clock:
    """time.monotonic(), which stands still until it is told to move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Bmc:
    """All that a poll asks: what connecting comes to, an error, or the state that is read then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.says: OobctlError | PowerState = PowerState.ON
        self.asked: list[str] = []
        monkeypatch.setattr(watching, "connect", self.connect)

    def connect(self, server_id: str, **_rest: object) -> "Bmc":
        self.server_id = server_id
        if isinstance(self.says, OobctlError):
            self.asked.append(server_id)
            raise self.says
        return self

    @property
    def power(self) -> "Bmc":
        return self

    def read(self) -> None:
        raise AssertionError("unchecked")

    def checked(self, read: object) -> PowerState:
        self.asked.append(self.server_id)
        if isinstance(self.says, OobctlError):
            raise self.says
        return self.says

    def close(self) -> None:
        pass


@pytest.fixture
def bmc(monkeypatch: pytest.MonkeyPatch) -> Bmc:
    return Bmc(monkeypatch)


@pytest.fixture
def monitor(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch, moved: Clock) -> Monitor:
    with database().read() as session:
        found = Monitor(session.scalars(select(Site.id)).one())
    monkeypatch.setattr(loops, "start", lambda _loop, call: call())  # in this thread, at once
    found._look()
    for watch in found._watches.values():
        watch.interval = INTERVAL
    for name in [key for key, watch in found._watches.items() if watch.name != "web01"]:
        del found._watches[name]
    return found


def watch_of(monitor: Monitor) -> Watch:
    [watch] = [watch for watch in monitor._watches.values() if watch.name == "web01"]
    return watch


def polled_at(monitor: Monitor, bmc: Bmc, moved: Clock, seconds: float) -> list[float]:
    """When it was asked, in seconds from now."""
    begin, found, server_id = moved.now, [], watch_of(monitor).server_id
    while moved.now < begin + seconds:
        before = bmc.asked.count(server_id)
        monitor._start_polls()
        if bmc.asked.count(server_id) > before:
            found.append(moved.now - begin)
        moved.now += 0.5
    monitor._writing.write()
    return found


def gaps(moments: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(moments)]


@pytest.mark.parametrize("error", [BmcTimeout("It did not let us in."), BmcUnreachable("Nothing answered.")])
def test_a_silent_bmc_is_asked_ever_less_often_up_to_five_minutes(
    monitor: Monitor, bmc: Bmc, moved: Clock, error: OobctlError
) -> None:
    bmc.says = error
    found = gaps(polled_at(monitor, bmc, moved, 3600))
    wanted = [10, 20, 40, 80, 160, 300, 300, 300]
    assert all(0.9 * at - 0.5 <= gap <= at + 0.5 for gap, at in zip(found, wanted, strict=False)), found
    assert max(found) <= 300.5


def test_a_bmc_that_is_silent_for_a_minute_is_asked_again_within_one(monitor: Monitor, bmc: Bmc, moved: Clock) -> None:
    bmc.says = BmcTimeout("It did not let us in.")
    polled_at(monitor, bmc, moved, 60)
    bmc.says = PowerState.ON
    assert polled_at(monitor, bmc, moved, 60)


def test_a_bmc_that_answers_again_is_asked_by_its_interval_again(monitor: Monitor, bmc: Bmc, moved: Clock) -> None:
    bmc.says = BmcTimeout("It did not let us in.")
    polled_at(monitor, bmc, moved, 1000)
    bmc.says = PowerState.ON
    found = polled_at(monitor, bmc, moved, 400)
    assert len(found) > 10
    assert all(gap <= INTERVAL + 0.5 for gap in gaps(found))
    bmc.says = BmcTimeout("It did not let us in.")
    assert gaps(polled_at(monitor, bmc, moved, 60))[0] <= INTERVAL + 0.5, "the steps begin anew"


def test_a_bmc_that_answers_with_a_refusal_is_not_silent(monitor: Monitor, bmc: Bmc, moved: Clock) -> None:
    bmc.says = BmcRefused("Not now.")
    assert max(gaps(polled_at(monitor, bmc, moved, 300))) <= INTERVAL + 0.5


def test_a_bmc_that_a_job_has_heard_from_is_asked_by_its_interval_again(
    monitor: Monitor, bmc: Bmc, moved: Clock
) -> None:
    bmc.says = BmcTimeout("It did not let us in.")
    polled_at(monitor, bmc, moved, 700)
    watch = watch_of(monitor)
    assert watch.next_at > moved.now + 60
    monitor._look()
    assert watch.next_at > moved.now + 60, "nobody has heard from it"
    progress.saw_power(watch.server_id, PowerState.ON, clock.now())
    monitor._look()
    assert polled_at(monitor, bmc, moved, INTERVAL + 1)


def test_a_bmc_of_several_servers_has_one_probe_at_a_time(
    monitor: Monitor, bmc: Bmc, moved: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor._look()
    first, second = list(monitor._watches.values())[:2]
    bmc.says = BmcTimeout("It did not let us in.")
    for one in (first, second):
        poll(one, monitor.id, SimpleQueue())
        one.bmc_id, one.next_at = "shared", 0.0
    monitor._watches = {one.server_id: one for one in (first, second)}
    waiting: list[partial[None]] = []
    monkeypatch.setattr(loops, "start", lambda _loop, call: waiting.append(call))
    monitor._start_polls()
    monitor._start_polls()
    assert len(waiting) == 1
    waiting.pop()()
    monitor._start_polls()
    assert [call.args[0] for call in waiting] == [second]


def test_another_endpoint_is_asked_at_once(
    monitor: Monitor, bmc: Bmc, moved: Clock, sqlite_installation: Installation
) -> None:
    bmc.says = BmcTimeout("It did not let us in.")
    polled_at(monitor, bmc, moved, 1000)
    with database().write() as session:
        session.execute(update(Server).where(Server.name == "web01").values(serial="another"))
    monitor._look()
    assert polled_at(monitor, bmc, moved, 1) == [0.0]
    assert watch_of(monitor).failures == 1


def test_the_newest_reason_of_a_silence_is_shown_and_its_beginning_stays(
    monitor: Monitor, sqlite_installation: Installation
) -> None:
    server, now = sqlite_installation.server("web01"), clock.now()
    for later, error in enumerate(
        (BmcUnreachable("Nothing answered."), BmcTimeout("It did not let us in within 8 s."))
    ):
        monitor._writing.polls.put(Poll(server.id, now + timedelta(seconds=later), None, error.message, error.code))
        monitor._writing.write()
    after = sqlite_installation.server("web01")
    assert (after.silent_since, after.silent_because) == (now, "It did not let us in within 8 s.")
    assert after.silent_code == BmcTimeout.code
    monitor._writing.polls.put(Poll(server.id, now + timedelta(seconds=3), PowerState.ON, None))
    monitor._writing.write()
    after = sqlite_installation.server("web01")
    assert (after.silent_since, after.silent_because, after.silent_code) == (None, None, None)


def test_the_way_in_which_a_bmc_gives_no_readings_is_kept_with_the_reason(
    monitor: Monitor, bmc: Bmc, sqlite_installation: Installation
) -> None:
    monitor._look()
    watch = watch_of(monitor)
    for error in (BmcTimeout("No answer."), BmcAuthFailed("It refused the password."), BmcBadAnswer("It answered 7.")):
        bmc.says = error
        poll(watch, monitor.id, monitor._writing.polls)
        monitor._writing.write()
        after = sqlite_installation.server("web01")
        assert (after.silent_code, after.silent_because) == (error.code, error.message)
    with database().read() as session:
        outages = session.scalars(select(Outage).order_by(Outage.id)).all()
    assert [row.code for row in outages] == ["bmc_timeout", "bmc_auth_failed", "bmc_bad_answer"]


def test_events_make_no_silent_bmc_be_asked_more_often(monitor: Monitor, bmc: Bmc, moved: Clock) -> None:
    """Who forges them could use up its sessions."""
    watch = watch_of(monitor)
    polled_at(monitor, bmc, moved, 5)
    watch.interval = 3600.0
    watch.next_at = moved.now + 3600
    watch.hasten(moved.now)
    assert polled_at(monitor, bmc, moved, 1) == [0.0]  # one that answers is asked at once
    bmc.says = BmcTimeout("It did not let us in.")
    watch.hasten(moved.now)
    polled_at(monitor, bmc, moved, 1)
    watch.hasten(moved.now)
    assert polled_at(monitor, bmc, moved, 60) == []
