"""Sensor by sensor and entry by entry, our readings over IPMI are those of ipmitool and of FreeIPMI."""

from collections.abc import Callable
from pathlib import Path

import pytest

from oobctl.constants import Health, PartKind, Protocol, State
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.readings import EventLogEntry, Sensor
from oobctl.lab import rack as lab
from tests.integration.drivers import rich_bmc
from tests.integration.drivers.peers import PeerEvent, Peers, PeerSensor
from tests.integration.drivers.rows import Rows
from tests.integration.drivers.simulator import Bench

UNNAMED = ("#0x28", "#0x63", "Sensor #40", "Sensor #99")  # how the peers call sensors that they do not know
FAULTS = ("psu-failed", "dimm-ecc", "fan-failed", "over-temperature", "drive-failed")


def limits(sensor: Sensor) -> tuple[float | None, ...]:
    held = sensor.thresholds
    lower = (held.lower_fatal, held.lower_critical, held.lower_caution)
    return (*lower, held.upper_caution, held.upper_critical, held.upper_fatal)


def compare_sensor(ours: Sensor, peer: PeerSensor, digits: int) -> None:
    """Value, unit, limits and states, within what the peer prints; and how bad it is, where both tell."""
    nearly = 0.5000001 * 10.0**-digits
    assert (ours.reading is None) == (peer.reading is None), ours.name
    if ours.reading is not None:
        assert ours.reading == pytest.approx(peer.reading, abs=nearly), ours.name
        assert ours.units == peer.units, ours.name
    for limit, other in zip(limits(ours), peer.limits, strict=True):
        assert limit == (None if other is None else pytest.approx(other, abs=nearly)), ours.name
    if peer.states is not None and ours.state is State.ENABLED:
        assert tuple(state.casefold() for state in ours.states) == peer.states, ours.name
    if (
        peer.health in (Health.OK, Health.CRITICAL)
        and ours.state is State.ENABLED
        and ours.health is not Health.WARNING
    ):
        assert ours.health is peer.health, ours.name


def compare_sensors(bmc: ConnectedBmc, peers: Peers, *, to_both: int, to_one: int) -> None:
    """All our sensors; so many of them are told by both peers, and by one at least."""
    ours = {sensor.name: sensor for sensor in bmc.sensors.read().sensors}
    with_ipmitool, with_freeipmi = peers.ipmitool_sensors(), peers.freeipmi_sensors()
    for name, peer in with_ipmitool.items():
        if name in ours:  # it tells a shared record as one sensor
            compare_sensor(ours[name], peer, 3)
    for name, peer in with_freeipmi.items():
        compare_sensor(ours[name], peer, 2)
    assert len(ours.keys() & with_ipmitool.keys() & with_freeipmi.keys()) == to_both
    assert len(ours.keys() & (with_ipmitool.keys() | with_freeipmi.keys())) == len(ours) == to_one


def compare_event(ours: EventLogEntry, peer: PeerEvent) -> None:
    assert ours.asserted == peer.asserted, ours.message
    if ours.asserted is None:
        return
    assert f": {peer.words}" in ours.message.casefold(), ours.message
    assert ours.component is not None
    assert peer.sensor.endswith((ours.component, *UNNAMED)), peer.sensor
    for value in peer.values:
        assert f" {value:g} " in ours.message, ours.message
    if ours.asserted and peer.health is not None:
        assert ours.severity is peer.health, ours.message


def compare_log(bmc: ConnectedBmc, peers: Peers, count: int) -> None:
    """Every entry of the log, with both peers."""
    ours = {int(entry.entry_id): entry for entry in bmc.event_log.read().entries}
    for theirs in (peers.ipmitool_events(), peers.freeipmi_events()):
        assert theirs.keys() == ours.keys()
        for number, entry in ours.items():
            compare_event(entry, theirs[number])
    assert len(ours) == count


def test_every_kind_of_sensor_reads_as_the_peers_say(simulate: Callable[..., Bench]) -> None:
    bench = simulate(records=rich_bmc.RECORDS, commands=rich_bmc.COMMANDS)
    compare_sensors(bench.bmc, bench.simulator.peers(), to_both=22, to_one=28)
    bench.simulator.command(*rich_bmc.FAULTS)
    compare_sensors(bench.bmc, bench.simulator.peers(), to_both=22, to_one=28)


def test_every_kind_of_entry_reads_as_the_peers_say(simulate: Callable[..., Bench]) -> None:
    bench = simulate(records=rich_bmc.RECORDS, commands=rich_bmc.COMMANDS)
    bench.simulator.command(*rich_bmc.FAULTS, *rich_bmc.RECOVERIES, *rich_bmc.ENTRIES)
    compare_log(bench.bmc, bench.simulator.peers(), count=26)


def test_the_racks_server_reads_as_the_peers_say_before_and_after_each_fault(rows: Rows, tmp_path: Path) -> None:
    way = rows.rack.servers["web01"].ipmi
    assert way is not None
    bmc = rows.connect(rows.enrol("web01", protocols=(Protocol.IPMI,)))
    peers = Peers(way.address, way.port, way.user, way.password, tmp_path)
    count = len(bmc.sensors.read().sensors)
    assert count >= 28
    compare_sensors(bmc, peers, to_both=count, to_one=count)
    assert bmc.health.read().health is Health.OK
    for fault in FAULTS:
        lab.inject(rows.rack.home, "web01", fault)
    compare_sensors(bmc, peers, to_both=count, to_one=count)
    broken = {part.name for part in bmc.health.read().parts if part.health is not Health.UNKNOWN}
    assert broken == {"PSU1 Status", "PS Redundancy", "DIMM_A1", "Fan1", "Inlet Temp", "Drive0"}
    lab.clear(rows.rack.home, "web01")
    entries = bmc.event_log.read().entries
    assert {entry.asserted for entry in entries} == {True, False}
    compare_log(bmc, peers, count=len(entries))
    bmc.close()


def test_the_racks_inventory_has_every_serial_number_that_ipmitool_prints(rows: Rows, tmp_path: Path) -> None:
    way = rows.rack.servers["web01"].ipmi
    assert way is not None
    bmc = rows.connect(rows.enrol("web01", protocols=(Protocol.IPMI,)))
    report = bmc.inventory.read()
    printed = Peers(way.address, way.port, way.user, way.password, tmp_path).ipmitool("fru").splitlines()
    serials = {line.split(":", 1)[1].strip() for line in printed if line.strip().startswith("Product Serial")}
    assert len(serials) >= 3
    assert serials <= {part.serial for part in report.parts}
    assert report.problems == ()
    kinds = {part.kind for part in report.parts if part.state is State.ENABLED}
    assert {PartKind.SYSTEM, PartKind.MEMORY, PartKind.DRIVE, PartKind.POWER_SUPPLY, PartKind.FAN} <= kinds
    bmc.close()
