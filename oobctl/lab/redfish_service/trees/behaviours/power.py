"""Behaviours of resets and of the time after them."""

import json
import threading

import flask

from oobctl.lab.redfish_service.trees import bios, power, refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from oobctl.profiles.quirks import Quirk

_RESET = "ComputerSystem.Reset"
_BMC_RESET = "Manager.Reset"
_WARM = "GracefulRestart"
_ALLOWABLE = "ResetType@Redfish.AllowableValues"


class SameState409(Behaviour):
    """A reset type that changes nothing is refused."""

    name = Quirk.SAME_STATE_409

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        action = state.resources.action(asked.path) if asked.method == "POST" else None
        if action is None or action.name != _RESET or asked.body is None:
            return None
        reset_type = asked.body.get("ResetType")
        if not power.changes_nothing(state, action.owner, reset_type):
            return None
        return refusals.in_wrong_state(f"{reset_type}: the system is in the requested state already.")


class ResetValuesInActionInfo(Behaviour):
    """The values that a reset takes stand in an ActionInfo alone."""

    name = Quirk.RESET_VALUES_IN_ACTION_INFO

    def prepare(self, state: State) -> None:
        for kind, name in (("ComputerSystem", _RESET), ("Manager", "Manager.Reset")):
            for path in state.resources.of_kind(kind):
                action = (state.resources.at(path).get("Actions") or {}).get(f"#{name}") or {}
                values = action.pop(_ALLOWABLE, None)
                if values is None:
                    continue
                info = f"{path}/ResetActionInfo"
                parameter = {"Name": "ResetType", "Required": True, "DataType": "String", "AllowableValues": values}
                action["@Redfish.ActionInfo"] = info
                described = {"@odata.id": info, "@odata.type": "#ActionInfo.v1_1_2.ActionInfo", "Id": "ResetActionInfo"}
                state.resources.put(info, described | {"Name": "Reset Action Info", "Parameters": [parameter]})


class ForceRestartHangs(Behaviour):
    """A forced restart is taken, and then the system hangs until its power goes off."""

    name = Quirk.FORCE_RESTART_HANGS

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        action = state.resources.action(asked.path) if asked.method == "POST" else None
        if action is None or action.name != _RESET or (asked.body or {}).get("ResetType") != "ForceRestart":
            return None
        if state.resources.at(action.owner).get("PowerState") != power.ON:
            return None
        state.did(_RESET, action.owner, asked.body or {})
        state.hung.add(action.owner)
        return refusals.nothing()


class ShutdownTakes(Behaviour):
    """A system that is asked to shut down goes off after `number` seconds, as an operating system does."""

    name = "shutdown-takes"
    default = 2.0

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        action = state.resources.action(asked.path) if asked.method == "POST" else None
        if action is None or action.name != _RESET or (asked.body or {}).get("ResetType") != "GracefulShutdown":
            return None
        if state.resources.at(action.owner).get("PowerState") != power.ON:
            return None
        state.did(_RESET, action.owner, asked.body or {})
        threading.Timer(self.number, self._go_off, [state, action.owner]).start()
        return refusals.nothing()

    @staticmethod
    def _go_off(state: State, system: str) -> None:
        with state.lock:
            power.switch(state, system, power.OFF)


class WarmRestartRefused(Behaviour):
    """The BMC lists a warm restart of itself, and refuses it."""

    name = "warm-restart-refused"

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        action = state.resources.action(asked.path) if asked.method == "POST" else None
        if action is None or action.name != _BMC_RESET or (asked.body or {}).get("ResetType", _WARM) != _WARM:
            return None
        return refusals.in_wrong_state("A warm restart is not possible now.")


class WarmRestartNotEnough(Behaviour):
    """After a warm restart of the BMC it tells no power state, until a cold one."""

    name = "warm-restart-not-enough"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        restarts = state.done(_BMC_RESET)
        warm_last = bool(restarts) and restarts[-1].body["ResetType"] == _WARM
        if warm_last and asked.method == "GET" and state.resources.kind(asked.path) == "ComputerSystem":
            content = answer.get_json()
            content["PowerState"] = None
            answer.set_data(json.dumps(content))
        return answer


class PostBusy400(Behaviour):
    """After a boot the next `number` changes of settings are refused, as the firmware starts: 400 and 503 in turn."""

    name = Quirk.POST_BUSY_400
    default = 2

    def __init__(self, number: float | None = None) -> None:
        super().__init__(number)
        self._left = 0.0

    def prepare(self, state: State) -> None:
        state.after_boot.append(self._booted)

    def _booted(self, _system: str) -> None:
        self._left = self.number

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.method != "PATCH" or self._left <= 0 or state.resources.kind(asked.path) == "ManagerAccount":
            return None
        self._left -= 1
        if (self.number - self._left) % 2 == 0:
            return refusals.failure(503, "SYS518", "Data sources are not available yet.")
        message = "The property cannot be modified while the system is in the power-on self-test."
        return refusals.failure(400, "UnableToModifyDuringSystemPOST", message)


class JobPendingRefused(Behaviour):
    """While BIOS settings wait for a boot, no others and no boot override are taken."""

    name = Quirk.JOB_PENDING_REFUSED

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        kinds = ("Bios", "ComputerSystem")
        waits = any(bios.pending(state, found) for found in state.resources.of_kind("Bios"))
        if asked.method != "PATCH" or not waits or state.resources.kind(asked.path) not in kinds:
            return None
        return refusals.failure(400, "RAC0679", "Pending configuration values are already committed.")


BEHAVIOURS = (
    SameState409,
    ResetValuesInActionInfo,
    ForceRestartHangs,
    ShutdownTakes,
    WarmRestartRefused,
    WarmRestartNotEnough,
    PostBusy400,
    JobPendingRefused,
)
