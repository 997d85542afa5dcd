"""BIOS attributes: checked against the tree's registry, pending in the settings resource, in force after a boot."""

import re
from typing import TYPE_CHECKING, Any

import flask

from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.load import ROOT

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State

_UNLINKED = ("Settings", "SD", "settings")  # below the Bios resource, where nothing links to it
_TYPES: dict[str, type | tuple[type, ...]] = {
    "Enumeration": str, "String": str, "Password": str, "Integer": int, "Boolean": bool,
}  # fmt: skip


def settings(state: "State", bios: str | None) -> str | None:
    """The path of the settings resource of a Bios resource, linked or not."""
    if bios is None:
        return None
    linked = state.resources.linked(bios, "@Redfish.Settings", "SettingsObject")
    candidates = [linked] if linked else [f"{bios}/{name}" for name in _UNLINKED]
    return next((state.resources.canonical(path) for path in candidates if path in state.resources), None)


def bios_of(state: "State", path: str) -> str | None:
    """The Bios resource whose settings these are; None where the path is no settings resource."""
    for found in state.resources.of_kind("Bios"):
        if found != path and settings(state, found) == path:
            return found
    return None


def pending(state: "State", bios: str | None) -> dict[str, Any]:
    """The attributes of the settings that differ from those in force."""
    now = _attributes(state, bios)
    waiting = _attributes(state, settings(state, bios))
    return {name: value for name, value in waiting.items() if now.get(name) != value}


def patch(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """PATCH of a settings resource; all of it is taken or none."""
    bios = bios_of(state, path)
    if bios is None:
        return refusals.not_allowed(path)
    for name in body:
        if name != "Attributes" and not name.startswith("@"):
            return refusals.unknown_property(name)
    wanted = body.get("Attributes")
    if not isinstance(wanted, dict):
        return refusals.missing("Attributes")
    described = registry(state, bios)
    for name, value in wanted.items():
        refused = _refusal(name, value, described.get(name), _attributes(state, bios))
        if refused is not None:
            return refused
    state.did("PATCH", path, body)
    state.resources.at(path).setdefault("Attributes", {}).update(wanted)
    return refusals.nothing()


def reset(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """POST Bios.ResetBios: the registry's defaults become pending, where the tree has a registry."""
    bios = bios_of(state, path) or path
    state.did("Bios.ResetBios", bios, body)
    where = settings(state, bios)
    if where is not None:
        defaults = {
            name: item["DefaultValue"]
            for name, item in registry(state, bios).items()
            if item.get("DefaultValue") is not None and name in _attributes(state, bios)
        }
        state.resources.at(where).setdefault("Attributes", {}).update(defaults)
    return refusals.nothing()


def apply(state: "State", bios: str | None) -> None:
    """A boot: what is pending holds. Settings that hold but changes are empty then; others show all as it is."""
    where = settings(state, bios)
    found = state.resources.get(where)
    if bios is None or where is None or found is None:
        return
    if state.bios_jobs is not None and where not in state.bios_jobs:
        return
    (state.bios_jobs or set()).discard(where)
    now, waiting = _attributes(state, bios), _attributes(state, where)
    whole = len(waiting) >= len(now)
    now.update(waiting)
    found["Attributes"] = dict(now) if whole else {}


def registry(state: "State", bios: str) -> dict[str, dict[str, Any]]:
    """What the attribute registry says of each attribute; empty where the tree has no such registry."""
    wanted = str(state.resources.at(bios).get("AttributeRegistry") or "")
    for path in state.resources.members(state.resources.linked(ROOT, "Registries")):
        found = state.resources.get(path) or {}
        names = {str(found.get("Registry")), str(found.get("Id")), path.rpartition("/")[2]}
        if not wanted or not any(wanted == name or wanted.startswith(f"{name}.") for name in names):
            continue
        for place in found.get("Location", []):
            described = state.resources.get(place.get("Uri")) if isinstance(place, dict) else None
            entries = ((described or {}).get("RegistryEntries") or {}).get("Attributes")
            if isinstance(entries, list):
                return {item["AttributeName"]: item for item in entries if "AttributeName" in item}
    return {}


def _refusal(name: str, value: Any, described: dict[str, Any] | None, now: dict[str, Any]) -> flask.Response | None:
    if described is None:
        known = name in now
        wrong = known and now[name] is not None and type(value) is not type(now[name])
        return refusals.unknown_property(name) if not known else refusals.wrong_type(value, name) if wrong else None
    if described.get("ReadOnly"):
        return refusals.cannot_write(name)
    wanted = _TYPES.get(str(described.get("Type")))
    if wanted is not None and (not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))):
        return refusals.wrong_type(value, name)
    if described.get("Type") == "Enumeration":
        allowed = [item.get("ValueName") for item in described.get("Value") or []]
        return None if not allowed or value in allowed else refusals.value_not_in_list(value, name)
    return _out_of_bounds(name, value, described)


def _out_of_bounds(name: str, value: Any, described: dict[str, Any]) -> flask.Response | None:
    size, low, high = value, described.get("LowerBound"), described.get("UpperBound")
    if isinstance(value, str):
        size, low, high = len(value), described.get("MinLength"), described.get("MaxLength")
    if (low is not None and size < low) or (high is not None and size > high):
        return refusals.value_not_in_list(value, name)
    step, pattern = described.get("ScalarIncrement"), described.get("ValueExpression")
    if step and isinstance(value, int) and (value - (low or 0)) % step:
        return refusals.value_not_in_list(value, name)
    if pattern and isinstance(value, str) and not re.search(pattern, value):
        return refusals.value_not_in_list(value, name)
    return None


def _attributes(state: "State", path: str | None) -> dict[str, Any]:
    found = (state.resources.get(path) or {}).get("Attributes")
    return found if isinstance(found, dict) else {}
