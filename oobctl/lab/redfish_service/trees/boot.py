"""The boot override: where it waits (the system or its settings), and what a boot makes of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flask

from oobctl.lab.redfish_service.trees import properties, refusals

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State

TARGET, ENABLED, MODE = "BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode"


@dataclass(frozen=True)
class Booted:
    """A start of a system, and what its firmware was told to boot from: target and enabled of the override."""

    system: str
    source: str
    enabled: str


def settings(state: "State", system: str) -> str | None:
    """The path of the system's settings resource, where it has one."""
    path = state.resources.linked(system, "@Redfish.Settings", "SettingsObject")
    return path if path is not None and path in state.resources else None


def waiting(state: "State", system: str) -> tuple[str, str, str | None]:
    """Target, Enabled and Mode: of the settings where an override waits there, else of the system."""
    pending = _boot(state, settings(state, system))
    found = pending if pending.get(ENABLED, "Disabled") != "Disabled" else _boot(state, system)
    return str(found.get(TARGET)), str(found.get(ENABLED)), found.get(MODE)


def patch(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """PATCH of a ComputerSystem or of its settings."""
    found = state.resources.at(path)
    refused = properties.refusal(found, body, properties.WRITABLE["ComputerSystem"])
    if refused is not None:
        return refused
    state.did("PATCH", path, body)
    properties.apply(found, body)
    boot = body.get("Boot") or {}
    if boot.get(ENABLED) == "Disabled" or boot.get(TARGET) == "None":
        found["Boot"] |= {ENABLED: "Disabled", TARGET: "None"}
    return refusals.nothing()


def use(state: "State", system: str) -> None:
    """A boot: what waits in the settings comes into force, and an override for once is used up."""
    boot, pending = _boot(state, system), _boot(state, settings(state, system))
    if pending.get(ENABLED, "Disabled") != "Disabled":
        boot.update({name: pending[name] for name in (TARGET, ENABLED, MODE) if name in pending and name in boot})
        pending |= {ENABLED: "Disabled", TARGET: "None"}
    state.boots.append(Booted(system, str(boot.get(TARGET, "None")), str(boot.get(ENABLED, "Disabled"))))
    if boot.get(ENABLED) == "Once":
        boot |= {ENABLED: "Disabled", TARGET: "None"}


def _boot(state: "State", path: str | None) -> dict[str, Any]:
    found = (state.resources.get(path) or {}).get("Boot")
    return found if isinstance(found, dict) else {}
