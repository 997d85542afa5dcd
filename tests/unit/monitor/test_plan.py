"""When what is read: by the profile's intervals, from what the store says was tried, nothing kept waiting for long."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from oobctl.constants import READ_CAPABILITIES, Capability
from oobctl.monitor.plan import EARLY, Plan, Tried

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = 1000.0
DAY = 86400.0
INTERVALS = {Capability.HEALTH: 60.0, Capability.SENSORS: 300.0, Capability.INVENTORY: DAY, Capability.POWER: None}


def plan(tried: dict[Capability, Tried] | None = None, *, since: datetime | None = None, spread: float = 0.0) -> Plan:
    return Plan(INTERVALS, tried or {}, since=since, wall=NOON, now=NOW, spread=spread)


def tried(minutes_ago: float, code: str | None = None) -> Tried:
    return Tried(NOON - timedelta(minutes=minutes_ago), code)


def due_in(it: Plan, name: Capability) -> float:
    return it._due[name] - NOW


def is_after(seconds: float, interval: float) -> bool:
    """Whether it is an interval, up to a tenth of it early."""
    return interval * (1 - EARLY) <= seconds <= interval


def test_what_was_never_tried_is_due_at_once_in_the_order_of_the_capabilities() -> None:
    it = plan()
    assert it.next_at == NOW
    order = []
    for _ in INTERVALS.keys() - {Capability.POWER}:
        order.append(it.first())
        it.tried(it.first(), None, NOW + 1)
    assert order == [name for name in READ_CAPABILITIES if name in INTERVALS]


def test_a_restart_reads_nothing_anew_before_its_time() -> None:
    it = plan({name: tried(10) for name in INTERVALS})
    assert due_in(it, Capability.HEALTH) == 0.0
    assert due_in(it, Capability.SENSORS) == 0.0
    assert is_after(due_in(it, Capability.INVENTORY) + 600, DAY)


def test_what_is_due_of_many_servers_at_once_is_spread() -> None:
    it = plan({Capability.HEALTH: tried(10), Capability.INVENTORY: tried(10)}, spread=30.0)
    assert due_in(it, Capability.HEALTH) == due_in(it, Capability.SENSORS) == 30.0
    assert is_after(due_in(it, Capability.INVENTORY) + 600, DAY)


def test_what_a_bmc_lacks_is_asked_for_once_a_day() -> None:
    it = plan({Capability.HEALTH: tried(10, "not_supported")})
    assert is_after(due_in(it, Capability.HEALTH) + 600, DAY)
    it.tried(Capability.SENSORS, "not_supported", NOW)
    assert is_after(due_in(it, Capability.SENSORS), DAY)


def test_what_could_not_be_read_is_tried_again_soon() -> None:
    it = plan({Capability.INVENTORY: tried(1, "bmc_timeout"), Capability.HEALTH: tried(0, "bmc_timeout")})
    assert is_after(due_in(it, Capability.INVENTORY) + 60, 900.0)
    assert is_after(due_in(it, Capability.HEALTH), 60.0)


def test_after_a_server_changed_hands_everything_is_read_anew() -> None:
    before = {Capability.INVENTORY: tried(10), Capability.HEALTH: tried(10, "not_supported")}
    it = plan(before | {Capability.SENSORS: tried(1)}, since=NOON - timedelta(minutes=2))
    assert due_in(it, Capability.INVENTORY) == due_in(it, Capability.HEALTH) == 0.0
    assert due_in(it, Capability.SENSORS) > 100


def test_a_clock_that_was_set_back_makes_nothing_wait_longer_than_its_interval() -> None:
    assert is_after(due_in(plan({Capability.HEALTH: tried(-600)}), Capability.HEALTH), 60.0)


def test_what_is_read_often_keeps_nothing_else_waiting() -> None:
    """A BMC that is slower than its shortest interval: each reading takes 70 s."""
    it, now, read = plan(), NOW, []
    for _ in range(30):
        now += 70.0
        read.append(it.first())
        it.tried(it.first(), None, now)
    assert read.count(Capability.INVENTORY) == 1
    assert read.count(Capability.SENSORS) >= 5
    assert read.count(Capability.HEALTH) > read.count(Capability.SENSORS)


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_what_is_put_off_is_due_then(seconds: float) -> None:
    it = plan({name: tried(0) for name in INTERVALS})
    it.put_off(Capability.INVENTORY, seconds, NOW)
    assert (it.first(), it.next_at) == (Capability.INVENTORY, NOW + seconds)


def test_a_profile_that_asks_for_nothing_leaves_nothing_due() -> None:
    assert Plan({}, {}, since=None, wall=NOON, now=NOW, spread=0.0).next_at == math.inf


def test_what_a_bmc_tells_of_is_due_at_once_and_nothing_else() -> None:
    it = plan({name: tried(0) for name in INTERVALS})
    sensors = due_in(it, Capability.SENSORS)
    it.hasten([Capability.HEALTH, Capability.EVENT_LOG], NOW + 1)
    assert (it.first(), it.next_at) == (Capability.HEALTH, NOW + 1)
    assert due_in(it, Capability.SENSORS) == sensors
    assert Capability.EVENT_LOG not in it._due  # this profile does not ask for it


def test_what_is_told_while_it_is_read_is_read_once_more() -> None:
    it = plan({name: tried(0) for name in INTERVALS})
    it.hasten([Capability.HEALTH], NOW + 1)
    assert it.begin() is Capability.HEALTH
    it.hasten([Capability.HEALTH], NOW + 2)
    it.tried(Capability.HEALTH, None, NOW + 3)
    assert it.next_at == NOW + 2
    it.begin()
    it.tried(Capability.HEALTH, None, NOW + 4)
    assert is_after(due_in(it, Capability.HEALTH) - 4, 60.0)


def test_what_a_bmc_lacks_is_not_asked_for_because_of_an_event() -> None:
    it = plan({name: tried(0, "not_supported" if name is Capability.HEALTH else None) for name in INTERVALS})
    before = it.next_at
    it.hasten([Capability.HEALTH], NOW)
    assert it.next_at == before
    it.tried(Capability.HEALTH, None, NOW)  # a new firmware has it
    it.hasten([Capability.HEALTH], NOW)
    assert it.next_at == NOW
