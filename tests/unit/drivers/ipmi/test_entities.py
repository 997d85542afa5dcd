"""Which sensors make a part: one entity is one part, and several status sensors of one entity are several."""

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.ipmi.entities import EntityPart, parts_of
from oobctl.drivers.ipmi.sdr import SensorRecord, decode
from oobctl.drivers.ipmi.sensor_reading import NOT_THERE, Reading, sensor
from oobctl.drivers.readings import Sensor, Thresholds
from tests import sdr_records as r


def shown(*records: tuple[bytes, int | None]) -> list[EntityPart]:
    """The parts of sensors with their states; None: the sensor is not there."""
    items: list[tuple[SensorRecord, Sensor]] = []
    for data, states in records:
        [record] = decode(data)
        assert isinstance(record, SensorRecord)
        reading = NOT_THERE if states is None else Reading(40, states, State.ENABLED)
        value = 40.0 if record.analog and states is not None else None
        items.append((record, sensor(record, reading, value, Thresholds())))
    return parts_of(items)


def dimm(number: int, name: str, entity: tuple[int, int] = (32, 1)) -> bytes:
    return r.compact(number, name, sensor_type=0x0C, entity=entity)


def facts(parts: list[EntityPart]) -> list[tuple[PartKind, str, State, Health]]:
    return [(part.kind, part.label, part.state, part.health) for part in parts]


def test_all_sensors_of_an_entity_tell_of_one_part_that_its_status_names() -> None:
    temperature = r.full(2, "PSU1 Temp", entity=(10, 1), readable=0x10, compared=(0, 2))
    parts = shown((r.compact(1, "PSU1 Status"), 0x01), (temperature, 0x10))
    assert facts(parts) == [(PartKind.POWER_SUPPLY, "PSU1", State.ENABLED, Health.CRITICAL)]


def test_modules_that_a_maker_puts_into_one_entity_are_several_parts() -> None:
    parts = shown((dimm(1, "DIMM A1"), 0x40), (dimm(2, "DIMM A2"), 0x41), (dimm(3, "DIMM B1"), 0x00))
    assert facts(parts) == [
        (PartKind.MEMORY, "DIMM A1", State.ENABLED, Health.OK),
        (PartKind.MEMORY, "DIMM A2", State.ENABLED, Health.WARNING),
        (PartKind.MEMORY, "DIMM B1", State.ABSENT, Health.UNKNOWN),
    ]


def test_a_part_without_status_sensor_is_there_where_anything_of_it_is_read() -> None:
    temperature = r.full(1, "CPU2 Temp", entity=(3, 2))
    assert facts(shown((temperature, 0))) == [(PartKind.PROCESSOR, "Processor 2", State.ENABLED, Health.OK)]
    assert facts(shown((temperature, None))) == [(PartKind.PROCESSOR, "Processor 2", State.ABSENT, Health.UNKNOWN)]


def test_fans_of_the_system_board_are_fans_and_its_temperature_is_no_part() -> None:
    fan = r.full(1, "FAN3", sensor_type=4, units=(0, 18, 0), entity=(7, 1))
    assert facts(shown((fan, 0), (r.full(2, "Inlet", entity=(7, 1)), 0))) == [
        (PartKind.FAN, "FAN3", State.ENABLED, Health.OK)
    ]


def test_a_redundancy_sensor_is_no_fan_and_an_error_counter_of_the_board_no_module() -> None:
    redundancy = r.compact(1, "Fan Redundancy", sensor_type=4, event_type=0x0B, entity=(7, 1))
    counter = r.compact(2, "ECC", sensor_type=0x0C, entity=(7, 1), mask=0x0003)
    assert shown((redundancy, 0x01), (counter, 0)) == []
