"""Sensors as samples: the exporters' names, labels and states."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from oobctl.constants import Health, ReadingType
from web.metrics.lines import Lines, escaped, labels

MOST_SENSORS = 500
"""Of one server: whatever a BMC lists, it does not fill the database of whoever scrapes."""

STATES = {Health.OK: 0.0, Health.WARNING: 1.0, Health.CRITICAL: 2.0, Health.UNKNOWN: math.nan}
"""ipmi_exporter's: nominal, warning, critical, N/A."""
REDFISH_HEALTH = {Health.OK: 1.0, Health.WARNING: 2.0, Health.CRITICAL: 3.0}
"""redfish_exporter's; what it does not know it leaves out."""

_TYPED = {
    "Cel": ("ipmi_temperature_celsius", "ipmi_temperature_state"),
    "RPM": ("ipmi_fan_speed_rpm", "ipmi_fan_speed_state"),
    "V": ("ipmi_voltage_volts", "ipmi_voltage_state"),
    "A": ("ipmi_current_amperes", "ipmi_current_state"),
    "W": ("ipmi_power_watts", "ipmi_power_state"),
}
_FAN_RATIO = ("ipmi_fan_speed_ratio", "ipmi_fan_speed_state")
_GENERIC = ("ipmi_sensor_value", "ipmi_sensor_state")
_IPMI_SOURCE = re.compile(r"sensor 0x([0-9A-F]+)(?: of 0x([0-9A-F]+), LUN (\d+))?")
_CHASSIS = re.compile(r"/Chassis/([^/#]+)", re.IGNORECASE)
_OURS = 0x20  # the BMC's own address (IPMI 2.0, section 5.1): its sensors' numbers need no more

Sensor = Mapping[str, Any]


def add_sensors(lines: Lines, content: Mapping[str, Any]) -> None:
    """All sensors of a reading. One that has no value has NaN, as in ipmi_exporter."""
    sensors = content["sensors"]
    told: set[tuple[str, str, str]] = set()
    count = 0
    for sensor in sensors[:MOST_SENSORS]:
        count += _add_ipmi(lines, sensor, told)
        if sensor["source"].startswith("/"):
            _add_redfish(lines, sensor, told)
    if count < len(sensors):
        lines.add("oobctl_sensors_left_out", len(sensors) - count)


def _add_ipmi(lines: Lines, sensor: Sensor, told: set[tuple[str, str, str]]) -> bool:
    """Returns whether it could be told apart from all others."""
    value_name, state_name = names = _names(sensor)
    name = sensor["name"]
    number = _own(told, state_name, name, id_of(sensor["source"]), sensor["source"])
    if number is None:
        return False
    more = labels(id=number, name=name, type=sensor["reading_type"] if names == _GENERIC else None)
    reading = math.nan if sensor["reading"] is None else float(sensor["reading"])
    lines.add(value_name, reading / 100 if names == _FAN_RATIO else reading, more)
    lines.add(state_name, STATES[Health(sensor["health"])], more)
    return True


def _names(sensor: Sensor) -> tuple[str, str]:
    if sensor["units"] == "%":
        return _FAN_RATIO if _is_fan(sensor) else _GENERIC
    return _TYPED.get(sensor["units"] or "", _GENERIC)


def _is_fan(sensor: Sensor) -> bool:
    """Of a percentage nothing but what it belongs to, or its place in the service, says that it is a fan's."""
    context = (sensor["context"] or "").casefold()
    return context.startswith(("fan", "cooling")) or "/fans/" in sensor["source"].casefold()


def id_of(source: str) -> str:
    """A sensor's number over IPMI (with its owner, where that is another controller); over Redfish its path's end."""
    found = _IPMI_SOURCE.fullmatch(source)
    if found is None:
        return source.rstrip("/").rpartition("/")[2]
    number, owner, lun = found.groups()
    if owner is None:
        return str(int(number, 16))
    return f"{int(number, 16)}.{int(owner, 16)}.{lun}"


def _own(told: set[tuple[str, str, str]], family: str, name: str, number: str, source: str) -> str | None:
    """An id that no other sensor of this name has: two samples with the same labels would be one. None: it has none."""
    for one in (number, source):
        key = (family, escaped(name), escaped(one))
        if key not in told:
            told.add(key)
            return one
    return None


def _add_redfish(lines: Lines, sensor: Sensor, told: set[tuple[str, str, str]]) -> None:
    """As redfish_exporter has it, without its zeros for what was not read."""
    add = _REDFISH.get((sensor["reading_type"], sensor["units"]))
    if add is None:
        return
    chassis = _CHASSIS.search(sensor["source"])
    number = _own(told, f"redfish {sensor['reading_type']}", sensor["name"], id_of(sensor["source"]), sensor["source"])
    if number is not None:
        add(lines, sensor, chassis[1] if chassis else None, number)


def _temperature(lines: Lines, sensor: Sensor, chassis: str | None, number: str) -> None:
    more = labels(resource="temperature", chassis_id=chassis, sensor=sensor["name"], sensor_id=number)
    lines.add_known("redfish_chassis_temperature_celsius", sensor["reading"], more)


def _fan(lines: Lines, sensor: Sensor, chassis: str | None, number: str) -> None:
    more = labels(resource="fan", chassis_id=chassis, fan=sensor["name"], fan_id=number, fan_unit="rpm")
    lines.add_known("redfish_chassis_fan_rpm", sensor["reading"], more)
    lines.add_known("redfish_chassis_fan_health", REDFISH_HEALTH.get(Health(sensor["health"])), more)


def _voltage(lines: Lines, sensor: Sensor, chassis: str | None, number: str) -> None:
    more = labels(resource="power_voltage", chassis_id=chassis, power_voltage=sensor["name"], power_voltage_id=number)
    lines.add_known("redfish_chassis_power_voltage_volts", sensor["reading"], more)


_REDFISH: dict[tuple[str, str | None], Callable[[Lines, Sensor, str | None, str], None]] = {
    (ReadingType.TEMPERATURE, "Cel"): _temperature,
    (ReadingType.ROTATIONAL, "RPM"): _fan,
    (ReadingType.VOLTAGE, "V"): _voltage,
}
"""By type and unit: the names say the unit, and a BMC may have another (DSP2046, Sensor, ReadingUnits)."""
