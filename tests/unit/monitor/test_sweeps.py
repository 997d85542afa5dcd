"""Readings beside the power: one at a time per BMC, delaying nobody, over one connection that is closed for certain."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from oobctl import clock, readings
from oobctl.constants import Capability, SessionPurpose
from oobctl.drivers import loops
from oobctl.drivers.readings import EventLogReport, HealthReport
from oobctl.errors import (
    BmcRefused,
    BmcSessionsExhausted,
    BmcTimeout,
    BmcUnreachable,
    NotSupported,
    StoreUnavailable,
    WrongServer,
)
from oobctl.monitor import Monitor
from oobctl.monitor import watch as watching
from oobctl.monitor.polls import poll
from oobctl.monitor.sweep import sweep
from oobctl.monitor.watch import Watch
from oobctl.readings import Taken
from oobctl.store import Assignment, Reading, Server, Site, database
from tests.installation import Installation, eventually
from tests.unit.readings import samples
from tests.unit.readings.script import ANSWERS, Script, ScriptedCapability

SILENCE = BmcTimeout("No answer within 5 s.")


@pytest.fixture
def monitor(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    Script.made = []

    def connect(server_id: str, *, purpose: SessionPurpose, holder: str, fence: Any) -> Script:
        assert purpose is SessionPurpose.POLL
        return Script(server_id)

    monkeypatch.setattr(watching, "connect", connect)
    with database().read() as session:
        made = Monitor(session.scalars(select(Site.id)).one())
    yield made
    made._end()


def waits(goes_on: threading.Event) -> bool:
    """As an answer is waited for: the loop goes on meanwhile."""
    return loops.aside(lambda: goes_on.wait(30), long=True)


def watch(monitor: Monitor, name: str = "web01") -> Watch:
    monitor._look()
    return next(found for found in monitor._watches.values() if found.name == name)


def script(server: Watch) -> Script:
    """The connection of that server."""
    return next(made for made in reversed(Script.made) if made.server_id == server.server_id)


def answer_once(monitor: Monitor, server: Watch) -> None:
    poll(server, monitor.id, monitor._writing.polls)


def sweep_once(monitor: Monitor, server: Watch) -> None:
    sweep(server, monitor.id, monitor._writing.taken)


def going_on(monitor: Monitor, check: Callable[[], bool]) -> None:
    """Let the monitor read and write until that is so."""

    def checked() -> bool:
        monitor._start_sweeps()
        monitor._writing.write()
        return check()

    eventually(checked)


def rows(server: Watch) -> dict[str, Reading]:
    with database().read() as session:
        found = session.scalars(select(Reading).where(Reading.server_id == server.server_id))
        return {str(row.capability): row for row in found}


def test_everything_is_read_and_kept_once_the_power_was(monitor: Monitor) -> None:
    server = watch(monitor)
    monitor._start_sweeps()
    assert Script.made == []  # power first
    monitor._start_polls()
    going_on(monitor, lambda: len(rows(server)) == 9)
    assert script(server).asked == ["power", *ANSWERS]
    assert rows(server)["health"].content == readings.Taken("", Capability.HEALTH, clock.now(), samples.HEALTH).plain
    assert rows(server)["bios"].problem == {"code": "not_supported", "message": "This BMC has no BIOS settings."}
    assert (rows(server)["event_log"].content or {})["markers"] == {"SEL": "1"}


def test_a_slow_reading_delays_no_power_and_no_other_server(monitor: Monitor) -> None:
    slow, other = watch(monitor), watch(monitor, "db01")
    for server in (slow, other):
        answer_once(monitor, server)
    goes_on = threading.Event()
    script(slow).answers["health"] = lambda: (waits(goes_on), samples.HEALTH)[1]
    try:
        monitor._start_sweeps()
        eventually(lambda: "health" in script(slow).asked)
        before = script(slow).asked.count("power")
        slow.next_at = 0.0
        monitor._start_polls()
        eventually(lambda: script(slow).asked.count("power") > before)
        going_on(monitor, lambda: "security" in script(other).asked)
        assert script(slow).asked.count("health") == 1
        assert "sensors" not in script(slow).asked  # one at a time
    finally:
        goes_on.set()
    going_on(monitor, lambda: "sensors" in script(slow).asked)
    assert len([made for made in Script.made if made.server_id == slow.server_id]) == 1  # one connection for both


def test_servers_behind_one_bmc_are_read_one_after_the_other(monitor: Monitor) -> None:
    one, two = watch(monitor), watch(monitor, "db01")
    two.bmc_id = one.bmc_id
    for server in (one, two):
        answer_once(monitor, server)
    goes_on = threading.Event()
    for server in (one, two):
        script(server).answers["health"] = lambda: (waits(goes_on), samples.HEALTH)[1]
    try:
        monitor._start_sweeps()
        eventually(lambda: monitor._swept == {one.bmc_id} and "health" in script(one).asked + script(two).asked)
        monitor._start_sweeps()
        assert (script(one).asked + script(two).asked).count("health") == 1
    finally:
        goes_on.set()


def test_parts_that_fall_ill_make_the_sensors_due_once(monitor: Monitor) -> None:
    """Else a page says that a server is too hot, and that none is."""
    server = watch(monitor)
    answer_once(monitor, server)
    for name in list(server.plan._due):
        server.plan.tried(name, None, time.monotonic())
    ill = samples.HEALTH
    for found, due in ((replace(ill, parts=()), False), (ill, True), (ill, False), (replace(ill, parts=()), True)):
        script(server).answers["health"] = found
        server.plan.put_off(Capability.HEALTH, 0.0, -1.0)
        sweep_once(monitor, server)
        assert (server.plan._due[Capability.SENSORS] <= time.monotonic()) is due
        server.plan.begin()
        server.plan.tried(Capability.SENSORS, None, time.monotonic())


def test_a_silent_bmc_is_asked_for_its_power_alone(monitor: Monitor) -> None:
    server = watch(monitor)
    answer_once(monitor, server)
    script(server).answers["power"] = SILENCE
    answer_once(monitor, server)
    asked = list(script(server).asked)
    monitor._start_sweeps()
    assert monitor._swept == set()
    assert script(server).asked == asked


def test_a_connection_is_closed_when_its_last_reader_has_left(monitor: Monitor) -> None:
    server = watch(monitor)
    answer_once(monitor, server)
    first = script(server)
    seen: list[bool] = []

    def falls_silent_meanwhile() -> HealthReport:
        first.answers["power"] = SILENCE
        answer_once(monitor, server)
        seen.append(first.closed)
        return samples.HEALTH

    first.answers["health"] = falls_silent_meanwhile
    sweep_once(monitor, server)
    assert seen == [False]
    assert first.closed


def test_a_bmc_is_another_monitors_only_when_nobody_uses_a_connection_to_it_any_more(monitor: Monitor) -> None:
    server = watch(monitor)
    with server.connected(monitor.id):
        server.gone = True
        server.drop()
        assert not server.over
    assert server.over


def test_at_the_end_every_connection_is_closed_and_none_is_made_any_more(monitor: Monitor) -> None:
    server = watch(monitor)
    answer_once(monitor, server)
    made = len(Script.made)
    monitor._end()
    assert script(server).closed
    answer_once(monitor, server)
    sweep_once(monitor, server)
    monitor._writing.write()
    assert len(Script.made) == made
    with database().read() as session:
        assert session.get_one(Server, server.server_id).silent_since is None


@pytest.mark.parametrize(
    ("error", "kept", "closed"),
    [
        (SILENCE, "bmc_timeout", True),
        (BmcRefused("No."), "bmc_refused", False),
        (BmcSessionsExhausted("All are taken."), "bmc_sessions_exhausted", True),
        (BmcSessionsExhausted("All of ours are taken.", holders=["worker-1"]), None, True),
        (StoreUnavailable("The database is away."), None, False),
        (RuntimeError("a defect"), "internal_error", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_keeps_a_capability_from_being_read_is_kept_and_keeps_no_other(
    monitor: Monitor, error: Exception, kept: str | None, closed: bool
) -> None:
    server = watch(monitor)
    answer_once(monitor, server)
    first = script(server)
    first.answers["health"] = error
    sweep_once(monitor, server)
    assert server.plan.first() is Capability.SENSORS
    sweep_once(monitor, server)
    monitor._writing.write()
    found = rows(server)
    assert (found["health"].problem or {})["code"] == kept if kept else "health" not in found
    assert found["sensors"].content is not None
    assert first.closed is closed


def test_what_another_server_says_is_not_kept(monitor: Monitor, sqlite_installation: Installation) -> None:
    server = watch(monitor)
    answer_once(monitor, server)
    script(server).answers["health"] = WrongServer("Another server answers.", staff={})
    sweep_once(monitor, server)
    monitor._writing.write()
    assert rows(server) == {}
    assert sqlite_installation.server("web01").quarantined_because == "Another server answers."


def test_the_event_log_is_read_from_where_it_is_kept(monitor: Monitor) -> None:
    server = watch(monitor)
    answer_once(monitor, server)
    given: list[Any] = []
    script(server).answers["event_log"] = samples.log(samples.entry(7), whole=("SEL",))
    original = ScriptedCapability.read

    def read(self: ScriptedCapability, *arguments: Any) -> Any:
        if self._name == "event_log":
            given.extend(arguments)
        return original(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedCapability, "read", read)
        for _ in range(2):
            server.plan.put_off(Capability.EVENT_LOG, 0.0, -1.0)
            sweep_once(monitor, server)
            monitor._writing.write()
    assert given == [None, {"SEL": "7"}]


def test_a_monitor_that_begins_reads_only_what_is_due(monitor: Monitor, sqlite_installation: Installation) -> None:
    server_id = sqlite_installation.servers["spare01"]
    with database().write() as session:
        for name in (Capability.HEALTH, Capability.INVENTORY, Capability.BIOS):
            at = clock.now() - timedelta(minutes=30)
            found = NotSupported("None.") if name is Capability.BIOS else samples.HEALTH
            readings.keep(session, server_id, name, found, at)
    plan = watch(monitor, "spare01").plan
    assert plan._due[Capability.HEALTH] <= time.monotonic() + 60
    assert plan._due[Capability.INVENTORY] > time.monotonic() + 3600
    assert plan._due[Capability.BIOS] > time.monotonic() + 3600


def test_a_server_that_changes_hands_is_read_anew(monitor: Monitor, sqlite_installation: Installation) -> None:
    server = watch(monitor, "spare01")
    for name in list(server.plan._due):
        server.plan.tried(name, None, time.monotonic())
    assert server.plan.next_at > time.monotonic()
    with database().write() as session:
        owner = sqlite_installation.actor("customer").account_id
        session.add(Assignment(server_id=server.server_id, account_id=owner, from_at=clock.now()))
    old = server.plan
    monitor._look()
    assert server.plan is not old
    assert all(due <= time.monotonic() for due in server.plan._due.values())
    old.tried(Capability.HEALTH, None, time.monotonic())  # a reading that was under way says so to the old plan
    assert server.plan.next_at <= time.monotonic()


def test_a_reading_that_began_before_a_server_changed_hands_is_made_again(
    monitor: Monitor, sqlite_installation: Installation
) -> None:
    server = watch(monitor, "spare01")
    answer_once(monitor, server)

    def changes_hands() -> HealthReport:
        with database().write() as session:
            owner = sqlite_installation.actor("customer").account_id
            session.add(Assignment(server_id=server.server_id, account_id=owner, from_at=clock.now()))
        monitor._look()
        return samples.HEALTH

    script(server).answers["health"] = changes_hands
    sweep_once(monitor, server)
    assert server.plan.first() is Capability.HEALTH
    assert server.plan.next_at <= time.monotonic()


def test_readings_wait_for_a_database_that_is_away(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    server = watch(monitor)
    answer_once(monitor, server)
    monitor._writing.write()
    sweep_once(monitor, server)

    def away(*_arguments: object) -> None:
        raise StoreUnavailable("The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(readings, "keep_all", away)
        with pytest.raises(StoreUnavailable):
            monitor._writing.write()
    assert rows(server) == {}
    monitor._writing.write()
    assert rows(server)["health"].content is not None


def test_one_reading_that_cannot_be_kept_loses_no_other(monitor: Monitor) -> None:
    one, two = watch(monitor), watch(monitor, "db01")
    poisoned = EventLogReport((samples.entry(1),), {"SEL": "1"})
    object.__setattr__(poisoned, "entries", (None,))
    for server, found in ((one, poisoned), (two, samples.log(samples.entry(2)))):
        monitor._writing.taken.put(Taken(server.server_id, Capability.EVENT_LOG, clock.now(), found))
    monitor._writing.write()
    assert (list(rows(one)), list(rows(two))) == ([], ["event_log"])


def test_a_server_that_is_watched_no_more_is_not_connected_to(monitor: Monitor) -> None:
    """Not even by a poll that had begun before."""
    server = watch(monitor)
    server.end()
    with pytest.raises(BmcUnreachable), server.connected(monitor.id):
        pass
    assert Script.made == []
