"""How old what is known of the healthy BMCs gets, with dead and slow ones among them; beside the same without any."""

import os
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import select

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import READ_CAPABILITIES
from oobctl.lab.rack import RackInfo
from oobctl.monitor import Monitor, collect_seldom
from oobctl.store import Reading, Server, database
from tests.benchmarks import report
from tests.many import enrol_all, write_rows
from tests.profiles import write_profiles
from tests.relay import Relay

BMCS = int(os.environ.get("OOBCTL_BENCH_BMCS", "1000"))
DEAD, SLOW = BMCS // 10, BMCS // 20
INTERVAL, SLOW_SECONDS, SECONDS = 20.0, 5.0, 120.0
TARGET = "target: 99th percentile <= interval + 10 %"


@pytest.fixture
def lines(many: RackInfo) -> Iterator[tuple[dict[int, tuple[str, int]], list[Relay]]]:
    """Ways to the dead, the first ones, and to those that will be slow, the next ones."""
    assert many.light is not None
    with ExitStack() as stack:
        ways: dict[int, tuple[str, int]] = {}
        for number in range(DEAD):
            silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            silent.bind(("127.0.0.1", 0))
            ways[number] = silent.getsockname()
        relays = []
        for number in range(DEAD, DEAD + SLOW):
            relays.append(Relay(many.light["addresses"][number], many.light["port"]))
            stack.callback(relays[-1].stop)
            ways[number] = ("127.0.0.1", relays[-1].port)
        yield ways, relays


def test_dead_and_slow_bmcs_cost_the_others_nothing(
    many: RackInfo,
    lines: tuple[dict[int, tuple[str, int]], list[Relay]],
    sqlite: None,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    often = {f"polling.{name}": 86400 for name in READ_CAPABILITIES} | {"polling.power": INTERVAL}
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(write_profiles(tmp_path_factory.mktemp("hwprofiles"), often)))
    settings.cache_clear()
    ways, relays = lines
    site_id, ids = write_rows(many, ways)
    enrol_all(ids[DEAD:])
    with database().write() as tx:
        read = [(one, name) for one in ids for name in READ_CAPABILITIES]
        tx.add_all(Reading(server_id=one, capability=name, tried_at=clock.now()) for one, name in read)
    healthy = set(ids[DEAD + SLOW :])
    report.head(f"{BMCS} light BMCs, {DEAD} dead and {SLOW} slow ones ({SLOW_SECONDS:.0f} s) among them ({TARGET})")
    collect_seldom()
    monitor, stop = Monitor(site_id), threading.Event()
    thread = threading.Thread(target=monitor.run, args=(stop,))
    thread.start()
    try:
        while len([watch for watch in monitor._watches.values() if watch.answered]) < BMCS - DEAD:
            time.sleep(0.5)
        time.sleep(INTERVAL)
        _said("with the dead ones", _ages(healthy))
        for relay in relays:
            relay.delay = SLOW_SECONDS / 2
        time.sleep(INTERVAL)
        _said("with the slow ones too", _ages(healthy))
    finally:
        for relay in relays:
            relay.delay = 0.0
        stop.set()
        thread.join(120)


def _ages(healthy: set[str]) -> list[float]:
    """Seconds since the reading in the store, of each healthy one, once a second."""
    ages: list[float] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        time.sleep(1.0)
        with database().read() as session:
            rows = session.execute(select(Server.id, Server.power_read_at)).all()
        now = clock.now()
        ages += [(now - at).total_seconds() for server_id, at in rows if server_id in healthy and at is not None]
    return ages


def _said(what: str, ages: list[float]) -> None:
    p99 = statistics.quantiles(ages, n=100)[98]
    print(
        f"{what:24} interval {INTERVAL:.0f} s; age p50 {statistics.median(ages):5.1f} s, p99 {p99:5.1f} s, "
        f"oldest {max(ages):5.1f} s; p99 is {100 * p99 / INTERVAL:.0f} % of the interval"
    )
