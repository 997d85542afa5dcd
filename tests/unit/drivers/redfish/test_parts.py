"""Parts out of Redfish resources."""

from typing import Any

import pytest
from hypothesis import given

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.readings import as_json
from oobctl.drivers.redfish import network, parts
from tests.unit.drivers.redfish.shapes import anything, resources

DECODERS = [
    parts.system,
    parts.chassis,
    parts.bmc,
    parts.processor,
    parts.memory,
    parts.drive,
    parts.storage_controller,
    parts.power_supply,
    parts.fan,
    parts.firmware,
]


def test_a_memory_module_has_its_slot_size_and_what_it_is() -> None:
    found = parts.memory(
        {
            "Name": "DIMM",
            "DeviceLocator": "DIMM A1",
            "CapacityMiB": 32768,
            "Manufacturer": "Maker ",
            "PartNumber": "M-32",
            "SerialNumber": "S1",
            "MemoryDeviceType": "DDR5",
            "OperatingSpeedMhz": 4800,
            "Status": {"State": "Enabled", "Health": "OK"},
        },
        "/m/1",
    )
    assert (found.location, found.capacity_bytes, found.manufacturer) == ("DIMM A1", 32768 * 1024 * 1024, "Maker")
    assert (found.part_number, found.serial, found.health) == ("M-32", "S1", Health.OK)
    assert found.details == {"MemoryDeviceType": "DDR5", "OperatingSpeedMhz": 4800}


def test_an_empty_slot_is_told_and_an_absent_part_without_a_place_is_not() -> None:
    absent = {"Status": {"State": "Absent", "Health": "OK"}, "CapacityMiB": 0}
    slot = parts.memory({**absent, "DeviceLocator": "DIMM B2"}, "/m/2")
    assert (slot.state, slot.health, slot.capacity_bytes) == (State.ABSENT, Health.UNKNOWN, None)
    assert parts.is_there(slot)
    assert not parts.is_there(parts.memory(absent, "/m/3"))
    assert not parts.is_there(parts.fan({"Name": "FAN1", **absent}, "/f/1"))


def test_modules_in_a_chassis_are_boards() -> None:
    kinds = [parts.chassis({"ChassisType": kind}, "/c/1").kind for kind in ("RackMount", "Component", None, 5)]
    assert kinds == [PartKind.CHASSIS, PartKind.BOARD, PartKind.CHASSIS, PartKind.CHASSIS]


def test_firmware_that_is_only_called_inventory_is_called_by_its_id() -> None:
    same = {"Name": "Software Inventory", "Version": "1.2"}
    found = [parts.firmware({**same, "Id": name}, f"/f/{name}") for name in ("FW_BMC_0", "FW_CPLD_0")]
    assert [(part.name, part.firmware) for part in found] == [("FW_BMC_0", "1.2"), ("FW_CPLD_0", "1.2")]
    assert parts.firmware({"Name": "BIOS", "Id": "7"}, "/f/7").name == "BIOS"


def test_a_socket_or_slot_label_goes_before_a_location() -> None:
    place = {"Location": {"PartLocation": {"ServiceLabel": "CPU 1"}}}
    assert parts.processor({**place, "Socket": "CPU1"}, "/p/1").location == "CPU1"
    assert parts.processor(place, "/p/1").location == "CPU 1"


@pytest.mark.parametrize(
    ("said", "macs"),
    [
        ("02-00-5E-00-53-01", ["02:00:5e:00:53:01"]),
        (["02:00:5e:00:53:01", "02:00:5E:00:53:01", "88e9:a4ff:ff00:1111", None, 7], ["02:00:5e:00:53:01"]),
        ("00:00:00:00:00:00", []),
        ({"x": 1}, []),
        (None, []),
    ],
)
def test_addresses_are_told_once_and_what_is_no_mac_address_is_not(said: Any, macs: list[str]) -> None:
    assert network.macs_of({"MACAddress": said}, "MACAddress") == macs


@given(resources, anything)
def test_whatever_stands_in_a_resource_a_part_is_told(resource: dict[str, Any], value: Any) -> None:
    resource = {**resource, "Controllers": value, "Status": value}
    found = [decode(resource, "/redfish/v1/x") for decode in DECODERS]
    found.append(parts.adapter(resource, "/a", tuple(network.macs_of(resource, "MACAddress")), {}))
    found.append(parts.interface(resource, "/e", ()))
    for part in found:
        assert part.name
        assert part.capacity_bytes is None or part.capacity_bytes > 0
        assert as_json(part)["kind"] == part.kind
        texts = [part.name, part.location, part.manufacturer, part.model, part.part_number, part.serial, part.firmware]
        assert all(text is None or text.isprintable() for text in texts)
