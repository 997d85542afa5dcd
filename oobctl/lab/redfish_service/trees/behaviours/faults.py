"""Behaviours of a BMC that is slow, loses answers, or falls over."""

import re
from typing import Any

import flask

from oobctl.lab.redfish_service.trees import boot, refusals
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


class Silent(Behaviour):
    """Nothing is answered, and nothing done."""

    name = "silent"

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        raise Lost


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


class BootForgotten(Behaviour):
    """A boot override is taken, told once, and gone after that."""

    name = "boot-forgotten"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        held = state.resources.get(asked.path) if asked.method == "GET" else None
        if held is not None and state.resources.kind(asked.path) == "ComputerSystem" and _is_set(held):
            held["Boot"] |= {boot.ENABLED: "Disabled", boot.TARGET: "None"}
        return answer


class BootMadePermanent(Behaviour):
    """An override for one boot is there for all of them once it was used."""

    name = "boot-made-permanent"

    def prepare(self, state: State) -> None:
        state.after_boot.append(lambda system: self._keep(state, system))

    @staticmethod
    def _keep(state: State, system: str) -> None:
        used = state.boots[-1]
        if used.enabled == "Once":
            state.resources.at(system)["Boot"] |= {boot.TARGET: used.source, boot.ENABLED: "Continuous"}


class MediaStuck(Behaviour):
    """What is in a slot of virtual media stays there, though the service says that it was taken out."""

    name = "media-stuck"

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        return refusals.nothing() if asked.path.endswith(".EjectMedia") else None


def _is_set(system: dict[str, Any]) -> bool:
    return bool((system.get("Boot") or {}).get(boot.ENABLED, "Disabled") != "Disabled")


BEHAVIOURS = (Slow, Silent, DropAfterAccept, StorageChassisUnsafe, BootForgotten, BootMadePermanent, MediaStuck)
