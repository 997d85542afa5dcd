"""The database is away for minutes while real monitors run: what is read is kept afterwards, a gap stays a gap."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from oobctl import clock
from oobctl.constants import PowerState
from tests.databases import Cluster, fill_with_tables
from tests.guard import Guard
from tests.installation import Installation, eventually
from tests.integration.monitor.hurried import hurried
from tests.integration.monitor.site import INLET, RealSite, real_site
from tests.integration.monitor.watched import entries, numbers, said, sensor, server, since
from tests.integration.prove.conftest import PROVE
from tests.processes import OwnProcess

AWAY, TIMES = (300.0, 1.0) if PROVE else (12.0, 20.0)
"""How long it is away, and how many times as fast the clock of the monitors runs."""
MOST_GROWN = 64 << 10
"""KB of memory. A monitor of these few BMCs keeps some MB of readings."""
LINES_A_MINUTE = 60
HANGS, SEEN = (300.0 if PROVE else 40.0), 22.0
"""For how long it hangs, and after how many seconds that counts as away: a statement's silence and a try to connect."""
LATE = 12.0
"""Seconds for which a reading waits for a try to connect: minutes of the clock that is hurried, none of a real one."""


@pytest.fixture
def site(
    cluster: Cluster,
    guard: Guard,
    new_installation: Callable[..., Installation],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RealSite]:
    cluster.execute("CREATE DATABASE oobctl_away")
    fill_with_tables(cluster.url("oobctl_away"))
    began = time.time()
    monkeypatch.setattr(clock, "wall", hurried(began, TIMES))
    monkeypatch.setattr(clock, "follow", lambda _store: None)
    monkeypatch.setattr(clock, "_followed", None)
    with real_site(new_installation(cluster.url("oobctl_away")), guard, tmp_path, redfish=1, ipmi=1) as found:
        arguments = ["-m", "tests.integration.monitor.hurried", str(began), str(TIMES), "monitor"]
        found.new = lambda: found.road.run_python(arguments, name="monitor")
        yield found


def begin(site: RealSite, monitors: int) -> None:
    """All is read, by so many monitors; two share the two BMCs, or one has both."""
    for _ in range(monitors):
        site.start()
    site.heat(20)
    eventually(lambda: all(sensor(one, INLET).get("reading") == 20 for one in site.servers.values()))
    eventually(lambda: len(site.living()) == monitors)
    time.sleep(4.0)  # until each has looked and knows of the other


def away(
    site: RealSite,
    seconds: float,
    stop: Callable[[], None],
    start: Callable[[], None],
) -> tuple[datetime, datetime]:
    """Without the database for a while, in which machines grow warm and note events. Returns from when to when."""
    stop()
    began, end = clock.now(), time.monotonic() + seconds
    served = site.trees["r0"]
    with served.state.lock:
        served.state.resources.at(served.state.system(None))["PowerState"] = str(PowerState.OFF)
    celsius = 20
    while time.monotonic() < end:
        celsius = 21 + (celsius - 20) % 19
        site.heat(celsius)
        site.happen()
        time.sleep(seconds / 6)
    ended = clock.now()
    site.heat(45)
    start()
    return began, ended


def whole_minutes(begin: datetime, end: datetime) -> list[datetime]:
    """The minutes that lie in that time as a whole."""
    first = begin.replace(second=0, microsecond=0) + timedelta(minutes=1)
    count = int((end - first) / timedelta(minutes=1))
    return [first + timedelta(minutes=number) for number in range(count)]


def check_caught_up(site: RealSite) -> None:
    """What is so now is in the store, and all that the BMCs noted, once each."""
    eventually(lambda: server(site.servers["r0"]).power_state is PowerState.OFF)
    eventually(lambda: all(sensor(one, INLET).get("reading") == 45 for one in site.servers.values()))
    eventually(lambda: {f"Event {number}." for number in range(1, site.noted["r0"] + 1)} <= set(messages(site, "r0")))
    eventually(lambda: len(entries(site.servers["i0"])) == site.noted["i0"])
    assert len(messages(site, "r0")) == len(set(messages(site, "r0")))


