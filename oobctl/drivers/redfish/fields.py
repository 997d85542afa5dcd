"""Values out of a Redfish resource, whatever a BMC put there: numbers, words, states, places. Pure; never raises."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from oobctl.constants import Health, State
from oobctl.drivers.identity import clean, normalise_serial
from oobctl.drivers.readings import Scalar

Resource = Mapping[str, Any]

_STATES = {state.casefold(): state for state in State} | {
    "standbyspare": State.STANDBY_OFFLINE,
    "degraded": State.ENABLED,
    "quiesced": State.ENABLED,
    "deferring": State.ENABLED,
    "qualified": State.ENABLED,
    "intest": State.STARTING,
    "updating": State.STARTING,
}
_HEALTHS = {health.casefold(): health for health in Health}
_GRAVITY = {Health.UNKNOWN: 0, Health.OK: 1, Health.WARNING: 2, Health.CRITICAL: 3}
_LARGEST = 2**63 - 1
_BAY = re.compile(r"(?<![a-z])(bay|slot)[ ._-]?(\d{1,3})(?!\d)", re.IGNORECASE | re.ASCII)


def number(value: Any) -> float | None:
    """A finite number. None for strings, booleans, NaN, infinities and what no float holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """A number of things or bytes, at least 1 and of 63 bits at most: BMCs say 0 for what they don't know."""
    found = number(value)
    return int(found) if found is not None and 1 <= found <= _LARGEST else None


def words(resource: Resource, *keys: str) -> str | None:
    """The first of the properties that holds a text, in one line."""
    for key in keys:
        value = resource.get(key)
        found = clean(value) if isinstance(value, str) else None
        if found is not None:
            return found
    return None


def known_words(resource: Resource, *keys: str) -> str | None:
    """The same, without placeholders ("To be filled by O.E.M.")."""
    return next((found for key in keys if (found := normalise_serial(words(resource, key)))), None)


def inner(resource: Resource, *keys: str) -> Resource:
    """The object at the end of the keys; an empty one where there is none."""
    value: Any = resource
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def rows(resource: Resource, key: str) -> list[Resource]:
    """The objects of a list; what is none is left out."""
    value = resource.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def name_of(resource: Resource, path: str) -> str:
    """Name, else Id, else the end of its path."""
    return words(resource, "Name", "Id", "MemberId") or clean(path.rstrip("/").rpartition("/")[2]) or path or "?"


def state_of(resource: Resource) -> State:
    """Status.State, as far as we tell states apart."""
    said = inner(resource, "Status").get("State")
    return _STATES.get(said.casefold(), State.UNKNOWN) if isinstance(said, str) else State.UNKNOWN


def health_of(resource: Resource, *, rollup: bool = False) -> Health:
    """Status.Health, else HealthRollup; with `rollup` the worse of the two. What is absent has none: Unknown."""
    if state_of(resource) is State.ABSENT:
        return Health.UNKNOWN
    own, rolled = (_health(inner(resource, "Status").get(key)) for key in ("Health", "HealthRollup"))
    if rollup:
        return worst((own, rolled))
    return rolled if own is Health.UNKNOWN else own


def _health(said: Any) -> Health:
    return _HEALTHS.get(said.casefold(), Health.UNKNOWN) if isinstance(said, str) else Health.UNKNOWN


def worst(healths: Iterable[Health]) -> Health:
    """The worst of those that are known; Unknown where none is."""
    return max(healths, key=lambda health: _GRAVITY[health], default=Health.UNKNOWN)


def worse(one: Health, other: Health) -> bool:
    return _GRAVITY[one] > _GRAVITY[other]


def oem(resource: Resource, key: str) -> Any:
    """What any maker put under this name into Oem."""
    blocks = [block for block in inner(resource, "Oem").values() if isinstance(block, Mapping)]
    return next((block[key] for block in blocks if key in block), None)


def details(resource: Resource, *keys: str) -> dict[str, Scalar]:
    """These properties, as far as they hold a text, a number or a truth."""
    found = {key: _scalar(resource.get(key)) for key in keys}
    return {key: value for key, value in found.items() if value is not None}


def _scalar(value: Any) -> Scalar | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value)
    found = number(value)
    return int(found) if found is not None and found.is_integer() and abs(found) < _LARGEST else found


def place_of(resource: Resource) -> str | None:
    """Where a part sits, in the BMC's words: its service label, else "Bay 3", else what an older Location says.

    Resource.Location of DSP2046: PartLocation (ServiceLabel, LocationType, LocationOrdinalValue), Info with InfoFormat.
    """
    for key in ("PhysicalLocation", "Location"):
        for place in [inner(resource, key), *rows(resource, key)]:
            found = _part_place(inner(place, "PartLocation")) or _info(place) or _placement(inner(place, "Placement"))
            if found is not None:
                return found
    bay = number(oem(resource, "BayNumber"))
    return f"Bay {bay:.0f}" if bay is not None and bay >= 0 else None


def named_place(resource: Resource) -> str | None:
    """ "Bay 3" of a part that is called Disk.Bay.3, for BMCs that put the place into the name alone."""
    for key in ("Name", "Id"):
        found = _BAY.search(words(resource, key) or "")
        if found is not None:
            return f"{found[1].capitalize()} {int(found[2])}"
    return None


def _part_place(place: Resource) -> str | None:
    label = words(place, "ServiceLabel")
    if label is not None:
        return label
    kind, ordinal = words(place, "LocationType"), number(place.get("LocationOrdinalValue"))
    return f"{kind} {ordinal:.0f}" if kind is not None and ordinal is not None and ordinal >= 0 else None


def _info(place: Resource) -> str | None:
    """ "2:1" with "Box:Bay" is Box 2 Bay 1."""
    said, form = words(place, "Info"), words(place, "InfoFormat")
    values, names = (said or "").split(":"), (form or "").split(":")
    if said is not None and form is not None and len(values) == len(names):
        return clean(" ".join(f"{name} {value}" for name, value in zip(names, values, strict=True)))
    return said


def _placement(place: Resource) -> str | None:
    """Where a chassis hangs: its row, rack and height units."""
    offset = number(place.get("RackOffset"))
    said = {"Row": words(place, "Row"), "Rack": words(place, "Rack")}
    said["U"] = f"{offset:.0f}" if offset else None
    return clean(" ".join(f"{name} {value}" for name, value in said.items() if value is not None))
