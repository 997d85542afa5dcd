"""What no sensor can read: such a value is shown as no value, and nothing is OK that its own thresholds say is not."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers.identity import clean
from oobctl.drivers.readings import Sensor, Thresholds

_LONGEST = 40
_HUGE = 1e15
RANGES: dict[ReadingType, tuple[float, float]] = {
    ReadingType.TEMPERATURE: (-100, 1000),  # silicon melts at 1414 Cel; parts end at 150
    ReadingType.ROTATIONAL: (0, 1e6),  # the fastest fans turn 50,000 times a minute, and none backwards
    ReadingType.VOLTAGE: (-1e5, 1e5),  # -48 V feeds and -12 V rails are real
    ReadingType.CURRENT: (-1e5, 1e5),  # a shunt near 0 A may read below it
    ReadingType.POWER: (-1e5, 1e7),  # a rack has some 100 kW
    ReadingType.ENERGY_KWH: (0, 1e10),  # a counter: it only grows
    ReadingType.FREQUENCY: (0, 1e12),
    ReadingType.HUMIDITY: (0, 150),  # a wet sensor reads some more than 100 %
    ReadingType.PERCENT: (0, 1000),  # a load may be more than 100 %
    ReadingType.AIR_FLOW: (0, 1e6),
    ReadingType.PRESSURE: (-1e9, 1e9),  # in Pa or kPa; differences may be negative
    ReadingType.DISCRETE: (-_HUGE, _HUGE),
    ReadingType.OTHER: (-_HUGE, _HUGE),
}
"""The least and the most that a sensor of a type can read, in its unit: far outside of what hardware survives."""

_LEVELS = (Health.CRITICAL, Health.CRITICAL, Health.WARNING)  # fatal, critical, caution
_SIGNED = frozenset({ReadingType.TEMPERATURE, ReadingType.VOLTAGE, ReadingType.CURRENT, ReadingType.POWER})
_UNREAD = frozenset({State.ABSENT, State.DISABLED, State.STARTING})


@dataclass(frozen=True)
class Doubtful(Sensor):
    """A sensor whose reading was none. doubt: the sentence for a report's problems."""

    doubt: str = ""


def possible(kind: ReadingType, value: float) -> bool:
    """Whether a sensor of that type can read that value, in its unit."""
    least, most = RANGES[kind]
    return least <= value <= most


def checked(sensor: Sensor, said: Any = None) -> Sensor:
    """The sensor as far as it can be. said: what the BMC gave as its reading, None where it gave nothing."""
    limits = _possible_limits(sensor)
    sensor = sensor if limits == sensor.thresholds else replace(sensor, thresholds=limits)
    if sensor.state in _UNREAD:
        return sensor
    if sensor.reading is None:
        return sensor if said is None else _doubtful(sensor, said, "is no number")
    if not possible(sensor.reading_type, sensor.reading):
        unit = f" {sensor.units}" if sensor.units else ""
        kind = sensor.reading_type.value.lower()
        return _doubtful(sensor, f"{sensor.reading:g}{unit}", f"no sensor of the type {kind} can read")
    crossed = _crossed(sensor.reading, limits, sensor.reading_type in _SIGNED)
    return replace(sensor, health=crossed) if crossed is not None and sensor.health is Health.OK else sensor


def settled(sensors: Iterable[Sensor]) -> tuple[tuple[Sensor, ...], list[str]]:
    """The sensors as a report has them, and the sentences about the doubtful ones."""
    found: list[Sensor] = []
    problems = []
    for sensor in sensors:
        if isinstance(sensor, Doubtful):
            problems.append(sensor.doubt)
            sensor = Sensor(**{one.name: getattr(sensor, one.name) for one in fields(Sensor)})
        found.append(sensor)
    return tuple(found), problems


def _doubtful(sensor: Sensor, said: Any, why: str) -> Sensor:
    told = {one.name: getattr(sensor, one.name) for one in fields(Sensor)}
    told["reading"] = None
    told["health"] = Health.UNKNOWN if sensor.health is Health.OK else sensor.health
    told["doubt"] = f"{sensor.name} ({sensor.source}) reads {_shown(said)}, which {why}: its value is not known."
    return Doubtful(**told)


def _shown(said: Any) -> str:
    if not isinstance(said, (str, bool, int, float)):
        return "a list" if isinstance(said, list) else "an object"
    return clean(str(said)[:_LONGEST]) or "nothing"


def _possible_limits(sensor: Sensor) -> Thresholds:
    """Without those that the sensor could never read."""
    kind, held = sensor.reading_type, vars(sensor.thresholds)
    return Thresholds(**{name: at for name, at in held.items() if at is not None and possible(kind, at)})


def _crossed(value: float, held: Thresholds, signed: bool) -> Health | None:
    """What a value outside of its thresholds means; None inside of them.

    BMCs write 0 for an upper one that nobody set, and upper ones below lower ones: those count for nothing.
    """
    lower = zip((held.lower_fatal, held.lower_critical, held.lower_caution), _LEVELS, strict=True)
    upper = zip((held.upper_fatal, held.upper_critical, held.upper_caution), _LEVELS, strict=True)
    set_lower = [(at, health) for at, health in lower if at is not None]
    least = max((at for at, _ in set_lower), default=-_HUGE)
    set_upper = [(at, health) for at, health in upper if at is not None and at > least and (at or signed)]
    crossed = [health for at, health in set_lower if value < at] + [health for at, health in set_upper if value > at]
    return next((health for health in _LEVELS if health in crossed), None)
