"""Readings of services that are less than whole: other shapes, other links, other places."""

from typing import Any

import flask
import pytest

from oobctl.constants import Health, PartKind
from oobctl.drivers.redfish import walk
from oobctl.errors import BmcBusy, BmcError, BmcRefused, BmcUnreachable, NotSupported
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour, Lost
from oobctl.lab.redfish_service.trees.refusals import failure
from oobctl.lab.redfish_service.trees.state import State
from tests.integration.trees.variants import CHASSIS, DRIVES, FANS, SHELF, SUPPLIES, SYSTEM, at, bad, kinds, link, names
from tests.trees import changed, without, written

pytestmark = pytest.mark.usefixtures("sqlite")


@pytest.mark.parametrize("behaviour", ["paged-collections=1", "paged-collections=2"])
def test_a_collection_in_pages_is_read_to_its_end(behaviour: str) -> None:
    with at(written()) as (_bmc, there):
        whole, parts = names(there), kinds(there)
    with at(written(), behaviour) as (_bmc, there):
        assert names(there) == whole
        assert kinds(there) == parts


def test_pages_that_lead_in_a_circle_end() -> None:
    sensors = f"{SHELF}/Sensors"
    with at(written()) as (_bmc, there):
        whole = there.sensors.read()
    with at(changed(written(), sensors, **{"Members@odata.nextLink": f"{sensors}/"})) as (_bmc, there):
        assert there.sensors.read() == whole


def test_a_member_that_is_listed_twice_is_one() -> None:
    tree = written()
    for path in (f"{SYSTEM}/Memory", f"{SHELF}/Sensors", SUPPLIES):
        tree[path]["Members"] *= 2
    with at(written()) as (_bmc, there), at(tree, name="web02") as (_other, twice):
        assert twice.inventory.read() == there.inventory.read()
        assert twice.sensors.read() == there.sensors.read()


@pytest.mark.parametrize("members", [None, 5, "x", {}, [None], [5, [], {}], [{"@odata.id": None}]])
def test_a_collection_whose_members_are_nonsense_has_none_and_the_rest_is_read(members: Any) -> None:
    tree = changed(changed(written(), f"{SYSTEM}/Memory", Members=members), f"{SHELF}/Sensors", Members=members)
    with at(tree) as (_bmc, there):
        assert PartKind.MEMORY not in kinds(there)
        assert kinds(there)[PartKind.DRIVE] == 3
        assert "Inlet Temp" in names(there)


def test_members_that_stand_whole_in_their_collection_are_not_asked_for() -> None:
    tree = written()
    tree[FANS]["Members"] = [tree.pop(f"{FANS}/{number}") for number in (1, 2)]
    with at(tree) as (bmc, there):
        assert {"Shelf Fan 2 speed", "Shelf Fan 1 speed in percent"} <= names(there)
        assert not [request for request in bmc.requests if request.path.startswith(f"{FANS}/")]


@pytest.mark.parametrize("gone", [f"{CHASSIS}/Thermal", f"{SHELF}/Sensors/Volt12", f"{SYSTEM}/Memory", f"{DRIVES}/2"])
def test_a_link_to_nothing_is_one_problem_and_the_rest_is_read(gone: str) -> None:
    with at(written()) as (_bmc, there):
        sensors, parts = names(there), kinds(there)
    tree = written()
    del tree[gone]
    with at(tree) as (_bmc, there):
        found, inventory = there.sensors.read(), there.inventory.read()
        problems = [*found.problems, *inventory.problems]
        assert problems
        assert all(gone in problem and "404" in problem for problem in problems)
        lost = sensors - {one.name for one in found.sensors}
        assert len(lost) <= 6
        assert sum(parts.values()) - len(inventory.parts) <= 4


def test_a_drive_that_storage_and_chassis_list_is_one() -> None:
    tree = written()
    again = f"{CHASSIS}/Drives/1"
    tree[again] = {**tree[f"{DRIVES}/1"], "@odata.id": again}
    tree[f"{CHASSIS}/Drives"] = {"Members": [link(again), link(f"{DRIVES}/2")]}
    tree = changed(tree, CHASSIS, Drives=link(f"{CHASSIS}/Drives"))
    with at(tree) as (_bmc, there):
        assert kinds(there)[PartKind.DRIVE] == 3
    tree[again] |= {"SerialNumber": "EXDRV0009"}
    with at(tree) as (_bmc, there):
        assert kinds(there)[PartKind.DRIVE] == 4


