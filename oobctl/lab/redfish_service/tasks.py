"""TaskService: what takes longer than a client wants to wait for (DSP0266, section 12.2)."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import flask

from oobctl.lab.redfish_service.answers import collection, failure, resource
from oobctl.lab.redfish_service.readings import HEALTHY
from oobctl.lab.redfish_service.routes import serve

SERVICE = "/redfish/v1/TaskService"
TASKS = f"{SERVICE}/Tasks"
PATIENCE_SECONDS = 5.0
_KEPT = 50


class TaskFailed(Exception):
    """The work ended in a failure; the answer is what a client that waited would have got."""

    def __init__(self, status: int, message_id: str, message: str, *arguments: str) -> None:
        super().__init__(message)
        self.status, self.message_id, self.message, self.arguments = status, message_id, message, arguments


@dataclass
class _Task:
    number: int
    name: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    failure: TaskFailed | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def describe(self) -> dict[str, Any]:
        path = f"{TASKS}/{self.number}"
        body = resource(path, "Task", "v1_5_1", Id=str(self.number), Name=self.name, StartTime=self.started.isoformat())
        if self.ended is None:
            return body | {"TaskState": "Running", "TaskStatus": "OK", "Messages": []}
        body["EndTime"] = self.ended.isoformat()
        if self.failure is None:
            return body | {"TaskState": "Completed", "TaskStatus": "OK", "PercentComplete": 100, "Messages": []}
        message = {
            "MessageId": f"Base.1.8.{self.failure.message_id}",
            "Message": self.failure.message,
            "MessageArgs": list(self.failure.arguments),
            "Severity": "Critical",
        }
        return body | {"TaskState": "Exception", "TaskStatus": "Critical", "Messages": [message]}


class Tasks:
    """Tasks live in memory: a reset of the BMC forgets them."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._tasks: dict[int, _Task] = {}

    def install(self, app: flask.Flask) -> None:
        app.view_functions["simple_task_service"] = lambda: flask.jsonify(self.service())
        app.view_functions["simple_task"] = lambda: self.member("42")  # sushy-tools has that one alone
        serve(app, {TASKS: lambda: collection(TASKS, "Task", [f"{TASKS}/{number}" for number in list(self._tasks)])})
        app.add_url_rule(f"{TASKS}/<number>", "lab_task", self.member)

    def run(self, name: str, work: Callable[[], None], done: Callable[[], flask.Response]) -> flask.Response:
        """Do the work, which may raise TaskFailed: its end is the answer, or after 5 s a 202 with a task to follow."""
        task = _Task(next(self._numbers), name)
        threading.Thread(target=_carry_out, args=(task, work), daemon=True).start()
        if task.done.wait(PATIENCE_SECONDS):
            if task.failure is None:
                return done()
            refusal = task.failure
            return failure(refusal.status, refusal.message_id, refusal.message, *refusal.arguments)
        self._tasks[task.number] = task
        while len(self._tasks) > _KEPT:
            del self._tasks[next(iter(self._tasks))]
        answer = flask.jsonify(task.describe())
        answer.status_code = 202
        answer.headers["Location"] = f"{TASKS}/{task.number}"
        return answer

    def service(self) -> dict[str, Any]:
        body = resource(SERVICE, "TaskService", "v1_2_0", Id="TaskService", Name="Task Service", ServiceEnabled=True)
        return body | {"Tasks": {"@odata.id": TASKS}, "Status": HEALTHY}

    def member(self, number: str) -> flask.Response:
        task = self._tasks.get(int(number)) if number.isdecimal() else None
        if task is None:
            message = f"The requested resource of type Task named {number} was not found."
            return failure(404, "ResourceNotFound", message, "Task", number)
        return flask.jsonify(task.describe())


def _carry_out(task: _Task, work: Callable[[], None]) -> None:
    try:
        work()
    except TaskFailed as refusal:
        task.failure = refusal
    except Exception as error:  # the client has to hear of it, whatever it is
        task.failure = TaskFailed(500, "InternalError", f"The request failed: {type(error).__name__}: {error}")
    task.ended = datetime.now(UTC)
    task.done.set()
