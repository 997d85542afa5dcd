"""The parts of a server as its sensors show them: one entity is one part (IPMI 2.0, section 39). Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.ipmi import words
from oobctl.drivers.ipmi.sdr import SPECIFIC, THRESHOLD, SensorRecord
from oobctl.drivers.readings import Sensor

Item = tuple[SensorRecord, Sensor]

_KINDS = {
    3: PartKind.PROCESSOR,
    9: PartKind.PROCESSOR,
    65: PartKind.PROCESSOR,
    8: PartKind.MEMORY,
    32: PartKind.MEMORY,
    4: PartKind.DRIVE,
    26: PartKind.DRIVE,
    10: PartKind.POWER_SUPPLY,
    20: PartKind.POWER_SUPPLY,
    29: PartKind.FAN,
    30: PartKind.FAN,
    7: PartKind.BOARD,
    66: PartKind.BOARD,
    23: PartKind.CHASSIS,
}
_COUNTED = frozenset({PartKind.PROCESSOR, PartKind.MEMORY, PartKind.DRIVE, PartKind.POWER_SUPPLY, PartKind.FAN})
_FAN_TYPE = 0x04
_STATUS_TYPES = {
    0x07: PartKind.PROCESSOR,
    0x08: PartKind.POWER_SUPPLY,
    0x0C: PartKind.MEMORY,
    0x0D: PartKind.DRIVE,
    _FAN_TYPE: PartKind.FAN,
}
_PRESENCE = {0x07: 7, 0x08: 0, 0x0C: 6, 0x0D: 0}
_SUFFIX = re.compile(r"[ _-]+(status|state|stat|presence|present)$", re.IGNORECASE)


@dataclass
class EntityPart:
    """One part, with the sensors that tell of it. label: as the BMC calls it. status: the sensor of its presence."""

    kind: PartKind
    label: str
    entity: tuple[int, int]
    sensors: list[Sensor]
    status: Sensor | None = None

    @property
    def state(self) -> State:
        """As its status says; else Enabled where anything of it is read, and Absent where nothing of it is there."""
        if self.status is not None and (self.status.state is State.ABSENT or self.status.states):
            return self.status.state
        states = {sensor.state for sensor in self.sensors}
        if State.ENABLED in states:
            return State.ENABLED
        return State.ABSENT if states == {State.ABSENT} else State.UNKNOWN

    @property
    def health(self) -> Health:
        """The worst that its sensors say; Unknown where none of them says anything."""
        if self.state is State.ABSENT:
            return Health.UNKNOWN
        told = [sensor.health for sensor in self.sensors if sensor.health is not Health.UNKNOWN]
        return words.worst(told) if told else Health.UNKNOWN


def kind_of(entity: int) -> PartKind:
    """What kind of part an entity is."""
    return _KINDS.get(entity, PartKind.OTHER)


def parts_of(items: Iterable[Item]) -> list[EntityPart]:
    """Processors, memory, drives, power supplies and fans, in the order of the records.

    Several status sensors of one entity are several parts: makers put all of their DIMMs into one.
    """
    groups: dict[tuple[int, int], list[Item]] = {}
    for record, sensor in items:
        groups.setdefault((record.entity, record.instance), []).append((record, sensor))
    found: list[EntityPart] = []
    for entity, group in groups.items():
        kind = kind_of(entity[0])
        found += _of_entity(kind, entity, group) if kind in _COUNTED else _strays(entity, group)
    return found


def _of_entity(kind: PartKind, entity: tuple[int, int], group: Sequence[Item]) -> list[EntityPart]:
    statuses = [(record, sensor) for record, sensor in group if _is_status(record, kind)]
    if len(statuses) > 1:
        return [EntityPart(kind, _label(sensor), entity, [sensor], sensor) for _, sensor in statuses]
    status = statuses[0][1] if statuses else None
    label = _label(status) if status else words.entity(*entity)
    return [EntityPart(kind, label, entity, [sensor for _, sensor in group], status)]


def _strays(entity: tuple[int, int], group: Sequence[Item]) -> list[EntityPart]:
    """Parts whose sensors say what they are, while their entity does not: a fan of the system board."""
    return [
        EntityPart(_STATUS_TYPES[record.sensor_type], _label(sensor), entity, [sensor], sensor)
        for record, sensor in group
        if record.sensor_type in _STATUS_TYPES
        and _is_status(record, _STATUS_TYPES[record.sensor_type])
        and (record.sensor_type == _FAN_TYPE or record.mask >> _PRESENCE[record.sensor_type] & 1)
    ]


def _is_status(record: SensorRecord, kind: PartKind) -> bool:
    if _STATUS_TYPES.get(record.sensor_type) is not kind:
        return False
    return record.event_type == (THRESHOLD if record.sensor_type == _FAN_TYPE else SPECIFIC)


def _label(sensor: Sensor) -> str:
    return _SUFFIX.sub("", sensor.name) or sensor.name
