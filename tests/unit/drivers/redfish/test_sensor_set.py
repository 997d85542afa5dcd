"""The same sensor in several places is one sensor."""

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers.readings import Sensor
from oobctl.drivers.redfish.sensor_set import SensorSet


def sensor(name: str, source: str, reading: float = 1, kind: ReadingType = ReadingType.TEMPERATURE) -> Sensor:
    return Sensor(name, kind, reading, None, Health.OK, State.ENABLED, source)


def names(found: SensorSet) -> list[tuple[str, float | None]]:
    return [(item.name, item.reading) for item in found.all()]


def test_an_older_entry_of_a_newer_sensors_name_is_left_out() -> None:
    found = SensorSet()
    found.add(sensor("CPU1 Temp", "/s/1", 50), "/c/1", ["CPU1 Temp"])
    found.add_older(sensor("CPU1 Temp", "/t#/0", 49), "/c/1", ["CPU1 Temp"])
    found.add_older(sensor("CPU2 Temp", "/t#/1", 48), "/c/1", ["CPU2 Temp"])
    assert names(found) == [("CPU1 Temp", 50), ("CPU2 Temp", 48)]


def test_older_entries_of_one_name_are_several_sensors() -> None:
    found = SensorSet()
    found.add(sensor("Card", "/s/1", 50), "/c/1", ["Card"])
    for place, reading in enumerate((51, 52, 53)):
        found.add_older(sensor("Card", f"/t#/{place}", reading), "/c/1", ["Card"])
    assert names(found) == [("Card", 50), ("Card", 52), ("Card", 53)]  # the first of them is the newer one


def test_equal_names_take_what_is_theirs_before_names_that_are_merely_alike() -> None:
    found = SensorSet()
    found.add(sensor("Temp 1-1", "/s/1"), "/c/1", ["Temp 1-1"])
    found.add(sensor("Temp 11", "/s/2"), "/c/1", ["Temp 11"])
    found.add_older(sensor("Temp_11", "/t#/0"), "/c/1", ["Temp_11"])
    found.add_older(sensor("Temp 1-1", "/t#/1"), "/c/1", ["Temp 1-1"])
    assert len(found.all()) == 2


def test_other_chassis_and_other_kinds_are_other_sensors() -> None:
    found = SensorSet()
    found.add(sensor("Fan 1", "/s/1", kind=ReadingType.ROTATIONAL), "/c/1", ["Fan 1"])
    found.add_older(sensor("Fan 1", "/t#/0", kind=ReadingType.PERCENT), "/c/1", ["Fan 1"])
    found.add_older(sensor("Fan 1", "/u#/0", kind=ReadingType.ROTATIONAL), "/c/2", ["Fan 1"])
    assert len(found.all()) == 3


def test_a_bare_number_is_no_name() -> None:
    found = SensorSet()
    found.add(sensor("Inlet", "/s/1"), "/c/1", ["Inlet", "1"])
    found.add_older(sensor("Outlet", "/t#/0"), "/c/1", ["Outlet", "1"])
    assert len(found.all()) == 2


def test_an_excerpt_of_a_sensor_that_is_in_is_left_out_and_names_it() -> None:
    found = SensorSet()
    found.add(sensor("InputPowerSensor", "/s/9", 300, ReadingType.POWER), "/c/1", ["InputPowerSensor"])
    found.add_excerpt(sensor("PSU 1 input", "/m#/x", 301, ReadingType.POWER), "/c/1", ["SER1 input power"], "/s/9/")
    found.add_older(sensor("PSU 1 input", "/p#/0", 302, ReadingType.POWER), "/c/1", ["SER1 input power"])
    assert names(found) == [("InputPowerSensor", 300)]


def test_two_excerpts_of_one_source_that_is_not_there_are_one_sensor() -> None:
    found = SensorSet()
    for place in ("a", "b"):
        found.add_excerpt(sensor(place, f"/m#/{place}"), "/c/1", [place], "/s/gone")
    assert names(found) == [("a", 1)]


def test_an_older_entry_that_an_excerpt_was_taken_from_is_told_instead_of_it() -> None:
    found = SensorSet()
    found.add_excerpt(sensor("Intake", "/m#/x"), "/c/1", ["Intake"], "/t#Temperatures/0")
    found.add_older(sensor("Inlet Temp", "/t#/Temperatures/0"), "/c/1", ["Inlet Temp"])
    assert names(found) == [("Inlet Temp", 1)]


def test_a_sensor_that_two_chassis_list_is_one() -> None:
    found = SensorSet()
    found.add(sensor("Inlet", "/s/1"), "/c/1", ["Inlet"])
    found.add(sensor("Inlet", "/s/1/"), "/c/2", ["Inlet"])
    assert len(found.all()) == 1
