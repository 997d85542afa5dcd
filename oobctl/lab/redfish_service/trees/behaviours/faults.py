"""Behaviours of a BMC that is slow, loses answers, or falls over."""

import re

import flask

from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour, Lost
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.state import State
from oobctl.profiles.quirks import Quirk

_UNSAFE = re.compile(r"RAID|Enclosure")
_CHASSIS = f"{ROOT}/Chassis"


class Slow(Behaviour):
    """Each answer takes `number` seconds."""

    name = "slow"
    default = 0.5

    @property
    def delay(self) -> float:
        return self.number


class DropAfterAccept(Behaviour):
    """An action is carried out, and its answer is lost."""

    name = "drop-after-accept"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method == "POST" and state.resources.action(asked.path) is not None and answer.status_code < 400:
            raise Lost
        return answer


class StorageChassisUnsafe(Behaviour):
    """A GET of the chassis of a RAID controller or an enclosure restarts the BMC, which then refuses `number` times."""

    name = Quirk.STORAGE_CHASSIS_UNSAFE
    default = 2

    def prepare(self, state: State) -> None:
        state.refused_while_down = int(self.number)
        members = state.resources.members(_CHASSIS)
        if not members or any(_UNSAFE.search(path.rpartition("/")[2]) for path in members):
            return
        path = f"{_CHASSIS}/Enclosure.Internal.0-1:RAID.Integrated.1"
        chassis = {"@odata.id": path, "@odata.type": "#Chassis.v1_22_0.Chassis", "Id": path.rpartition("/")[2]}
        status = {"State": "Enabled", "Health": "OK"}
        state.resources.put(path, chassis | {"Name": "Backplane", "ChassisType": "StorageEnclosure", "Status": status})
        state.resources.list_members(_CHASSIS, [*members, path])

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        is_chassis = asked.method == "GET" and state.resources.kind(asked.path) == "Chassis"
        if is_chassis and _UNSAFE.search(asked.path.rpartition("/")[2]):
            state.restart_bmc()
            raise Lost
        return None


BEHAVIOURS = (Slow, DropAfterAccept, StorageChassisUnsafe)
