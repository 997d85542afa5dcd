"""Sensors, states and entities in words, and how bad a state is; the tables stand in words.yaml."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from oobctl.constants import Health

_SPECIFIC = 0x6F
_RELATIVE_INSTANCE = 0x60  # from here on an entity's number counts within its controller (IPMI 2.0, section 39.1)
_SEVERITIES = {"ok": Health.OK, "warning": Health.WARNING, "critical": Health.CRITICAL, "unknown": Health.UNKNOWN}
_ORDER = (Health.OK, Health.UNKNOWN, Health.WARNING, Health.CRITICAL)


class Word(NamedTuple):
    """What a state is called, and how a server with it is."""

    severity: Health
    text: str


@cache
def _tables() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("words.yaml").read_text(encoding="utf-8"))
    return found


def state(event_type: int, sensor_type: int, offset: int) -> Word:
    """A state of a sensor by its offset. One that the standard does not name is called by its number."""
    tables = _tables()
    row = (tables["specific"].get(sensor_type) if event_type == _SPECIFIC else tables["generic"].get(event_type)) or {}
    if offset not in row:
        return Word(Health.UNKNOWN, f"state {offset} of type 0x{event_type:02X}")
    severity, _, text = row[offset].partition(", ")
    by_type = tables["by_type"].get(event_type << 4 | offset, {})
    return Word(_SEVERITIES[by_type.get(sensor_type, severity)], text)


def knows(event_type: int, sensor_type: int) -> bool:
    """Whether the standard names states of such sensors."""
    return event_type in _tables()["generic"] or (event_type == _SPECIFIC and sensor_type in _tables()["specific"])


def detail(sensor_type: int, offset: int, data: int) -> str | None:
    """What the second byte of a sensor-specific event adds."""
    found: dict[int, str] = _tables()["details"].get(sensor_type << 4 | offset, {})
    return found.get(data)


def sensor_type(code: int) -> str:
    """What kind of sensor it is."""
    found: dict[int, str] = _tables()["types"]
    return found.get(code, f"sensor type 0x{code:02X}")


def entity(number: int, instance: int) -> str:
    """The thing that a sensor or FRU belongs to: "Power Supply 2"."""
    name: str = _tables()["entities"].get(number, f"Entity 0x{number:02X}")
    index = instance - _RELATIVE_INSTANCE if instance >= _RELATIVE_INSTANCE else instance
    return f"{name} {index}" if index else name


def worst(healths: Iterable[Health]) -> Health:
    """The worst of them; one that is not known is worse than OK. OK of none."""
    return max(healths, key=_ORDER.index, default=Health.OK)
