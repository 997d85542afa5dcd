"""ComputerSystem.Reset and Manager.Reset: power states, boots, and a BMC that restarts."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import flask

from oobctl.lab.redfish_service.trees import bios, boot, events, refusals
from oobctl.lab.redfish_service.trees.resources import Action

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State

ON, OFF = "On", "Off"
_TO_ON = frozenset({"On", "ForceOn"})
_TO_OFF = frozenset({"ForceOff", "GracefulShutdown"})
_RESTARTS = frozenset({"ForceRestart", "GracefulRestart", "PowerCycle"})
_NEEDS_POWER = _RESTARTS | {"GracefulShutdown", "Nmi"}
_KNOWN = _TO_ON | _TO_OFF | _RESTARTS | {"Nmi", "PushPowerButton"}
_RESET = "ComputerSystem.Reset"


def changes_nothing(state: "State", system: str, reset_type: object) -> bool:
    """Whether the system is already where that reset type ends."""
    now = state.resources.at(system)["PowerState"]
    return (reset_type in _TO_ON and now == ON) or (reset_type in _TO_OFF and now == OFF)


def reset(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """POST ComputerSystem.Reset."""
    refused = _refusal(state, Action(_RESET, path), body, _KNOWN)
    if refused is not None:
        return refused
    reset_type = body["ResetType"]
    now = state.resources.at(path).get("PowerState")
    if now != ON and reset_type in _NEEDS_POWER:
        return refusals.in_wrong_state(f"The system is {now}, so {reset_type} can't be done.")
    state.did(_RESET, path, body)
    if reset_type == "PushPowerButton":
        reset_type = "ForceOff" if now == ON else "On"
    if reset_type in _TO_OFF:
        switch(state, path, OFF)
    elif reset_type in _RESTARTS or (reset_type in _TO_ON and now != ON):
        switch(state, path, ON)
        start(state, path)
    return refusals.nothing()


def _refusal(state: "State", action: Action, body: dict[str, Any], known: frozenset[str]) -> flask.Response | None:
    for name in body:
        if name != "ResetType":
            return refusals.not_a_parameter(action.name, name)
    if "ResetType" not in body:
        return refusals.no_parameter(action.name, "ResetType")
    allowed = state.resources.allowable(action, "ResetType") or sorted(known)
    if body["ResetType"] not in allowed or body["ResetType"] not in known:
        return refusals.value_not_in_list(body["ResetType"], "ResetType")
    return None


def switch(state: "State", system: str, power: str) -> None:
    """The power of a system, and of the chassis that is it where the tree tells theirs."""
    found = state.resources.at(system)
    is_other, found["PowerState"] = found.get("PowerState") != power, power
    state.hung.discard(system)
    for link in (found.get("Links") or {}).get("Chassis", []):
        chassis = state.resources.get(link.get("@odata.id"))
        if chassis is not None and "PowerState" in chassis:
            chassis["PowerState"] = power
    if is_other:
        events.tell(state, "PowerStateChanged", system)


def start(state: "State", system: str) -> None:
    """The firmware starts: it takes what is pending, uses the override, and tells when it was."""
    found = state.resources.at(system)
    if "LastResetTime" in found:
        found["LastResetTime"] = _moment_after(found["LastResetTime"])
    bios.apply(state, state.resources.linked(system, "Bios"))
    boot.use(state, system)
    for told in state.after_boot:
        told(system)


def _moment_after(last: object) -> str:
    """Now, to the second, and later than the last time."""
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        before = datetime.fromisoformat(str(last))
    except ValueError:
        return now.isoformat()
    before = before if before.tzinfo else before.replace(tzinfo=UTC)
    return max(now, before + timedelta(seconds=1)).isoformat()


def reset_bmc(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """POST Manager.Reset: it is answered, and then the BMC is gone for a while."""
    body = {"ResetType": "GracefulRestart", **body}
    refused = _refusal(state, Action("Manager.Reset", path), body, frozenset({"GracefulRestart", "ForceRestart"}))
    if refused is not None:
        return refused
    state.did("Manager.Reset", path, body)
    state.restart_bmc()
    return refusals.nothing()