def messages(site: RealSite, name: str) -> list[str]:
    return [entry.message for entry in entries(site.servers[name])]


def memory(process: OwnProcess) -> int:
    """What it has in memory, in KB (proc(5), VmRSS)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_a_monitor_that_is_alone_reads_on_and_all_of_it_is_in_the_history_afterwards(
    site: RealSite, cluster: Cluster
) -> None:
    begin(site, monitors=1)
    [monitor] = site.monitors
    held, said_before = memory(monitor), monitor.output.count("\n")
    began, ended = away(site, AWAY, cluster.stop, cluster.start)
    last = time.monotonic() - AWAY / 4
    asked = {name: sum(at > last for at, _ in site.witness.seen[name]) for name in site.servers}
    grown, lines = memory(monitor) - held, monitor.output.count("\n") - said_before
    check_caught_up(site)
    minutes = whole_minutes(began, ended)
    assert minutes
    for one in site.servers.values():
        kept = numbers(since(one, began - timedelta(minutes=2)), INLET, "Cel")
        assert [at for at in minutes if kept.get(at) is None] == []
        assert {kept[at] for at in minutes} <= set(range(20, 46))
    assert min(asked.values()) > 0
    assert grown < MOST_GROWN
    assert lines < 100 + AWAY / 60 * LINES_A_MINUTE
    said(
        "database away",
        f"PostgreSQL stopped for {AWAY:.0f} s, one monitor",
        f"read on ({sum(asked.values())} requests in the last quarter), {len(minutes)} minutes of history complete "
        f"afterwards, log entries once each; memory {grown / 1024:+.1f} MB, {lines} lines of log",
    )


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_a_database_that_hangs_without_a_word_is_away_as_well(site: RealSite, cluster: Cluster) -> None:
    begin(site, monitors=1)
    [monitor] = site.monitors
    held = memory(monitor)
    began, ended = away(site, HANGS, cluster.freeze, cluster.thaw)
    last = time.monotonic() - HANGS / 4
    asked = {name: sum(at > last for at, _ in site.witness.seen[name]) for name in site.servers}
    grown = memory(monitor) - held
    check_caught_up(site)
    assert min(asked.values()) > 0
    assert grown < MOST_GROWN
    assert monitor.output.count("the monitor waits for the database") == 1
    minutes = [at for at in whole_minutes(began, ended) if at > began + timedelta(seconds=SEEN * TIMES)]
    assert minutes
    for one in site.servers.values():
        kept = numbers(since(one, began - timedelta(minutes=2)), INLET, "Cel")
        missing = [at for at in minutes if kept.get(at) is None]
        assert len(missing) * 60 / TIMES < LATE, missing
    said(
        "database hangs",
        f"PostgreSQL stood still for {HANGS:.0f} s, one monitor",
        f"read on after {SEEN:.0f} s at the latest ({sum(asked.values())} requests in the last quarter), "
        f"memory {grown / 1024:+.1f} MB",
    )


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_monitors_that_share_a_site_pause_and_the_gap_is_a_gap(site: RealSite, cluster: Cluster) -> None:
    begin(site, monitors=2)
    began, ended = away(site, AWAY, cluster.stop, cluster.start)
    last = time.monotonic() - AWAY / 4
    asked = {name: sum(at > last for at, _ in site.witness.seen[name]) for name in site.servers}
    check_caught_up(site)
    assert site.witness.seen
    minutes = [at for at in whole_minutes(began, ended) if at > began + timedelta(seconds=5 * TIMES)]
    assert minutes
    for one in site.servers.values():
        kept = numbers(since(one, began - timedelta(minutes=2)), INLET, "Cel")
        assert [(at, kept[at]) for at in minutes if kept.get(at) is not None] == []
        assert list(kept.values())[-1] is not None
    said(
        "database away",
        f"PostgreSQL stopped for {AWAY:.0f} s, two monitors that share the site",
        f"neither can know that it alone reads a BMC: {sum(asked.values())} requests in the last quarter, "
        f"{len(minutes)} minutes without a number in the history, then all is read again",
    )
