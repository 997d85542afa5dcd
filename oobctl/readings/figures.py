"""The little of a report that a fleet is compared by: inlet air, what is too hot, the power draw, since when unwell."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from oobctl import clock
from oobctl.constants import Capability, Health, ReadingType
from oobctl.drivers.readings import HealthReport, PowerMeteringReport, Sensor, SensorReport, Thresholds
from oobctl.readings import storable
from oobctl.readings.take import Taken

CAPABILITIES = frozenset({Capability.SENSORS, Capability.POWER_METERING, Capability.HEALTH})
"""Whose reports have such numbers."""

_CONTEXTS = re.compile(r"(intake|air inlet|room)\b", re.IGNORECASE)  # PhysicalContext; IPMI 2.0, table 43-13
_NAMES = re.compile(r"inlet|intake|ambient", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\bps[u]?[ _.-]*\d|power|supply|outlet|exhaust|cpu|processor|memory", re.IGNORECASE)
_HEALTH = ("health", "health_since")
Since = tuple[Health | None, datetime | None]
_MOST_TOO_HOT = 8  # of one server: the worst say enough


def columns(one: Taken, before: Since = (None, None)) -> dict[str, Any]:
    """What store.Figures keeps of a report; all of it empty where the BMC has no such thing.

    before: the health that is kept so far, and since when it is so.
    """
    match one.found:
        case HealthReport():
            return dict(zip(_HEALTH, since(one.found.health, one.at, before), strict=True))
        case SensorReport():
            return {**_of_sensors(one.found.sensors), "sensors_read_at": one.at}
        case PowerMeteringReport():
            return {"watts": watts(one.found), "watts_read_at": one.at}
    return nothing(one.capability)


def nothing(capability: Capability) -> dict[str, Any]:
    """The columns of a capability, empty."""
    match capability:
        case Capability.SENSORS:
            return dict.fromkeys((*_of_sensors(()), "sensors_read_at"))
        case Capability.HEALTH:
            return dict.fromkeys(_HEALTH)
    return dict.fromkeys(("watts", "watts_read_at"))


def since(health: Health, at: datetime, before: Since) -> Since:
    """The health that is kept after this was read, and when it was first read so: None where nobody saw the change.

    While a server tells of none (it is off), what was known stays. A beginning to come is a wrong clock's.
    """
    known, began = before
    if health is Health.UNKNOWN:
        return before
    if known is None:
        return health, None
    stays = health is known and (began is None or clock.has_been(began))
    return health, began if stays else at


def watts(report: PowerMeteringReport) -> float | None:
    """What the server draws: the greatest of its meters, since others measure parts of it (a PowerControl each)."""
    return max((meter.consumed_watts for meter in report.meters if meter.consumed_watts is not None), default=None)


def _of_sensors(sensors: Iterable[Sensor]) -> dict[str, Any]:
    known = [(value, one) for one in sensors if (value := celsius(one, one.reading)) is not None]
    value, inlet = max(((value, one) for value, one in known if is_inlet(one)), key=_value, default=(None, None))
    bounds = inlet.thresholds if inlet is not None else Thresholds()
    critical = bounds.upper_fatal if bounds.upper_critical is None else bounds.upper_critical
    hot = sorted(filter(None, (too_hot(one) for _, one in known)), key=_how_bad, reverse=True)
    return {
        "inlet": inlet and storable.text(inlet.name, 128),
        "inlet_celsius": value,
        "inlet_upper_caution": inlet and celsius(inlet, bounds.upper_caution),
        "inlet_upper_critical": inlet and celsius(inlet, critical),
        "too_hot": hot[:_MOST_TOO_HOT] or None,
    }


def _value(found: tuple[float, Sensor]) -> float:
    return found[0]


def is_inlet(sensor: Sensor) -> bool:
    """Whether it measures the air that goes into the server: as the BMC says, else by its name."""
    if sensor.context is not None and _CONTEXTS.match(sensor.context):
        return True
    elsewhere = _ELSEWHERE.search(f"{sensor.name} {sensor.context or ''}")
    return _NAMES.search(sensor.name) is not None and elsewhere is None


def too_hot(sensor: Sensor) -> dict[str, Any] | None:
    """{name, celsius, limit, health} of a temperature that has reached an upper threshold of its own; else None.

    health: Critical from the upper critical one on. limit: the highest that is reached, in degrees Celsius.
    """
    bounds, value = sensor.thresholds, sensor.reading
    uppers = ((bounds.upper_fatal, Health.CRITICAL), (bounds.upper_critical, Health.CRITICAL))
    for limit, health in (*uppers, (bounds.upper_caution, Health.WARNING)):
        if value is not None and limit is not None and value >= limit:
            told = {"name": storable.text(sensor.name, 128), "celsius": celsius(sensor, value)}
            return {**told, "limit": celsius(sensor, limit), "health": str(health)}
    return None


def _how_bad(found: dict[str, Any]) -> tuple[bool, float]:
    return found["health"] == Health.CRITICAL, found["celsius"] - found["limit"]


def celsius(sensor: Sensor, value: float | None) -> float | None:
    """A temperature in degrees Celsius; None of what is no temperature, or not known."""
    if value is None or sensor.reading_type is not ReadingType.TEMPERATURE:
        return None
    match sensor.units:
        case "Cel":
            return value
        case "[degF]":
            return round((value - 32) / 1.8, 2)
        case "K":
            return round(value - 273.15, 2)
    return None
