"""What the hardware pages say: sensors and parts in groups, values with their units, sizes, thresholds."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from oobctl.constants import Health, PartKind, ReadingType, State
from oobctl.units import unit
from web.shapes.readings import PartShape, SensorShape, ThresholdsShape

_SENSOR_GROUPS = {
    ReadingType.TEMPERATURE: "Temperatures",
    ReadingType.ROTATIONAL: "Fans",
    ReadingType.PERCENT: "Percentages",
    ReadingType.VOLTAGE: "Voltages",
    ReadingType.CURRENT: "Currents",
    ReadingType.POWER: "Power",
    ReadingType.ENERGY_KWH: "Energy",
    ReadingType.DISCRETE: "States",
}
_PART_GROUPS = {
    PartKind.SYSTEM: "System",
    PartKind.CHASSIS: "Chassis",
    PartKind.BOARD: "Boards",
    PartKind.PROCESSOR: "Processors",
    PartKind.MEMORY: "Memory",
    PartKind.STORAGE_CONTROLLER: "Storage controllers",
    PartKind.DRIVE: "Drives",
    PartKind.NETWORK_INTERFACE: "Network interfaces",
    PartKind.POWER_SUPPLY: "Power supplies",
    PartKind.FAN: "Fans",
    PartKind.FIRMWARE: "Firmware",
    PartKind.OTHER: "Other parts",
}
_NUMBERS = re.compile(r"(\d{1,9})")
_WORST = {Health.CRITICAL: 0, Health.WARNING: 1}
_BINARY = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"))
_DECIMAL = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"))


@dataclass(frozen=True)
class SensorGroup:
    title: str
    sensors: list[SensorShape]


@dataclass(frozen=True)
class PartGroup:
    title: str
    parts: list[PartShape]

    @property
    def installed(self) -> int:
        """Without firmware that the BMC only keeps."""
        return sum(1 for part in self.parts if not not_installed(part))


def sensor_groups(sensors: Iterable[SensorShape]) -> list[SensorGroup]:
    """By kind, the broken ones of each first."""
    found: dict[str, list[SensorShape]] = {title: [] for title in (*_SENSOR_GROUPS.values(), "Other sensors")}
    for sensor in sensors:
        found[_SENSOR_GROUPS.get(sensor.reading_type, "Other sensors")].append(sensor)
    return [SensorGroup(title, sorted(group, key=_by_health)) for title, group in found.items() if group]


def part_groups(parts: Iterable[PartShape]) -> list[PartGroup]:
    """By kind, in the order in which one would look into a server."""
    found: dict[str, list[PartShape]] = {title: [] for title in _PART_GROUPS.values()}
    for part in parts:
        found[_PART_GROUPS[part.kind]].append(part)
    return [PartGroup(title, sorted(group, key=_as_one_looks)) for title, group in found.items() if group]


def _as_one_looks(part: PartShape) -> tuple[bool, int, list[tuple[int, str]], list[tuple[int, str]]]:
    """The broken ones first, then by place and name as people count: DIMM A2 before DIMM A10."""
    return not_installed(part), _by_health(part), _counted(part.location or part.name), _counted(part.name)


def _counted(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in _NUMBERS.split(text) if part]


Ranked = TypeVar("Ranked", SensorShape, PartShape)


def _by_health(one: Ranked) -> int:
    return _WORST.get(one.health, 2)


def value(sensor: SensorShape) -> str:
    """The reading with its unit; the states of one that has no number; "not read" where nothing is known."""
    if sensor.reading is not None:
        return f"{number(sensor.reading)} {unit(sensor.units or '')}".strip()
    if sensor.states:
        return ", ".join(sensor.states)
    if sensor.reading_type is ReadingType.DISCRETE and sensor.health is Health.OK:
        return "nothing to report"
    return "absent" if sensor.state is State.ABSENT else "not read"


def number(reading: float) -> str:
    """As many digits as help: 4200, 12.06, 0.004."""
    if reading == int(reading) and abs(reading) < 1e12:
        return str(int(reading))
    return f"{reading:.4g}" if abs(reading) < 1000 else f"{reading:.1f}"


def limits(thresholds: ThresholdsShape) -> str:
    """What is too low and too high, the nearest ones: "below 600, above 95"."""
    low, high = nearest(thresholds)
    words = [f"below {number(low)}"] if low is not None else []
    words += [f"above {number(high)}"] if high is not None else []
    return ", ".join(words)


def nearest(thresholds: ThresholdsShape) -> tuple[float | None, float | None]:
    """The limits that are reached first: below, above."""
    low = _first(thresholds.lower_caution, thresholds.lower_critical, thresholds.lower_fatal)
    high = _first(thresholds.upper_caution, thresholds.upper_critical, thresholds.upper_fatal)
    return low, high


def _first(*values: float | None) -> float | None:
    return next((one for one in values if one is not None), None)


def fact(value: object) -> str:
    """What is so of a BMC's exposure, in words."""
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def size(part: PartShape) -> str:
    """Memory counts in powers of two, drives in powers of ten, as their makers do."""
    if part.capacity_bytes is None:
        return ""
    return size_of(part.capacity_bytes, _BINARY if part.kind is PartKind.MEMORY else _DECIMAL)


def size_of(count: int, steps: Sequence[tuple[int, str]] = (*_DECIMAL, (1000, "kB"))) -> str:
    """Bytes, as people write them."""
    for step, prefix in steps:
        if count >= step:
            return f"{number(round(count / step, 1))} {prefix}"
    return f"{count} B"


def memory_of(count: int) -> str:
    """Bytes of memory, which people count in powers of two."""
    return size_of(count, _BINARY)


def not_installed(part: PartShape) -> bool:
    """Firmware that the BMC only keeps: the one before, or one that it could install."""
    return "FirmwareState" in part.details


def about(part: PartShape) -> str:
    """Maker, model and size in one line; of firmware that is not installed, that."""
    if not_installed(part):
        return f"{str(part.details['FirmwareState']).lower()}, not installed"
    maker = part.manufacturer if part.manufacturer and part.manufacturer not in (part.model or "") else None
    return " · ".join(filter(None, (" ".join(filter(None, (maker, part.model))), size(part))))


def numbers_of(part: PartShape) -> list[tuple[str, str]]:
    """Serial, part number, firmware, addresses: what is copied from a page."""
    rows = [("Serial", part.serial), ("Part", part.part_number), ("Firmware", part.firmware)]
    rows += [("MAC", address) for address in part.mac_addresses]
    return [(label, text) for label, text in rows if text]


def of_part(component: str | None, message: str) -> str:
    """What a log's entry is about. Empty where its message says so already; a path tells a person nothing."""
    named = ", ".join(part for part in (component or "").split(", ") if not part.startswith("/"))
    return "" if named in message else named


def file_name(image: str | None) -> str:
    """An image as a reading names it; some BMCs only tell that there is one."""
    return image or "something"