def test_simple_storage_is_read_where_there_is_no_storage() -> None:
    simple = f"{SYSTEM}/SimpleStorage"
    tree = without(changed(written(), SYSTEM, SimpleStorage=link(simple)), SYSTEM, "Storage")
    device = {"Name": "Disk 0", "CapacityBytes": 10**12, "Status": {"State": "Enabled", "Health": "Critical"}}
    tree |= {
        simple: {"Members": [link(f"{simple}/1")]},
        f"{simple}/1": {"Name": "AHCI", "Devices": [device, None, "x"]},
    }
    tree = changed(tree, SYSTEM, Status={"State": "Enabled", "Health": "OK"})
    with at(tree) as (_bmc, there):
        drives = [part for part in there.inventory.read().parts if part.kind is PartKind.DRIVE]
        assert [(drive.name, drive.capacity_bytes) for drive in drives] == [("Disk 0", 10**12)]
        assert [part.name for part in bad(there)] == ["Disk 0"]


def test_the_older_list_of_controllers_is_read_where_the_newer_is_not() -> None:
    storage = f"{SYSTEM}/Storage/1"
    older = [{"MemberId": "0", "Name": "Old controller", "FirmwareVersion": "7"}]
    both = changed(written(), storage, StorageControllers=older)
    for tree, name in ((both, "Storage controller"), (without(both, storage, "Controllers"), "Old controller")):
        with at(tree) as (_bmc, there):
            found = [part for part in there.inventory.read().parts if part.kind is PartKind.STORAGE_CONTROLLER]
            assert [part.name for part in found] == [name]


def test_an_interface_on_no_adapter_is_a_part_of_its_own_and_one_that_links_to_it_is_not() -> None:
    path = f"{SYSTEM}/EthernetInterfaces/2"
    tree = changed(written(), path, MACAddress="02:00:5E:00:53:77", PermanentMACAddress=None)
    with at(tree) as (_bmc, there):
        cards = [part for part in there.inventory.read().parts if part.kind is PartKind.NETWORK_INTERFACE]
        assert [card.mac_addresses for card in cards] == [
            ("02:00:5e:00:53:01", "02:00:5e:00:53:02"),
            ("02:00:5e:00:53:77",),
        ]
    function = f"{CHASSIS}/NetworkAdapters/1/NetworkDeviceFunctions/2"
    with at(changed(tree, path, Links={"NetworkDeviceFunction": link(function)})) as (_bmc, there):
        [card] = [part for part in there.inventory.read().parts if part.kind is PartKind.NETWORK_INTERFACE]
        assert "02:00:5e:00:53:77" in card.mac_addresses


def test_fans_with_one_wrong_label_are_still_two() -> None:
    label = {"PartLocation": {"ServiceLabel": "Shelf Fan 1"}}
    with at(changed(written(), f"{FANS}/2", Location=label)) as (_bmc, there):
        assert {"Shelf Fan 2 speed", "Shelf Fan 2 speed in percent"} <= names(there)


def test_an_excerpt_leads_to_a_sensor_that_no_collection_lists() -> None:
    with at(without(written(), SHELF, "Sensors")) as (_bmc, there):
        found = {one.name: one for one in there.sensors.read().sensors}
        assert found["Shelf Inlet"].thresholds.upper_fatal == 50  # the Sensor itself was asked for
        assert found["Shelf power"].reading == 178
        assert "Shelf 12V" not in found


def test_what_a_chassis_draws_is_told_once_where_both_places_have_it() -> None:
    path = f"{CHASSIS}/EnvironmentMetrics"
    tree = changed(written(), CHASSIS, EnvironmentMetrics=link(path))
    tree[path] = {"PowerWatts": {"Reading": 313}, "PowerLimitWatts": {"SetPoint": 700}}
    with at(tree) as (_bmc, there):
        watts = {one.name: one.reading for one in there.sensors.read().sensors if one.units == "W"}
        assert watts["Chassis power"] == 313
        assert "Server power" not in watts
        meter, _shelf = there.power_metering.read().meters
        assert (meter.name, meter.consumed_watts, meter.limit_watts) == ("Server power", 312, 700)


