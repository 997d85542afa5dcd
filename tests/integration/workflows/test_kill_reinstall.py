"""Worker or boot service die while a server is reinstalled: the next one goes on, and the disk is written once.

No panel runs in any of this: a reinstall that was asked for needs none.
"""

import os
import threading

import pytest

from oobctl.constants import BootPath, JobState, Outcome
from oobctl.store import Install, Job, database
from oobctl.workflows.reinstall_os import WORKFLOW
from tests.installation import eventually, steps_of
from tests.integration.prove.killer import Point
from tests.integration.workflows.conftest import OnTree
from tests.integration.workflows.installer import Installer
from tests.reinstalls import CONTENT, request

pytestmark = pytest.mark.usefixtures("as_before")
PROVE = os.environ.get("OOBCTL_PROVE") == "1"
FULL = (pytest.mark.prove, pytest.mark.skipif(not PROVE, reason="the full table is run by make prove"))
MOMENTS = ("claim", "begin", "written", "configured", "first_boot")
"""What the installer is about to do when the worker dies: each is in another step of the job."""
SEEDED = ("begin", "configured")
SEEDED_REPORTS = ("written",)
ANSWERS = ("claim", "begin", "report", "files", "first_boot")
SEEDED_ANSWERS = ("claim",)


STEPS = tuple(step.name for step in WORKFLOW.steps)
SEEDED_STEPS = ((BootPath.VIRTUAL_MEDIA, "ensure_override", "done"), (BootPath.NETWORK, "ensure_on", "done"))


def worker_dies(on_tree: OnTree) -> None:
    end_workers(on_tree)
    on_tree.road.start_worker()


def end_workers(on_tree: OnTree) -> None:
    end_all(on_tree, "worker")


def end_all(on_tree: OnTree, kind: str) -> None:
    for process in on_tree.road.processes:
        if process.running and kind in process.log.name:
            process.kill()


def ended_right(on_tree: OnTree, job: Job, machine: Installer) -> None:
    """Proven, the image on its disk once, nobody alarmed, no medium left."""
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{job.error} {steps_of(job)}"
    assert machine.image == CONTENT
    assert [name for name, *_ in machine.answers].count("image") == 1
    with database().read() as session:
        row = session.get_one(Install, job.id)
    assert row.alarm is None
    assert [record.kind for record in on_tree.road.records(job.id)] == ["intent", "outcome"]
    assert not any(on_tree.bmc.state.media().values())


@pytest.mark.parametrize("moment", [pytest.param(moment, marks=() if moment in SEEDED else FULL) for moment in MOMENTS])
def test_a_reinstall_whose_worker_is_killed_is_ended_by_the_next_one(on_tree: OnTree, moment: str) -> None:
    died: list[str] = []

    def meanwhile(what: str) -> None:
        if what == moment and not died:
            died.append(what)
            worker_dies(on_tree)

    with on_tree.installer(meanwhile=meanwhile) as machine:
        job = on_tree.road.wait(on_tree.road.submit("os.reinstall", "db01", request(host_name="db01")).id, 120)
    assert died == [moment]
    ended_right(on_tree, job, machine)


@pytest.mark.parametrize(
    "moment", [pytest.param(moment, marks=() if moment in SEEDED_REPORTS else FULL) for moment in MOMENTS]
)
def test_an_installer_whose_boot_service_is_killed_asks_the_next_one(on_tree: OnTree, moment: str) -> None:
    """Killed before the machine asks it for that; the next one is started while the machine asks in vain."""
    following: list[threading.Thread] = []

    def follow() -> None:
        eventually(lambda: machine.unanswered > 0)
        on_tree.road.run("boot").wait_said("the media service is ready")

    def meanwhile(what: str) -> None:
        if what == moment and not following:
            end_all(on_tree, "boot")
            following.append(threading.Thread(target=follow))
            following[0].start()

    with on_tree.installer(meanwhile=meanwhile) as machine:
        job = on_tree.road.wait(on_tree.road.submit("os.reinstall", "db01", request(host_name="db01")).id, 120)
    following[0].join(20)
    assert machine.unanswered > 0
    ended_right(on_tree, job, machine)


@pytest.mark.parametrize("what", [pytest.param(what, marks=() if what in SEEDED_ANSWERS else FULL) for what in ANSWERS])
def test_what_a_boot_service_did_before_it_was_killed_is_not_done_twice(on_tree: OnTree, what: str) -> None:
    """It has done what it was asked for, and is killed before the machine has its answer, which asks the next one."""
    lost: list[str] = []

    def loses(answered: str) -> bool:
        if answered != what or lost:
            return False
        lost.append(what)
        end_all(on_tree, "boot")
        on_tree.road.run("boot").wait_said("the media service is ready")
        return True

    with on_tree.installer(loses=loses) as machine:
        job = on_tree.road.wait(on_tree.road.submit("os.reinstall", "db01", request(host_name="db01")).id, 120)
    assert lost == [what]
    ended_right(on_tree, job, machine)


@pytest.mark.parametrize(
    ("path", "step", "at"),
    [
        pytest.param(path, step, at, marks=() if (path, step, at) in SEEDED_STEPS else FULL)
        for path in (BootPath.VIRTUAL_MEDIA, BootPath.NETWORK)
        for step in STEPS
        for at in ("begun", "done")
    ],
)
def test_a_worker_that_dies_in_any_step_is_followed_by_one_that_ends_it_right(
    on_tree: OnTree, path: str, step: str, at: str
) -> None:
    """begun: the step's beginning is kept, and nothing is done; done: all of it, and nothing of that is kept."""
    end_workers(on_tree)
    point = Point(at=at, server="db01", step=STEPS.index(step))
    dying = on_tree.road.run_python(point.arguments(), name="worker-that-dies")
    dying.wait_said("the worker is ready")
    with on_tree.installer() as machine:
        job = on_tree.road.submit("os.reinstall", "db01", request(host_name="db01", boot_path=path))
        eventually(lambda: not dying.running)
        on_tree.road.start_worker()
        ended = on_tree.road.wait(job.id, 120)
    assert (ended.state, ended.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{ended.error} {steps_of(ended)}"
    assert machine.image == CONTENT
    assert [name for name, *_ in machine.answers].count("image") == 1
    assert not any(on_tree.bmc.state.media().values())
    assert on_tree.bmc.state.override()[:2] == ("None", "Disabled")
