"""Logs that others clear, that wrap, that are not dated, that are long: each entry is kept once, in its order."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from oobctl import clock, readings
from oobctl.constants import Capability
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.ipmi.repository import forget
from oobctl.drivers.readings import EventLogReport
from oobctl.store import Database, EventLogEntry, database
from tests import trees
from tests.guard import Guard
from tests.integration.drivers.simulator import Bench, Simulator
from tests.integration.monitor.site import COMMANDS, RECORDS
from tests.integration.monitor.watched import entries, said
from tests.integration.prove.conftest import FULL, PROVE, SEED
from tests.trees import Served

SEL = "/redfish/v1/Systems/1/LogServices/Sel"
ENTRIES = f"{SEL}/Entries"
SEEDS = range(SEED, SEED + (40 if PROVE else 3))
STEPS = 40 if PROVE else 25
CAPACITY, HIGHEST = 60, 90
MOST = 10_000
"""Of one log in one reading."""
EVENT = bytes.fromhex("02 00000060 2000 04 0814 6f 01")


class Log(Protocol):
    """A BMC's log as its owner sees it: numbers of events that it holds, in the order in which they came."""

    holds: list[int]

    def add(self, number: int, *, dated: bool) -> None: ...

    def clear(self) -> None: ...

    def number_of(self, entry: EventLogEntry) -> int: ...

    def asked(self) -> int:
        """How much it has been asked so far."""


class RedfishLog:
    """Holds the newest CAPACITY, in pages from either end; ids begin again behind HIGHEST, and after a clear."""

    def __init__(self, served: Served, newest_first: bool) -> None:
        self._served, self._newest_first = served, newest_first
        self._next = 1
        self.holds: list[int] = []
        self._members: list[dict[str, Any]] = []
        self._put()

    def add(self, number: int, *, dated: bool) -> None:
        date = f"2026-02-{1 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"
        entry = {"@odata.id": f"{ENTRIES}/{self._next}", "Id": str(self._next), "Message": f"Event {number}."}
        entry["Created"] = date if dated else "1970-01-01T00:00:07Z"
        self._next = self._next % HIGHEST + 1
        self.holds = [*self.holds, number][-CAPACITY:]
        self._members = [*self._members, entry][-CAPACITY:]
        self._put()

    def clear(self) -> None:
        self.holds, self._members, self._next = [], [], 1
        self._put()

    def number_of(self, entry: EventLogEntry) -> int:
        return int(entry.message.removeprefix("Event ").removesuffix("."))

    def asked(self) -> int:
        return len(self._served.requests)

    def fill(self, count: int) -> None:
        """So many, all at once, whatever its capacity."""
        self._members = [
            {"@odata.id": f"{ENTRIES}/{number}", "Id": str(number), "Message": f"Event {number}."}
            for number in range(1, count + 1)
        ]
        self.holds = list(range(1, count + 1))
        self._put()

    def _put(self) -> None:
        with self._served.state.lock:
            members = self._members[::-1] if self._newest_first else list(self._members)
            resource = self._served.state.resources.at(ENTRIES)
            resource["Members"], resource["Members@odata.count"] = members, len(members)


class IpmiLog:
    """An ipmi_sim's. Other clients clear it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.holds: list[int] = []

    def add(self, number: int, *, dated: bool) -> None:
        stamp = (0x61000000 if dated else 7) + number
        date = " ".join(str(byte) for byte in stamp.to_bytes(4, "little"))
        sim = self._bench.simulator
        sim.command(f"sel_add 0x20 2 {date} 0x20 0 4 0x08 20 0x6f 1 {number & 0xFF} {number >> 8}")
        self.holds.append(number)

    def clear(self) -> None:
        self._bench.simulator.peers().ipmitool("sel", "clear")
        self.holds = []

    def number_of(self, entry: EventLogEntry) -> int:
        return int.from_bytes(bytes.fromhex(entry.raw)[14:16], "little")

    def asked(self) -> int:
        return 0


class Poll:
    """What the monitor does with a log, and what has to be so afterwards."""

    def __init__(self, server_id: str, bmc: ConnectedBmc, log: Log) -> None:
        self._server_id, self._bmc, self._log = server_id, bmc, log
        self.seen: set[int] = set()
        self.polls = self.most_asked = self.most_asked_for_nothing = 0

    def __call__(self) -> EventLogReport:
        asked = self._log.asked()
        found = readings.read(self._bmc, self._server_id, Capability.EVENT_LOG)
        assert isinstance(found, EventLogReport)
        self.most_asked = max(self.most_asked, self._log.asked() - asked)
        with database().write() as session:
            readings.keep(session, self._server_id, Capability.EVENT_LOG, found, clock.now())
        self.polls += 1
        self.seen |= set(self._log.holds)
        kept = entries(self._server_id)
        numbers = [self._log.number_of(entry) for entry in kept]
        assert len(numbers) == len(set(numbers)), "an entry is there twice"
        assert set(numbers) == self.seen, "an entry is not there"
        assert numbers == sorted(numbers), "they are in another order than they came"
        there = {self._log.number_of(entry) for entry in kept if entry.gone_at is None}
        assert there >= set(self._log.holds), "one counts as gone that is there"
        if found.whole:
            assert there == set(self._log.holds), "one counts as there that is gone"
        return found


@pytest.fixture(params=["oldest first", "newest first"])
def served(request: pytest.FixtureRequest, sqlite: Database) -> Iterator[tuple[Poll, Log]]:
    with trees.serve(behaviours=["paged-collections=20"]) as bmc:
        server_id = trees.way(bmc)
        log = RedfishLog(bmc, request.param == "newest first")
        there = trees.connect_to(server_id)
        yield Poll(server_id, there, log), log
        there.close()


@pytest.fixture
def bench(sqlite: Database, guard: Guard, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """bench(log=...): an ipmi_sim of the test's own."""
    made: list[Bench] = []
    forget()

    def make(**what: Any) -> Bench:
        simulator = Simulator(tmp_path / "bmc", records=RECORDS, commands=COMMANDS, **what)
        guard.end_group(simulator.pid)
        made.append(Bench(simulator))
        return made[-1]

    (tmp_path / "bmc").mkdir()
    yield make
    for one in made:
        one.stop()


