"""The worker dies while a server is reinstalled: the next one goes on, and the disk is written once."""

import os

import pytest

from oobctl.constants import JobState, Outcome
from oobctl.store import Install, database
from tests.installation import steps_of
from tests.integration.workflows.conftest import OnTree
from tests.reinstalls import CONTENT, request

pytestmark = pytest.mark.usefixtures("as_before")
PROVE = os.environ.get("OOBCTL_PROVE") == "1"
FULL = (pytest.mark.prove, pytest.mark.skipif(not PROVE, reason="the full table is run by make prove"))
MOMENTS = ("claim", "begin", "written", "configured", "first_boot")
"""What the installer is about to do when the worker dies: each is in another step of the job."""
SEEDED = ("begin", "configured")


def worker_dies(on_tree: OnTree) -> None:
    running = [process for process in on_tree.road.processes if process.running and "worker" in process.log.name]
    for process in running:
        process.kill()
    on_tree.road.start_worker()


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
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{job.error} {steps_of(job)}"
    assert machine.image == CONTENT
    assert [name for name, *_ in machine.answers].count("image") == 1
    with database().read() as session:
        row = session.get_one(Install, job.id)
    assert row.alarm is None
    assert [record.kind for record in on_tree.road.records(job.id)] == ["intent", "outcome"]
    assert not any(on_tree.bmc.state.media().values())
