"""Tasks: where a service carries actions out later, a monitor and a task tell of it; they end after some readings."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import flask

from oobctl.lab.redfish_service.answers import resource
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.load import ROOT

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State


@dataclass
class Task:
    """An operation under way. `left`: how many readings until it has ended. monitor: the path of its TaskMonitor."""

    path: str
    monitor: str
    left: int
    answer: flask.Response

    @property
    def ended(self) -> bool:
        return self.left <= 0


def start(state: "State", answer: flask.Response, readings: int) -> flask.Response:
    """202 for an operation that answered so: Location leads to the monitor, the body is the task (DSP0266, 12.2)."""
    tasks = state.resources.linked(state.resources.linked(ROOT, "Tasks"), "Tasks")
    assert tasks is not None  # the tree has a TaskService: the behaviour looked
    number = str(state.number())
    task = Task(f"{tasks}/{number}", f"{tasks.rpartition('/')[0]}/TaskMonitors/{number}", readings, answer)
    state.tasks[task.path] = task
    described = resource(task.path, "Task", "v1_7_3", Id=number, Name=f"Task {number}", TaskMonitor=task.monitor)
    state.resources.put(task.path, described)
    state.resources.list_members(tasks, [*state.resources.members(tasks), task.path])
    _describe(state, task)
    headers = {"Location": task.monitor, "Retry-After": "1"}
    return flask.Response(json.dumps(state.resources.content(task.path)), 202, headers, content_type="application/json")


def find(state: "State", path: str) -> Task | None:
    """The task of that path, or of that monitor."""
    return next((task for task in state.tasks.values() if path in {task.path, task.monitor}), None)


def read(state: "State", task: Task, path: str) -> flask.Response | None:
    """A reading brings the task on. The monitor's answer: 202 while it runs, then the operation's; the task's: None."""
    task.left -= 1
    _describe(state, task)
    if path == task.path:
        return None
    if task.ended:
        return flask.Response(task.answer.get_data(), task.answer.status_code, content_type="application/json")
    content = json.dumps(state.resources.content(task.path))
    return flask.Response(content, 202, {"Location": task.monitor}, content_type="application/json")


def remove(state: "State", task: Task) -> flask.Response:
    """The task and its monitor are gone."""
    del state.tasks[task.path]
    above = task.path.rpartition("/")[0]
    state.resources.list_members(above, [path for path in state.resources.members(above) if path != task.path])
    state.resources.remove(task.path)
    return refusals.nothing()


def _describe(state: "State", task: Task) -> None:
    ok = task.answer.status_code < 400
    state.resources.at(task.path).update(
        {
            "TaskState": ("Completed" if ok else "Exception") if task.ended else "Running",
            "TaskStatus": "OK" if ok or not task.ended else "Critical",
            "PercentComplete": 100 if task.ended else 50,
            "Messages": [] if ok or not task.ended else _messages(task.answer),
        }
    )


def _messages(answer: flask.Response) -> list[object]:
    found = json.loads(answer.get_data() or b"{}").get("error", {})
    return list(found.get("@Message.ExtendedInfo", []))
