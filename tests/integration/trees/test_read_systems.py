"""Readings of a BMC that serves several systems: each has its own chassis, controllers and firmware."""

from typing import Any

import pytest

from oobctl.constants import Health, PartKind
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import ConfigurationError
from tests.integration.trees.variants import CHASSIS, SHELF, SYSTEM, at, link, names
from tests.trees import changed, with_another, written

pytestmark = pytest.mark.usefixtures("sqlite")


def two_systems() -> dict[str, Any]:
    """Another system with a chassis and a controller of its own; the shelf is named by the first alone."""
    tree = with_another(written(), SYSTEM, "2", SerialNumber="EXSYS0002", UUID="7b0c1d9e-0000-4000-8000-000000005002")
    tree = with_another(tree, CHASSIS, "2", Name="Chassis 2", SerialNumber="EXCHS0009")
    tree = with_another(tree, "/redfish/v1/Managers/1", "2", Name="Manager 2")
    first, second = f"{SYSTEM[:-1]}1", f"{SYSTEM[:-1]}2"
    tree = changed(tree, f"{CHASSIS[:-1]}2", Links={"ComputerSystems": [link(second)]})
    return changed(
        changed(tree, first, Links={"Chassis": [link(CHASSIS)], "ManagedBy": [link("/redfish/v1/Managers/1")]}),
        second,
        Links={"Chassis": [link(f"{CHASSIS[:-1]}2")], "ManagedBy": [link("/redfish/v1/Managers/2")]},
    )


def found_in(there: ConnectedBmc, kind: PartKind) -> list[str]:
    return [part.name for part in there.inventory.read().parts if part.kind is kind]


def test_of_several_systems_each_has_the_chassis_that_links_say() -> None:
    tree = two_systems()
    with at(tree, system_path=SYSTEM) as (_bmc, there):
        assert found_in(there, PartKind.CHASSIS) == ["Chassis", "Shelf"]  # the shelf names it
        assert found_in(there, PartKind.OTHER) == ["Manager"]
        assert "Shelf Inlet" in names(there)
    with at(tree, system_path=f"{SYSTEM[:-1]}2") as (bmc, there):
        assert found_in(there, PartKind.CHASSIS) == ["Chassis 2"]
        assert found_in(there, PartKind.OTHER) == ["Manager 2"]
        assert "Shelf Inlet" not in names(there)
        assert [meter.name for meter in there.power_metering.read().meters] == ["Server power"]
        assert there.health.read().health is Health.OK
        assert not [request for request in bmc.requests if request.path.startswith(f"{SHELF}/")]


def test_a_chassis_that_names_no_system_is_of_those_whose_chassis_it_contains_or_is_in() -> None:
    tree = changed(two_systems(), SHELF, Links={"Contains": [link(CHASSIS)], "ContainedBy": None})
    with at(tree, system_path=SYSTEM) as (_bmc, there):
        assert found_in(there, PartKind.CHASSIS) == ["Chassis", "Shelf"]
    with at(tree, system_path=f"{SYSTEM[:-1]}2") as (_bmc, there):
        assert found_in(there, PartKind.CHASSIS) == ["Chassis 2"]
    second = f"{CHASSIS[:-1]}2"
    tree[second]["Links"]["ContainedBy"] = link(SHELF)
    with at(tree, system_path=f"{SYSTEM[:-1]}2") as (_bmc, there):
        assert sorted(found_in(there, PartKind.CHASSIS)) == ["Chassis 2", "Shelf"]


def test_firmware_that_relates_to_another_system_is_not_told() -> None:
    tree = changed(
        two_systems(),
        "/redfish/v1/UpdateService/FirmwareInventory/BIOS",
        RelatedItem=[link(f"{SYSTEM[:-1]}2/Bios")],
    )
    with at(tree, system_path=SYSTEM) as (_bmc, there):
        assert found_in(there, PartKind.FIRMWARE) == ["BMC firmware"]
    with at(tree, system_path=f"{SYSTEM[:-1]}2") as (_bmc, there):
        assert found_in(there, PartKind.FIRMWARE) == ["BMC firmware", "BIOS"]


def test_of_several_systems_one_must_be_named() -> None:
    with at(two_systems()) as (_bmc, there), pytest.raises(ConfigurationError, match="has 2 systems"):
        there.sensors.read()