def live(poll: Poll, log: Log, seed: int) -> int:
    """A BMC's life by chance: events, dated or from before its clock was set, clears, and polls in between."""
    chance, number, clears = random.Random(seed), 0, 0
    for _ in range(STEPS):
        for _ in range(chance.choice([0, 1, 2, 25])):
            number += 1
            log.add(number, dated=chance.random() < 0.8)
        if chance.random() < 0.1:
            log.clear()
            clears += 1
        if chance.random() < 0.4:
            poll()
    poll()
    before = log.asked()
    assert poll().entries == ()
    poll.most_asked_for_nothing = log.asked() - before
    return clears


@pytest.mark.prove
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_becomes_of_a_redfish_log_each_entry_is_kept_once_in_its_order(
    served: tuple[Poll, Log], seed: int
) -> None:
    poll, log = served
    clears = live(poll, log, seed)
    said(
        "event log, Redfish",
        f"seed {seed}: events with and without a date, {clears} clears by others, ids from 1 again, {poll.polls} polls",
        f"{len(poll.seen)} entries, each once, in their order; {poll.most_asked} requests at most, "
        f"{poll.most_asked_for_nothing} where nothing is new",
    )
    assert poll.most_asked_for_nothing <= 8


@pytest.mark.prove
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_becomes_of_an_ipmi_log_each_entry_is_kept_once_in_its_order(
    bench: Callable[..., Bench], seed: int
) -> None:
    bmc = bench()
    log = IpmiLog(bmc)
    poll = Poll(bmc.server_id, bmc.bmc, log)
    clears = live(poll, log, seed)
    said(
        "event log, IPMI",
        f"seed {seed}: events with and without a date, {clears} clears by ipmitool, {poll.polls} polls",
        f"{len(poll.seen)} entries, each once, in their order",
    )


@pytest.mark.prove
@pytest.mark.parametrize("count", [10_000, pytest.param(40_000, marks=FULL)])
def test_a_long_redfish_log_is_kept_within_bounds_and_then_what_is_new(sqlite: Database, count: int) -> None:
    with trees.serve(behaviours=["paged-collections=500"]) as bmc:
        server_id, log = trees.way(bmc), RedfishLog(bmc, newest_first=False)
        log.fill(count)
        log.holds = log.holds[-MOST:]
        there = trees.connect_to(server_id)
        poll = Poll(server_id, there, log)
        poll()
        first = poll.most_asked
        log.fill(count + 1)
        log.holds = log.holds[-1:]
        before = log.asked()
        assert len(poll().entries) == 1
        new = log.asked() - before
        there.close()
    assert new <= 4
    said(
        "event log, Redfish",
        f"{count} entries at once, then one more",
        f"the newest 10,000 kept with {first} requests, the new one with {new}",
    )


@pytest.mark.prove
@pytest.mark.parametrize("count", [10_000])
def test_a_long_ipmi_log_is_kept_whole_and_then_what_is_new(bench: Callable[..., Bench], count: int) -> None:
    bmc = bench(log=[number.to_bytes(2, "little") + EVENT + number.to_bytes(2, "little") for number in range(1, count)])
    log = IpmiLog(bmc)
    poll = Poll(bmc.server_id, bmc.bmc, log)
    log.holds = list(range(1, count))
    assert len(poll().entries) == count - 1
    log.add(count, dated=True)
    assert len(poll().entries) == 1
    said("event log, IPMI", f"{count} entries", "each once, in their order; then the new one alone")
