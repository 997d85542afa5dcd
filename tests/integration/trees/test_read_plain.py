"""What is read of the tree written by hand, exactly: sensors, parts, health and power."""

from oobctl.constants import Health, PartKind, ReadingType, State
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.readings import Part, PowerMeter, Sensor, Thresholds
from tests.trees import Served

CHASSIS, SHELF = "/redfish/v1/Chassis/1", "/redfish/v1/Chassis/Shelf"
OK, UNKNOWN = Health.OK, Health.UNKNOWN
ON, ABSENT = State.ENABLED, State.ABSENT
TEMPERATURE, VOLTAGE, POWER = ReadingType.TEMPERATURE, ReadingType.VOLTAGE, ReadingType.POWER
RPM, PERCENT = ReadingType.ROTATIONAL, ReadingType.PERCENT


def test_every_sensor_is_told_once_with_its_value_unit_thresholds_and_state(there: ConnectedBmc) -> None:
    report = there.sensors.read()
    assert report.problems == ()
    found = {(one.name, one.reading_type): (one.reading, one.units, one.health, one.state) for one in report.sensors}
    assert found == {
        ("Shelf Inlet", TEMPERATURE): (24.5, "Cel", OK, ON),
        ("Shelf Fan 1 speed", RPM): (2200, "RPM", OK, ON),
        ("Shelf power", POWER): (178, "W", OK, ON),
        ("Shelf 12V", VOLTAGE): (11.98, "V", OK, ON),
        ("Shelf outlet", TEMPERATURE): (None, "Cel", UNKNOWN, State.UNAVAILABLE_OFFLINE),
        ("Shelf Fan 1 speed in percent", PERCENT): (45, "%", OK, ON),
        ("Shelf Fan 2 speed in percent", PERCENT): (44, "%", OK, ON),
        ("Shelf Fan 2 speed", RPM): (2180, "RPM", OK, ON),
        ("Shelf PSU 1 input voltage", VOLTAGE): (230.4, "V", OK, ON),
        ("Shelf PSU 1 input power", POWER): (88, "W", OK, ON),
        ("Shelf PSU 1 output power", POWER): (80, "W", OK, ON),
        ("Shelf PSU 2 input voltage", VOLTAGE): (230.4, "V", OK, ON),
        ("Shelf PSU 2 input power", POWER): (90, "W", OK, ON),
        ("Shelf PSU 2 output power", POWER): (80, "W", OK, ON),
        ("Inlet Temp", TEMPERATURE): (23, "Cel", OK, ON),
        ("CPU1 Temp", TEMPERATURE): (51.5, "Cel", OK, ON),
        ("GPU Temp", TEMPERATURE): (None, "Cel", UNKNOWN, ABSENT),
        ("Fan 1", RPM): (6100, "RPM", OK, ON),
        ("Fan 2", RPM): (6050, "RPM", OK, ON),
        ("Fan 3", PERCENT): (41, "%", OK, ON),
        ("+12V", VOLTAGE): (12.05, "V", OK, ON),
        ("Battery", VOLTAGE): (3.02, "V", OK, ON),
        ("PSU 1 input voltage", VOLTAGE): (231, "V", OK, ON),
        ("PSU 1 input power", POWER): (160, "W", OK, ON),
        ("PSU 2 input voltage", VOLTAGE): (231, "V", OK, ON),
        ("PSU 2 input power", POWER): (152, "W", OK, ON),
        ("Server power", POWER): (312, "W", OK, ON),
    }
    assert len(report.sensors) == len(found)
    assert len({one.source for one in report.sensors}) == len(found)


def test_a_sensor_is_told_whole_from_the_newer_and_from_the_older_place(there: ConnectedBmc) -> None:
    found = {one.name: one for one in there.sensors.read().sensors}
    assert found["Shelf Inlet"] == Sensor(
        name="Shelf Inlet",
        reading_type=TEMPERATURE,
        reading=24.5,
        units="Cel",
        health=OK,
        state=ON,
        source=f"{SHELF}/Sensors/InletTemp",
        thresholds=Thresholds(lower_critical=0, upper_caution=40, upper_critical=45, upper_fatal=50),
        context="Intake",
    )
    assert found["CPU1 Temp"] == Sensor(
        name="CPU1 Temp",
        reading_type=TEMPERATURE,
        reading=51.5,
        units="Cel",
        health=OK,
        state=ON,
        source=f"{CHASSIS}/Thermal#/Temperatures/1",
        thresholds=Thresholds(upper_caution=90, upper_critical=95, upper_fatal=100),
        context="CPU",
    )