def test_a_control_is_a_meter_unless_it_is_the_limit_that_is_told_already() -> None:
    controls = f"{SHELF}/Controls"
    tree = changed(written(), SHELF, Controls=link(controls))
    limit = {"SetPoint": 900, "DataSourceUri": f"{controls}/Shelf"}
    tree = changed(tree, f"{SHELF}/EnvironmentMetrics", PowerLimitWatts=limit)
    tree[controls] = {"Members": [link(f"{controls}/{name}") for name in ("Shelf", "Cpu", "Fan", "Off")]}
    for name, kind, mode in (("Shelf", "Power", "Automatic"), ("Cpu", "Power", None), ("Fan", "Percent", None)):
        tree[f"{controls}/{name}"] = {"Id": name, "ControlType": kind, "ControlMode": mode, "SetPoint": 300}
    tree[f"{controls}/Off"] = {"Id": "Off", "ControlType": "Power", "ControlMode": "Disabled", "SetPoint": 300}
    with at(tree) as (_bmc, there):
        meters = there.power_metering.read().meters
        assert [(one.name, one.limit_watts) for one in meters] == [("Server power", None), ("Shelf", 900), ("Cpu", 300)]


def test_a_service_without_places_for_sensors_says_so() -> None:
    tree = without(written(), CHASSIS, "Thermal", "Power")
    tree = without(tree, SHELF, "Sensors", "ThermalSubsystem", "PowerSubsystem", "EnvironmentMetrics")
    with at(tree) as (_bmc, there):
        with pytest.raises(NotSupported, match="has no sensors"):
            there.sensors.read()
        with pytest.raises(NotSupported, match="does not tell what the server draws"):
            there.power_metering.read()
        assert there.health.read().health is Health.OK


def test_a_system_that_cannot_be_read_is_no_empty_report() -> None:
    with at(written()) as (bmc, there):
        there.power.read()
        bmc.state.resources.remove(SYSTEM)
        for capability in (there.sensors, there.inventory, there.health, there.power_metering):
            with pytest.raises((BmcRefused, NotSupported), match="404"):
                capability.read()


def test_more_resources_than_a_server_has_are_left_out_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MOST_RESOURCES", 20)
    with at(written()) as (bmc, there):
        before = len(bmc.requests)
        report = there.inventory.read()
        assert report.problems == ("The BMC has more than 20 resources to read; the rest was left out.",)
        assert len(bmc.requests) - before <= 20 + 4  # and the login
        assert report.parts


class Busy(Behaviour):
    """The service is too busy for these resources."""

    name = "busy-for"

    def __init__(self, *paths: str) -> None:
        super().__init__()
        self.paths = paths

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        return failure(503, "ServiceTemporarilyUnavailable", "Busy.", "30") if asked.path in self.paths else None


class Closes(Busy):
    """In place of these resources the service closes the connection."""

    name = "closes-for"

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.path in self.paths:
            raise Lost
        return None


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("fails", "error"), [(Busy, BmcBusy), (Closes, BmcUnreachable)])
def test_a_bmc_that_fails_at_a_resource_or_two_is_read_and_one_that_does_at_more_is_not(
    fails: type[Busy], error: type[BmcError], count: int
) -> None:
    with at(written()) as (bmc, there):
        there.power.read()
        failing = [f"{SHELF}/Sensors/{name}" for name in ("Volt12", "Power", "Outlet")][:count]
        bmc.server.service.behaviours = [*bmc.server.service.behaviours, fails(*failing)]
        if count == 3:
            with pytest.raises(error):
                there.sensors.read()
        else:
            report = there.sensors.read()
            assert (len(report.problems), len(report.sensors) > count) == (count, True)
            assert all(any(path in problem for problem in report.problems) for path in failing)
        bmc.server.service.behaviours = [fails(SYSTEM)]
        with pytest.raises(error):  # without the system nothing is known
            there.sensors.read()
