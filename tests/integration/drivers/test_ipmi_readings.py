"""Sensors, inventory, health and power over IPMI on real BMC stacks that have no machine behind them."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.readings import Part, Sensor
from oobctl.errors import NotSupported
from oobctl.lab import fru
from tests import sdr_records as r
from tests.integration.drivers import rich_bmc
from tests.integration.drivers.simulator import GUID, Bench

Simulate = Callable[..., Bench]
SERVER_FRU = fru.fru_data(manufacturer="Maker", product="Server", part="P-1", serial="SN0001")
SUPPLY_FRU = fru.fru_data(manufacturer="Supplier", product="PSU 750", part="P-2", serial="SN0002")


@pytest.fixture
def rich(simulate: Simulate) -> Bench:
    return simulate(records=rich_bmc.RECORDS, commands=rich_bmc.COMMANDS, frus={0: SERVER_FRU, 1: SUPPLY_FRU})


def sensors(bench: Bench) -> dict[str, Sensor]:
    return {sensor.name: sensor for sensor in bench.bmc.sensors.read().sensors}


def parts(bench: Bench) -> dict[str, Part]:
    return {part.name: part for part in bench.bmc.inventory.read().parts}


def test_a_sensor_that_the_bmc_does_not_read_is_unknown_and_the_others_are_read(rich: Bench) -> None:
    report = rich.bmc.sensors.read()
    found = {sensor.name: sensor for sensor in report.sensors}
    for name, state in (("Off", State.DISABLED), ("Not there", State.UNKNOWN), ("ME Temp", State.UNKNOWN)):
        assert (found[name].reading, found[name].health, found[name].state) == (None, Health.UNKNOWN, state), name
    assert found["CPU1 Temp"].reading == 45.0
    assert [problem for problem in report.problems if "Not there (sensor 0x0F) can't be read" in problem]
    assert [problem for problem in report.problems if "controller 0x2C were not read" in problem]


def test_a_second_reading_is_of_now(rich: Bench) -> None:
    assert sensors(rich)["CPU1 Temp"].reading == 45.0
    rich.simulator.command("sensor_set_value 0x20 0 1 51 0")
    assert sensors(rich)["CPU1 Temp"].reading == 51.0


def test_thresholds_that_somebody_sets_are_read_after_ten_minutes(rich: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sensors(rich)["+12V"].thresholds.upper_critical == 13.2
    rich.simulator.peers().ipmitool("sensor", "thresh", "+12V", "ucr", "13.4")
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 601)
    monkeypatch.setattr("oobctl.drivers.ipmi.sensors.time", later)
    assert sensors(rich)["+12V"].thresholds.upper_critical == 13.4


def test_thresholds_are_those_that_hold_and_not_the_records(simulate: Simulate) -> None:
    bench = simulate(records=rich_bmc.RECORDS, commands=rich_bmc.COMMANDS)
    bench.simulator.peers().ipmitool("sensor", "thresh", "+12V", "ucr", "13.4")
    assert sensors(bench)["+12V"].thresholds.upper_critical == 13.4


def test_the_sensors_of_a_bmc_that_keeps_its_records_as_a_device_are_read(simulate: Simulate) -> None:
    record = r.full(1, "CPU1 Temp", number=1)
    bench = simulate(records=[record], commands=rich_bmc.COMMANDS[:4], repository=False)
    assert [(sensor.name, sensor.reading) for sensor in bench.bmc.sensors.read().sensors] == [("CPU1 Temp", 45.0)]


def test_a_damaged_record_costs_its_sensor_alone(simulate: Simulate) -> None:
    records = [rich_bmc.RECORDS[0], r.record(r.FULL, rich_bmc.RECORDS[1][5:40], number=2), rich_bmc.RECORDS[2]]
    report = simulate(records=records, commands=rich_bmc.COMMANDS).bmc.sensors.read()
    assert [sensor.name for sensor in report.sensors] == ["CPU1 Temp", "Fan1"]
    assert report.problems == ("The sensor data record 2 is too short for its type: 40 bytes, and was left out.",)


def test_a_bmc_without_any_sensor_has_none(simulate: Simulate) -> None:
    report = simulate().bmc.sensors.read()
    assert (report.sensors, report.problems) == ((), ())


# --- inventory


def test_the_inventory_has_the_frus_and_the_parts_that_sensors_show(rich: Bench) -> None:
    found = parts(rich)
    server = found["Server"]
    assert (server.kind, server.source) == (PartKind.BOARD, "FRU 0")  # the last of that name
    supply = found["PSU1"]
    assert (supply.kind, supply.manufacturer, supply.serial) == (PartKind.POWER_SUPPLY, "Supplier", "SN0002")
    assert (supply.location, supply.state, supply.health) == ("PSU1", State.ENABLED, Health.OK)
    absent = found["PSU2"]
    assert (absent.state, absent.serial, absent.health) == (State.ABSENT, None, Health.UNKNOWN)
    assert (found["DIMM_A1"].kind, found["DIMM_A1"].state) == (PartKind.MEMORY, State.ENABLED)
    assert (found["Bay 2"].health, found["Bay 3"].state) == (Health.CRITICAL, State.ABSENT)
    assert (found["CPU1"].kind, found["CPU1"].location) == (PartKind.PROCESSOR, "CPU1")
    assert (found["BMC"].kind, found["BMC"].firmware) == (PartKind.FIRMWARE, "2.11")


def test_the_system_is_named_by_its_fru_and_its_guid(rich: Bench) -> None:
    [system] = [part for part in rich.bmc.inventory.read().parts if part.kind is PartKind.SYSTEM]
    assert (system.manufacturer, system.model, system.part_number, system.serial) == (
        "Maker",
        "Server",
        "P-1",
        "SN0001",
    )
    assert system.details["UUID"] == rich.bmc.bmc.identity().system_uuid == str(GUID)  # though sent as SMBIOS has it


def test_a_fru_area_with_a_wrong_checksum_is_named_and_its_words_are_not_shown(simulate: Simulate) -> None:
    damaged = bytearray(SERVER_FRU)
    damaged[damaged.rindex(b"SN0001")] ^= 1
    bench = simulate(frus={0: bytes(damaged)})
    report = bench.bmc.inventory.read()
    assert "SN0001" not in {part.serial for part in report.parts if part.kind is PartKind.SYSTEM}
    assert [problem for problem in report.problems if "FRU 0 has a product area that has a wrong checksum" in problem]


def test_a_bmc_without_a_fru_says_so_and_the_rest_is_read(simulate: Simulate) -> None:
    bench = simulate(records=rich_bmc.RECORDS, commands=rich_bmc.COMMANDS)
    report = bench.bmc.inventory.read()
    assert {PartKind.SYSTEM, PartKind.MEMORY, PartKind.FIRMWARE} <= {part.kind for part in report.parts}
    assert [problem for problem in report.problems if "gives no FRU 0" in problem]


def test_our_fru_is_what_ipmitool_prints(rich: Bench) -> None:
    printed = rich.simulator.peers().ipmitool("fru", "print", "0")
    said = dict(line.split(":", 1) for line in printed.splitlines() if ":" in line)
    said = {key.strip(): value.strip() for key, value in said.items()}
    found = {part.kind: part for part in rich.bmc.inventory.read().parts if part.source == "FRU 0"}
    system, board, chassis = found[PartKind.SYSTEM], found[PartKind.BOARD], found[PartKind.CHASSIS]
    assert (system.manufacturer, system.model) == (said["Product Manufacturer"], said["Product Name"])
    assert (system.part_number, system.serial) == (said["Product Part Number"], said["Product Serial"])
    assert (board.manufacturer, board.model) == (said["Board Mfg"], said["Board Product"])
    assert (board.part_number, board.serial) == (said["Board Part Number"], said["Board Serial"])
    assert (chassis.part_number, chassis.serial) == (said["Chassis Part Number"], said["Chassis Serial"])
    assert chassis.details["ChassisType"] == "RackMount"


# --- health and power


def test_health_is_the_worst_of_the_sensors_and_names_each_fault(simulate: Simulate) -> None:
    healthy = [record for record in rich_bmc.RECORDS if b"Bay" not in record and b"Inlet" not in record]
    bench = simulate(records=healthy, commands=rich_bmc.COMMANDS)
    assert bench.bmc.health.read().health is Health.OK
    bench.simulator.command("sensor_set_bit 0x20 0 23 0 1 0")
    assert bench.bmc.health.read().health is Health.WARNING
    bench.simulator.command("sensor_set_value 0x20 0 3 0 0")
    found = bench.bmc.health.read()
    assert found.health is Health.CRITICAL
    because = {part.name: part.because for part in found.parts if part.health is not Health.UNKNOWN}
    assert because == {
        "DIMM_A1": "It says: Correctable ECC, Presence Detected.",
        "Fan1": "It reads 0 rpm, and its lower fatal limit is 400.",
    }


def test_a_bmc_without_sensors_has_the_health_of_its_chassis(simulate: Simulate) -> None:
    found = simulate().bmc.health.read()
    assert (found.health, found.known, found.unknown) == (Health.OK, 1, 0)


def test_without_dcmi_the_sensor_of_the_whole_server_tells_what_it_draws(rich: Bench) -> None:
    [meter] = rich.bmc.power_metering.read().meters
    assert (meter.name, meter.consumed_watts, meter.average_watts) == ("Pwr Consumption", 120.0, None)


def test_a_bmc_that_measures_no_power_lacks_it(simulate: Simulate) -> None:
    with pytest.raises(NotSupported, match="none of its sensors measures what the whole server draws"):
        simulate(records=rich_bmc.RECORDS[:3], commands=rich_bmc.COMMANDS).bmc.power_metering.read()


def test_readings_send_no_write(rich: Bench) -> None:
    bmc = rich.bmc
    bmc.sensors.read(), bmc.inventory.read(), bmc.health.read(), bmc.power_metering.read()
    bmc.event_log.read(), bmc.users.read(), bmc.security.read()
    assert rich.rows.fences == []
    assert replace(bmc.health.read(), parts=()) == replace(bmc.health.read(), parts=())
