"""media.insert that does not come to its end: the image that was in the slot before is put back all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.actions import media
from oobctl.constants import JobState
from oobctl.images import Image, catalogue, serving
from oobctl.jobs.run import WorkerStops
from oobctl.lab.redfish_service.trees import media as tree_media
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.behaviours.faults import DropAfterAccept
from oobctl.lab.redfish_service.trees.state import State
from oobctl.store import Database
from tests.carrying import begin, carried_out, carry_out
from tests.trees import Served, serve, way
from tests.unit.actions.test_release_shared import insert

CD = "/redfish/v1/Systems/1/VirtualMedia/Cd1"
STEPS = [step.name for step in control.find("media.insert").steps]
LAST = STEPS.index("ensure_inserted")


@pytest.fixture
def bmc(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(serving, "check", lambda *_: 1)
    monkeypatch.setattr(catalogue, "all_images", lambda: [Image("new.iso", 1, Path("new.iso"))])
    with serve() as served:
        yield served


@pytest.fixture
def server_id(bmc: Served) -> str:
    """Its BMC has old.iso in the slot."""
    found = way(bmc)
    insert(found, "old.iso", carry_out("server.inspect", found, capabilities=["health"]))
    return found


def holds(bmc: Served) -> str | None:
    found = bmc.state.media()[CD]
    return found and found.rpartition("/")[2]


def refuse_new(monkeypatch: pytest.MonkeyPatch, answer: flask.Response, then: Any = lambda: None) -> None:
    """From now on the BMC answers so to new.iso."""
    put_in = tree_media._put_in

    def picky(state: State, path: str, body: dict[str, Any], name: str) -> flask.Response:
        if not body["Image"].endswith("/new.iso"):
            return put_in(state, path, body, name)
        then()
        return answer

    monkeypatch.setattr(tree_media, "_put_in", picky)


def submit(server_id: str) -> str:
    return control.submit(SYSTEM, "media.insert", server_id, {"image": "new.iso", "slot": "Cd1"}).id


def die_after_the_eject(job_id: str) -> None:
    def dies(*_: object) -> None:
        raise WorkerStops

    runner, run = begin(job_id, "worker-1")
    for position in range(LAST):
        runner.step(run.owner, position)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(media, "_put_in", dies)
        with pytest.raises(WorkerStops):
            runner.step(run.owner, LAST)
    runner.close(run)


def test_where_a_worker_dies_after_the_eject_the_next_one_puts_back_what_was_there(
    bmc: Served, server_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(server_id)
    die_after_the_eject(job_id)
    assert holds(bmc) is None
    refuse_new(monkeypatch, refusals.value_not_in_list("new.iso", "Image"))
    ended = carried_out(job_id)
    assert (ended.state, (ended.error or {})["code"], holds(bmc)) == (JobState.FAILED, "bmc_refused", "old.iso")
    assert (ended.error or {})["message"].endswith("old.iso is in Virtual CD again.")
    assert "What was in Virtual CD (old.iso) was taken out first." in (ended.evidence or {})["notes"]


def test_where_a_worker_dies_after_the_eject_the_next_one_inserts_the_new_image(bmc: Served, server_id: str) -> None:
    job_id = submit(server_id)
    die_after_the_eject(job_id)
    ended = carried_out(job_id)
    assert (ended.state, holds(bmc)) == (JobState.SUCCEEDED, "new.iso"), ended.error


def test_a_cancel_after_the_eject_puts_back_what_was_there(
    bmc: Served, server_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(server_id)
    busy = refusals.failure(503, "ServiceTemporarilyUnavailable", "Busy.", "30")
    refuse_new(monkeypatch, busy, lambda: control.cancel(SYSTEM, job_id))
    ended = carried_out(job_id)
    assert (ended.state, holds(bmc)) == (JobState.CANCELLED, "old.iso"), ended.error
    assert (ended.error or {})["message"].endswith("old.iso is in Virtual CD again.")


def test_where_the_answer_to_the_eject_is_lost_what_was_there_is_put_back(bmc: Served, server_id: str) -> None:
    drops: Behaviour = DropAfterAccept()
    bmc.server.service.behaviours = [*bmc.server.service.behaviours, drops]
    ended = carried_out(submit(server_id))
    assert (ended.state, holds(bmc)) == (JobState.FAILED, "old.iso"), ended.error
    assert (ended.error or {})["message"].endswith("old.iso is in Virtual CD again.")
