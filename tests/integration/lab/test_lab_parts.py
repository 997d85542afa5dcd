"""The Redfish service's parts, sensors and firmware: each link answers, and a fault shows wherever it belongs."""

from typing import Any

import pytest

from oobctl.lab import rack
from tests.integration.lab.lab_clients import SYSTEM, Server

CHASSIS = "/redfish/v1/Chassis/1"
BMC = "/redfish/v1/Managers/1"


def get(server: Server, path: str) -> dict[str, Any]:
    with server.redfish() as client:
        answer = client.get(path)
    assert answer.status_code == 200, path
    found: dict[str, Any] = answer.json()
    return found


def _links(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["@odata.id"].partition("#")[0]} if isinstance(value.get("@odata.id"), str) else set()
        return own.union(*(_links(inside) for inside in value.values()))
    return set().union(*(_links(inside) for inside in value)) if isinstance(value, list) else set()


def test_every_link_of_the_service_answers(app01: Server) -> None:
    seen: set[str] = set()
    waiting = {"/redfish/v1/"}
    with app01.redfish() as client:
        while waiting:
            path = waiting.pop()
            seen.add(path)
            answer = client.get(path)
            assert answer.status_code == 200, path
            waiting |= _links(answer.json()) - seen
    assert {f"{SYSTEM}/Memory/2", f"{CHASSIS}/Sensors/InletTemp", f"{BMC}/HostInterfaces/1"} <= seen


def test_the_parts_have_what_an_inventory_asks_for(db01: Server) -> None:
    memory = get(db01, f"{SYSTEM}/Memory/1")
    assert (memory["DeviceLocator"], memory["CapacityMiB"], memory["SerialNumber"]) == ("DIMM_A1", 256, "DIMM-db01-A1")
    assert get(db01, f"{SYSTEM}/Processors/CPU1")["TotalCores"] == 1
    card = get(db01, get(db01, f"{SYSTEM}/EthernetInterfaces")["Members"][0]["@odata.id"])
    assert card["MACAddress"] == db01.lab.identity["nic_mac"]
    assert get(db01, f"{CHASSIS}/PowerSubsystem/PowerSupplies/1")["SerialNumber"] == "PSU-db01-1"
    versions = {
        member["@odata.id"].rpartition("/")[2]: get(db01, member["@odata.id"])["Version"]
        for member in get(db01, "/redfish/v1/UpdateService/FirmwareInventory")["Members"]
    }
    assert set(versions) == {"BMC", "BIOS", "NIC.1"}
    assert versions["BIOS"] == db01.system()["BiosVersion"]
    assert versions["BMC"] == get(db01, BMC)["FirmwareVersion"]


def test_bit_errors_show_in_the_memory_module_and_in_every_roll_up(db01: Server) -> None:
    rack.inject(db01.home, "db01", "dimm-ecc")
    assert get(db01, f"{SYSTEM}/Memory/1")["Status"]["Health"] == "Warning"
    assert get(db01, f"{SYSTEM}/Memory/2")["Status"]["Health"] == "OK"
    system = db01.system()
    assert (system["MemorySummary"]["Status"]["Health"], system["Status"]["Health"]) == ("Warning", "Warning")
    rack.clear(db01.home, "db01")
    assert db01.system()["Status"]["Health"] == "OK"


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ("psu-failed", "PowerSubsystem/PowerSupplies/1"),
        ("fan-failed", "ThermalSubsystem/Fans/1"),
        ("over-temperature", "Sensors/InletTemp"),
    ],
)
def test_the_newer_resources_show_a_fault_like_the_older_ones(db01: Server, fault: str, path: str) -> None:
    assert get(db01, f"{CHASSIS}/{path}")["Status"]["Health"] == "OK"
    rack.inject(db01.home, "db01", fault)
    assert get(db01, f"{CHASSIS}/{path}")["Status"]["Health"] == "Critical"


def test_older_and_newer_resources_tell_the_same_numbers(app01: Server) -> None:
    rack.inject(app01.home, "app01", "psu-failed")
    power, thermal = get(app01, f"{CHASSIS}/Power"), get(app01, f"{CHASSIS}/Thermal")
    sensors = {
        sensor["Name"]: sensor
        for member in get(app01, f"{CHASSIS}/Sensors")["Members"]
        for sensor in [get(app01, member["@odata.id"])]
    }
    for old in thermal["Temperatures"]:
        new = sensors[old["Name"]]
        assert old["ReadingCelsius"] == new["Reading"]
        if new["Reading"] is not None:
            assert old["UpperThresholdCritical"] == new["Thresholds"]["UpperCritical"]["Reading"]
    assert power["PowerControl"][0]["PowerConsumedWatts"] == sensors["System Input Power"]["Reading"]
    assert power["PowerSupplies"][1]["PowerInputWatts"] == sensors["PSU2 Input Power"]["Reading"]
    lost = get(app01, f"{CHASSIS}/PowerSubsystem")["PowerSupplyRedundancy"][0]["Status"]["Health"]
    assert (lost, power["Redundancy"][0]["Status"]["Health"]) == ("Warning", "Warning")


def test_a_sensor_of_an_empty_slot_reads_as_null(db01: Server) -> None:
    sensor = get(db01, f"{CHASSIS}/Sensors/DimmB2Temp")
    assert (sensor["Reading"], sensor["Status"]) == (None, {"State": "Absent"})


def test_an_open_chassis_shows_over_both_protocols(app01: Server) -> None:
    rack.inject(app01.home, "app01", "intrusion")
    assert get(app01, CHASSIS)["PhysicalSecurity"]["IntrusionSensor"] == "HardwareIntrusion"
    assert "General Chassis intrusion" in app01.ipmi("sdr", "elist").stdout
    rack.clear(app01.home, "app01")
    assert get(app01, CHASSIS)["PhysicalSecurity"]["IntrusionSensor"] == "Normal"


def test_the_network_protocols_are_those_that_listen(app01: Server, db01: Server) -> None:
    protocols = get(app01, f"{BMC}/NetworkProtocol")
    assert app01.lab.ipmi is not None
    assert protocols["IPMI"] == {"ProtocolEnabled": True, "Port": app01.lab.ipmi.port}
    assert protocols["KVMIP"]["Port"] == app01.lab.vnc.port
    assert get(db01, f"{BMC}/NetworkProtocol")["IPMI"]["ProtocolEnabled"] is False


def test_the_host_interface_can_be_switched_off(db01: Server) -> None:
    path = f"{BMC}/HostInterfaces/1"
    with db01.redfish() as client:
        assert client.patch(path, json={"InterfaceEnabled": "no"}).status_code == 400
        assert client.patch(path, json={"InterfaceEnabled": False}).status_code == 204
        assert client.get(path).json()["InterfaceEnabled"] is False
        client.patch(path, json={"InterfaceEnabled": True})
        assert client.get(path).json()["InterfaceEnabled"] is True
