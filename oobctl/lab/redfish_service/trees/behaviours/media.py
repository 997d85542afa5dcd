"""Behaviours of virtual media, BIOS settings and tasks."""

import flask

from oobctl.lab.errors import LabError
from oobctl.lab.redfish_service.answers import collection, resource
from oobctl.lab.redfish_service.trees import bios, refusals, tasks
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.state import State
from oobctl.profiles.quirks import Quirk


class MediaWithoutActions(Behaviour):
    """Slots have no actions: Image and Inserted are changed by PATCH."""

    name = Quirk.MEDIA_WITHOUT_ACTIONS

    def prepare(self, state: State) -> None:
        for path in state.resources.of_kind("VirtualMedia"):
            state.resources.at(path).pop("Actions", None)


class MediaImageOnly(Behaviour):
    """InsertMedia takes Image, and refuses whatever stands beside it."""

    name = Quirk.MEDIA_IMAGE_ONLY

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        action = state.resources.action(asked.path) if asked.method == "POST" else None
        if action is None or action.name != "VirtualMedia.InsertMedia":
            return None
        more = [name for name in asked.body or {} if name != "Image"]
        return refusals.not_a_parameter(action.name, more[0]) if more else None


class MediaUnderManagers(Behaviour):
    """The slots are the manager's; the link of the system leads to nothing."""

    name = Quirk.MEDIA_UNDER_MANAGERS

    def prepare(self, state: State) -> None:
        systems = state.resources.members(state.resources.linked(ROOT, "Systems"))
        for system in systems:
            here = state.resources.linked(system, "VirtualMedia")
            managed = (state.resources.at(system).get("Links") or {}).get("ManagedBy") or []
            if here is None or here not in state.resources or not here.startswith(f"{system}/") or not managed:
                continue
            there = f"{managed[0]['@odata.id'].rstrip('/')}/VirtualMedia"
            state.resources.move(here, there)
            state.resources.at(there.rpartition("/")[0])["VirtualMedia"] = {"@odata.id": there}


class BiosSettingsUnlinked(Behaviour):
    """The settings resource of the BIOS is there, at Bios/SD, and nothing links to it."""

    name = Quirk.BIOS_SETTINGS_UNLINKED

    def prepare(self, state: State) -> None:
        linked = [path for path in state.resources.of_kind("Bios") if "@Redfish.Settings" in state.resources.at(path)]
        for path in linked:
            settings = bios.settings(state, path)
            del state.resources.at(path)["@Redfish.Settings"]
            if settings is not None and settings != f"{path}/SD":
                state.resources.move(settings, f"{path}/SD")


class BiosNeedsJob(Behaviour):
    """Pending settings are applied by no boot before a job was made for them: POST TargetSettingsURI to Jobs."""

    name = Quirk.BIOS_NEEDS_JOB

    def prepare(self, state: State) -> None:
        state.bios_jobs = set()
        for path in state.resources.of_kind("Manager"):
            jobs = f"{path}/Jobs"
            if jobs not in state.resources:
                state.resources.put(jobs, collection(jobs, "Job", []))

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        above, _, last = asked.path.rpartition("/")
        if asked.method != "POST" or last != "Jobs" or state.resources.kind(above) != "Manager":
            return None
        target = state.resources.canonical(str((asked.body or {}).get("TargetSettingsURI")))
        if bios.bios_of(state, target) is None:
            return refusals.value_not_in_list(target, "TargetSettingsURI")
        assert state.bios_jobs is not None
        if target in state.bios_jobs:
            return refusals.in_wrong_state("There is a job for these settings already.")
        state.bios_jobs.add(target)
        job = f"{asked.path}/JID_{state.number():012}"
        described = resource(job, "Job", "v1_2_4", Id=job.rpartition("/")[2], Name="BIOS configuration")
        state.resources.put(job, described | {"JobState": "Pending", "Messages": []})
        state.resources.list_members(asked.path, [*state.resources.members(asked.path), job])
        return flask.Response(status=200, headers={"Location": job})


class AsyncActions(Behaviour):
    """Actions are answered with 202 and a task, which has ended after `number` readings of it or its monitor."""

    name = "async-actions"
    default = 2

    def prepare(self, state: State) -> None:
        if state.resources.get(state.resources.linked(state.resources.linked(ROOT, "Tasks"), "Tasks")) is None:
            raise LabError(f"{self.name}: this tree has no TaskService.")
        state.asynchronous = int(self.number)


class TaskDeletedOnRead(AsyncActions):
    """As async-actions, and the first reading of the monitor after the end takes the task with it."""

    name = Quirk.TASK_DELETED_ON_READ

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        task = tasks.find(state, asked.path) if asked.method == "GET" else None
        if task is not None and task.ended and asked.path == task.monitor:
            tasks.remove(state, task)
        return answer


BEHAVIOURS = (
    MediaWithoutActions,
    MediaImageOnly,
    MediaUnderManagers,
    BiosSettingsUnlinked,
    BiosNeedsJob,
    AsyncActions,
    TaskDeletedOnRead,
)
