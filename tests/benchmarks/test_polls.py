"""Power polls and sensor sweeps of a thousand BMCs in CPU time, beside FreeIPMI's and ipmitool's of the same BMCs.

All are the processes' own CPU seconds: the BMCs' are not counted. OOBCTL_BENCH_BMCS: how many.
"""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import READ_CAPABILITIES, SessionPurpose
from oobctl.drivers import loops, slots
from oobctl.drivers.connect import ConnectedBmc, connect
from oobctl.drivers.ipmi.loop import loop
from oobctl.lab.rack import RackInfo
from oobctl.monitor import Monitor, collect_seldom
from oobctl.monitor.polls import Poll
from oobctl.store import Reading, database
from tests.benchmarks import report
from tests.benchmarks.spending import cpu, in_turn
from tests.many import enrol_all, write_rows
from tests.profiles import write_profiles

BMCS = int(os.environ.get("OOBCTL_BENCH_BMCS", "1000"))
EACH_SECONDS = 0.2  # between two polls of a BMC: more than one core can do
ROUNDS, SWEEPS, SECONDS, BY_IPMITOOL = 20, 3, 60.0, 20
HOLDER = "monitor-bench"
TARGETS = "targets: polls 5 x ipmipower, 300 x ipmitool, with the store 2 x ipmipower; sweeps 1.2 x ipmi-sensors"


class Peers:
    """FreeIPMI with a host list and a warm cache of records, and ipmitool one BMC after the other."""

    def __init__(self, many: RackInfo, folder: Path) -> None:
        assert many.light is not None
        self._light, self._folder = many.light, folder
        self._config = folder / "freeipmi.conf"
        self._config.touch(mode=0o600)
        self._config.write_text(f"username {many.light['user']}\npassword {many.light['password']}\n")

    def freeipmi(self, tool: str, *options: str) -> float:
        """CPU seconds for all BMCs."""
        hosts = ",".join(f"{address}:{self._light['port']}" for address in self._light["addresses"])
        where = ["--config-file", str(self._config), "-D", "LAN_2_0", "-I", "3", "-W", "opensesspriv", "-h", hosts]
        return spent_by([tool, *where, *options])

    def sensors(self) -> float:
        cache = ["--sdr-cache-directory", str(self._folder), "--quiet-cache"]
        self.freeipmi("ipmi-sensors", *cache)
        return self.freeipmi("ipmi-sensors", *cache)

    def ipmitool(self, count: int) -> float:
        """CPU seconds for so many BMCs."""
        who = ["-I", "lanplus", "-C", "3", "-U", self._light["user"], "-E", "-p", str(self._light["port"])]
        command = ["ipmitool", *who, "power", "status", "-H"]
        password = self._light["password"]
        return sum(spent_by([*command, one], IPMI_PASSWORD=password) for one in self._light["addresses"][:count])


class Counted(SimpleQueue[Poll]):
    """The monitor's queue of polls, and how many there were."""

    count = 0

    def put(self, item: Poll, block: bool = True, timeout: float | None = None) -> None:
        self.count += 1
        super().put(item, block, timeout)


def spent_by(command: Sequence[str], **more: str) -> float:
    """CPU seconds of a command."""
    before = cpu(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, capture_output=True, timeout=1800, env={**os.environ, **more})
    return cpu(resource.RUSAGE_CHILDREN) - before


def _resident() -> int:
    """KB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.fixture
def site(many: RackInfo, sqlite: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """All enrolled, and a profile that has their power alone polled, without a rest: all else was read just now."""
    alone = {f"polling.{name}": 86400 for name in READ_CAPABILITIES} | {"polling.power": EACH_SECONDS}
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(write_profiles(tmp_path / "hwprofiles", alone)))
    settings.cache_clear()
    site_id, ids = write_rows(many)
    enrol_all(ids)
    with database().write() as tx:
        read = [(one, name) for one in ids for name in READ_CAPABILITIES]
        tx.add_all(Reading(server_id=one, capability=name, tried_at=clock.now()) for one, name in read)
    return site_id, ids


def test_polls_and_sweeps(many: RackInfo, site: tuple[str, list[str]], tmp_path: Path) -> None:
    site_id, ids = site
    collect_seldom()  # as the monitor's process
    peers = Peers(many, tmp_path)
    report.head(f"{BMCS} light BMCs ({TARGETS})")
    before = _resident()
    bmcs = [connect(one, purpose=SessionPurpose.POLL, holder=HOLDER, fence=lambda _seconds: None) for one in ids]
    try:
        powers = [partial(bmc.checked, bmc.power.read) for bmc in bmcs]
        sweeps = [partial(bmc.checked, bmc.sensors.read) for bmc in bmcs]
        spent, took = in_turn(loop(), powers, 1)
        print(f"first polls, logins and identities with them: {BMCS / spent:.0f} a CPU-second, {took:.1f} s")
        print(f"memory: {(_resident() - before) / BMCS:.0f} KB a BMC")
        _sure()
        ours, took = in_turn(loop(), powers, ROUNDS)
        poll = ours / ROUNDS / BMCS
        _sure()
        once = in_turn(loop(), powers, 1)[1]
        began = time.monotonic()
        theirs = peers.freeipmi("ipmipower", "--stat") / BMCS
        their_once = time.monotonic() - began
        tool = peers.ipmitool(BY_IPMITOOL) / BY_IPMITOOL
        _said("warm power polls, the drivers' loop", poll, "ipmipower", theirs)
        _said("the same", poll, "ipmitool", tool)
        print(f"one sweep of all: {once:.2f} s, ipmipower's {their_once:.2f} s; in a row {took / ROUNDS:.2f} s a sweep")
        in_turn(loop(), sweeps, 1)  # the records are read once
        _sure()
        sweep = in_turn(loop(), sweeps, SWEEPS)[0] / SWEEPS / BMCS
        _said("full sensor sweeps", sweep, "ipmi-sensors", peers.sensors() / BMCS)
    finally:
        _end(bmcs)
    _said("power polls of the monitor, kept in the store", _by_the_monitor(site_id), "ipmipower", theirs)


def _sure() -> None:
    """As the monitor does every few seconds, in one query for all sessions."""
    slots.look_all(HOLDER)


def _end(bmcs: list[ConnectedBmc]) -> None:
    for bmc in bmcs:
        loops.start(loop(), bmc.close)
    until = time.monotonic() + 120
    while time.monotonic() < until and any(bmc._transports for bmc in bmcs):
        time.sleep(0.2)


def _by_the_monitor(site_id: str) -> float:
    """CPU seconds a poll, of the whole process, over a minute in which it polls all that it can."""
    monitor, stop = Monitor(site_id), threading.Event()
    counted = monitor._writing.polls = Counted()
    thread = threading.Thread(target=monitor.run, args=(stop,))
    thread.start()
    try:
        while len([watch for watch in monitor._watches.values() if watch.answered]) < BMCS:
            time.sleep(0.5)
        spent, polls = cpu(), counted.count
        time.sleep(SECONDS)
        spent, polls = cpu() - spent, counted.count - polls
    finally:
        stop.set()
        thread.join(120)
    print(f"the monitor: {polls / SECONDS:.0f} polls a second, {100 * spent / SECONDS:.0f} % of a core")
    return spent / polls


def _said(what: str, ours: float, peer: str, theirs: float) -> None:
    ratio = theirs / ours
    print(f"{what:46} {1 / ours:8.0f} a CPU-second; {peer:12} {1 / theirs:8.0f}; ratio {ratio:7.1f}")
