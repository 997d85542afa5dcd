"""Work that takes long becomes a task; work that ends soon is the answer itself."""

import threading

import flask
import pytest

from oobctl.lab.redfish_service import tasks
from oobctl.lab.redfish_service.answers import nothing
from oobctl.lab.redfish_service.tasks import TaskFailed, Tasks


@pytest.fixture
def app() -> flask.Flask:
    return flask.Flask(__name__)


def test_work_that_ends_soon_is_answered_with_its_end(app: flask.Flask) -> None:
    def refuse() -> None:
        raise TaskFailed(409, "ResourceInUse", "It is in use.")

    with app.test_request_context():
        assert Tasks().run("work", lambda: None, nothing).status_code == 204
        assert Tasks().run("work", refuse, nothing).status_code == 409


@pytest.mark.parametrize("fails", [False, True])
def test_work_that_lasts_is_a_task_that_tells_its_end(
    app: flask.Flask, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(tasks, "PATIENCE_SECONDS", 0.01)
    go, ended = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(60)
        ended.set()
        if fails:
            raise TaskFailed(400, "ResourceMissingAtURI", "It is not there.")

    service = Tasks()
    with app.test_request_context():
        answer = service.run("work", work, nothing)
        assert (answer.status_code, answer.headers["Location"]) == (202, f"{tasks.TASKS}/1")
        assert service.member("1").get_json()["TaskState"] == "Running"
        go.set()
        assert ended.wait(60)
        service._tasks[1].done.wait(60)
        state = service.member("1").get_json()
    assert state["TaskState"] == ("Exception" if fails else "Completed")
    assert [message["MessageId"] for message in state["Messages"]] == (
        ["Base.1.8.ResourceMissingAtURI"] if fails else []
    )


def test_a_task_that_there_is_not_is_a_404(app: flask.Flask) -> None:
    with app.test_request_context():
        assert Tasks().member("1").status_code == 404
