"""Readings over Redfish of the rack's servers: values are the rack's own, and a fault that is injected is named."""

import pytest

from oobctl.constants import Health, PartKind, Protocol, ReadingType
from oobctl.lab import faults
from oobctl.lab import rack as lab
from tests.integration.drivers.rows import Rows


def test_a_fault_that_is_injected_is_named_and_one_that_is_mended_is_not(rows: Rows) -> None:
    bmc = rows.connect(rows.enrol("db01", protocols=(Protocol.REDFISH,)))
    found = {}
    for fault in (faults.PSU_FAILED, faults.FAN_FAILED, faults.OVER_TEMPERATURE):
        assert bmc.health.read().health is Health.OK, fault
        lab.inject(rows.rack.home, "db01", fault)
        report = bmc.health.read()
        assert report.health is Health.CRITICAL
        found[fault] = [(part.kind, part.name) for part in report.parts if part.health is Health.CRITICAL]
        lab.clear(rows.rack.home, "db01")
    bmc.close()
    assert found == {
        faults.PSU_FAILED: [(PartKind.POWER_SUPPLY, "PSU1")],
        faults.FAN_FAILED: [(PartKind.FAN, "Fan1")],
        faults.OVER_TEMPERATURE: [(PartKind.OTHER, "Inlet Temp")],
    }


@pytest.mark.parametrize("name", ["db01", "app01"])
def test_sensors_parts_and_watts_are_those_of_the_rack(rows: Rows, name: str) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(Protocol.REDFISH,)))
    sensors = {(one.name, one.reading_type): one for one in bmc.sensors.read().sensors}
    inlet = sensors["Inlet Temp", ReadingType.TEMPERATURE]
    assert (inlet.reading, inlet.units, inlet.health) == (faults.HEALTHY_INLET_CELSIUS, "Cel", Health.OK)
    lab.inject(rows.rack.home, name, faults.OVER_TEMPERATURE)
    hot = {one.name: one for one in bmc.sensors.read().sensors}["Inlet Temp"]
    assert (hot.reading, hot.health) == (faults.FAILED_INLET_CELSIUS, Health.CRITICAL)
    [meter] = bmc.power_metering.read().meters
    assert meter.consumed_watts is not None
    assert meter.consumed_watts > 0
    parts = bmc.inventory.read().parts
    bmc.close()
    assert {part.serial for part in parts if part.kind is PartKind.SYSTEM} == {
        rows.rack.servers[name].identity["serial"]
    }
    assert sum(part.kind is PartKind.POWER_SUPPLY for part in parts) == 2