def test_every_part_is_told_once_with_its_place_and_serial_number(there: ConnectedBmc) -> None:
    report = there.inventory.read()
    assert report.problems == ()
    assert [(part.kind, part.name, part.location, part.serial) for part in report.parts] == [
        (PartKind.SYSTEM, "System", None, "EXSYS0001"),
        (PartKind.CHASSIS, "Chassis", None, "EXCHS0001"),
        (PartKind.CHASSIS, "Shelf", None, "EXCHS0002"),
        (PartKind.OTHER, "Manager", None, "EXBMC0001"),
        (PartKind.PROCESSOR, "CPU1", "CPU 1", "EXCPU0001"),
        (PartKind.PROCESSOR, "CPU2", "CPU 2", "EXCPU0002"),
        (PartKind.MEMORY, "A1", "DIMM A1", "EXMEM0001"),
        (PartKind.MEMORY, "A2", "DIMM A2", "EXMEM0002"),
        (PartKind.MEMORY, "B1", "DIMM B1", "EXMEM0003"),
        (PartKind.MEMORY, "B2", "DIMM B2", None),
        (PartKind.STORAGE_CONTROLLER, "Storage controller", None, "EXCTL0001"),
        (PartKind.DRIVE, "Drive 1", "Bay 1", "EXDRV0001"),
        (PartKind.DRIVE, "Drive 2", "Bay 2", "EXDRV0002"),
        (PartKind.DRIVE, "Drive 3", "Bay 3", "EXDRV0003"),
        (PartKind.NETWORK_INTERFACE, "Network adapter 1", None, "EXNIC0001"),
        (PartKind.POWER_SUPPLY, "PSU 1", None, "EXPSU0001"),
        (PartKind.POWER_SUPPLY, "PSU 2", None, "EXPSU0002"),
        (PartKind.FAN, "Fan 1", None, None),
        (PartKind.FAN, "Fan 2", None, None),
        (PartKind.FAN, "Fan 3", None, None),
        (PartKind.POWER_SUPPLY, "Shelf PSU 1", "Shelf PSU 1", "EXPSU0011"),
        (PartKind.POWER_SUPPLY, "Shelf PSU 2", "Shelf PSU 2", "EXPSU0012"),
        (PartKind.FAN, "Shelf Fan 1", "Shelf Fan 1", "EXFAN0001"),
        (PartKind.FAN, "Shelf Fan 2", "Shelf Fan 2", "EXFAN0002"),
        (PartKind.FIRMWARE, "BMC firmware", None, None),
        (PartKind.FIRMWARE, "BIOS", None, None),
    ]


def test_parts_are_told_whole(there: ConnectedBmc) -> None:
    found = {part.source: part for part in there.inventory.read().parts}
    assert found["/redfish/v1/Systems/1/Storage/1/Drives/3"] == Part(
        kind=PartKind.DRIVE,
        name="Drive 3",
        source="/redfish/v1/Systems/1/Storage/1/Drives/3",
        location="Bay 3",
        manufacturer="Examplia",
        model="EX-HDD-4T",
        part_number="EX-D960",
        serial="EXDRV0003",
        firmware="1.2",
        capacity_bytes=4000787030016,
        state=ON,
        health=OK,
        details={"MediaType": "HDD", "Protocol": "SAS", "FailurePredicted": False},
    )
    empty = found["/redfish/v1/Systems/1/Memory/B2"]
    assert (empty.state, empty.health, empty.capacity_bytes) == (ABSENT, UNKNOWN, None)
    assert found["/redfish/v1/Systems/1/Memory/A1"].capacity_bytes == 32 * 2**30
    card = found[f"{CHASSIS}/NetworkAdapters/1"]
    assert card.mac_addresses == ("02:00:5e:00:53:01", "02:00:5e:00:53:02")
    assert (card.firmware, card.model) == ("22.31.6", "EX-N25")
    assert card.details == {"Port 1": "LinkUp, 25000 Mbps", "Port 2": "LinkDown, 25000 Mbps"}
    assert found["/redfish/v1/Systems/1"].firmware == "2.4.1"  # the BIOS
    assert found["/redfish/v1/Managers/1"].firmware == "3.14.1"
    assert found["/redfish/v1/UpdateService/FirmwareInventory/BMC"].firmware == "3.14.1"


def test_a_healthy_server_is_ok_and_says_of_how_many_parts_it_knows(bmc: Served, there: ConnectedBmc) -> None:
    report = there.health.read()
    assert (report.health, report.parts, report.unknown, report.problems) == (OK, (), 0, ())
    # system, 2 chassis, controller, 3 fans, 2 supplies, 2 redundancies; the shelf: 2 + 2 + 2; all CPUs, all memory
    assert report.known == 1 + 2 + 1 + 3 + 2 + 2 + 6 + 2
    asked = {request.path for request in bmc.asked("GET")}
    assert not [path for path in asked if "/Memory" in path or "/Processors" in path or "/Drives" in path]


def test_each_meter_is_told_with_its_statistics_and_limit(there: ConnectedBmc) -> None:
    report = there.power_metering.read()
    assert report.problems == ()
    assert report.meters == (
        PowerMeter("Server power", 312, 305, 240, 480, 3600, 1600, None),
        PowerMeter("Shelf", 178, capacity_watts=1600, limit_watts=900),
    )
