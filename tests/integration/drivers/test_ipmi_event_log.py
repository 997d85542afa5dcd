"""The event log on a real BMC stack: markers, thousands of entries, and a clear that loses none."""

from collections.abc import Callable

import pytest

from oobctl.drivers.readings import EventLogReport
from oobctl.errors import BmcBusy
from tests.integration.drivers import rich_bmc
from tests.integration.drivers.simulator import Bench

Simulate = Callable[..., Bench]
ENTRY = "sel_add 0x20 2 0 0 0 0x61 0x20 0 4 0x08 20 0x6f 1 255 255"
EVENT = bytes.fromhex("02 00000060 2000 04 0814 6f 01ffff")
OTHER = "sel_add 0x20 2 0 0 0 0x61 0x20 0 4 0x08 20 0x6f 3 255 255"


@pytest.fixture
def bench(simulate: Simulate) -> Bench:
    found = simulate(records=rich_bmc.RECORDS, commands=rich_bmc.COMMANDS)
    found.simulator.command(ENTRY, OTHER, ENTRY)
    return found


def messages(report: EventLogReport) -> list[str]:
    return [entry.message for entry in report.entries]


def test_a_marker_leads_to_what_came_after_it(bench: Bench) -> None:
    first = bench.bmc.event_log.read()
    assert (len(first.entries), first.whole) == (3, ("SEL",))
    again = bench.bmc.event_log.read(first.markers)
    assert (again.entries, again.whole, again.markers) == ((), (), first.markers)
    bench.simulator.command(OTHER)
    more = bench.bmc.event_log.read(again.markers)
    assert (messages(more), more.whole) == (["PSU1 Status: Power Supply AC lost"], ())


def test_thousands_of_entries_are_read_once_and_then_only_the_new_one(simulate: Simulate) -> None:
    kept = [number.to_bytes(2, "little") + EVENT for number in range(1, 4001)]
    bench = simulate(records=rich_bmc.RECORDS, commands=rich_bmc.COMMANDS, log=kept)
    first = bench.bmc.event_log.read()
    assert [entry.entry_id for entry in first.entries] == [str(number) for number in range(1, 4001)]
    assert messages(first)[3999] == "PSU1 Status: Failure detected"
    bench.simulator.command(OTHER)
    assert len(bench.bmc.event_log.read(first.markers).entries) == 1


def test_a_log_that_another_client_cleared_is_read_whole(bench: Bench) -> None:
    first = bench.bmc.event_log.read()
    bench.simulator.peers().ipmitool("sel", "clear")
    bench.simulator.command(OTHER)
    found = bench.bmc.event_log.read(first.markers)
    assert found.whole == ("SEL",)
    assert messages(found)[-1] == "PSU1 Status: Power Supply AC lost"
    assert len(found.entries) == 1


def test_a_log_of_which_a_copy_is_kept_is_emptied_behind_the_fence(bench: Bench) -> None:
    markers = bench.bmc.event_log.read().markers
    assert bench.bmc.event_log.clear(markers) == ("SEL",)
    assert len(bench.rows.fences) == 1
    assert bench.simulator.peers().ipmitool_events() == {}
    assert bench.bmc.event_log.read(markers).entries == ()
    assert bench.bmc.event_log.clear(markers) == ()


def test_an_entry_that_came_after_the_copy_keeps_the_log(bench: Bench) -> None:
    markers = bench.bmc.event_log.read().markers
    bench.simulator.command(OTHER)
    with pytest.raises(BmcBusy, match="Read the log and try again"):
        bench.bmc.event_log.clear(markers)
    assert (len(bench.simulator.peers().ipmitool_events()), bench.rows.fences) == (4, [])


def test_an_entry_that_comes_between_our_last_look_and_the_clear_cancels_it(bench: Bench) -> None:
    """The fence is asked right before the command goes out: what happens there is what can happen last."""

    def too_late(_seconds: float) -> None:
        bench.simulator.command(OTHER)

    bmc = bench.connect(fence=too_late)
    with pytest.raises(BmcBusy, match="nothing was cleared"):
        bmc.event_log.clear(bmc.event_log.read().markers)
    bmc.close()
    assert len(bench.simulator.peers().ipmitool_events()) == 4


def test_what_the_fence_forbids_clears_nothing(bench: Bench) -> None:
    class Forbidden(Exception):
        pass

    def forbid(_seconds: float) -> None:
        raise Forbidden

    bmc = bench.connect(fence=forbid)
    with pytest.raises(Forbidden):
        bmc.event_log.clear(bmc.event_log.read().markers)
    bmc.close()
    assert len(bench.simulator.peers().ipmitool_events()) == 3
