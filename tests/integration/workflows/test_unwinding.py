"""What is put right where a reinstall does not go on: in each case, by any worker, as far as the BMC lets it."""

import os
import threading
from collections.abc import Callable

import pytest

from oobctl import control
from oobctl.constants import JobState, Outcome, StepState
from oobctl.store import Job, JobStep, database
from tests.installation import eventually, steps_of
from tests.integration.prove.killer import OF_AN_UNWINDING, Point
from tests.integration.workflows.conftest import OnTree
from tests.integration.workflows.test_bmc_that_misbehaves import misbehave as misbehave
from tests.integration.workflows.test_kill_reinstall import end_workers
from tests.integration.workflows.test_reinstall import NO_OVERRIDE, asked, install, left_alone

pytestmark = pytest.mark.usefixtures("as_before")
FULL = (
    pytest.mark.prove,
    pytest.mark.skipif(os.environ.get("OOBCTL_PROVE") != "1", reason="the full table is run by make prove"),
)
Misbehave = Callable[[str], None]
TOO_SMALL = {"disks": "sda\t1024\tEXDRV0001\tM\t\t0\n"}


def shutting_down(job: Job) -> bool:
    """Whether the old system was asked to shut down, and is waited for."""
    with database().read() as session:
        steps = session.query(JobStep).filter_by(job_id=job.id, name="ensure_off").all()
    return any(step.state is StepState.RUNNING and step.sent_at for step in steps)


def cancelled_in_the_shutdown(on_tree: OnTree) -> Job:
    job = asked(on_tree)
    eventually(lambda: shutting_down(job))
    control.cancel(on_tree.road.actor("customer"), job.id)
    return on_tree.road.wait(job.id)


def resets(on_tree: OnTree) -> list[str]:
    return [done.body["ResetType"] for done in on_tree.bmc.state.done("ComputerSystem.Reset")]


def test_a_cancel_while_the_old_system_shuts_down_waits_for_that_and_switches_it_on_again(
    on_tree: OnTree, misbehave: Misbehave
) -> None:
    misbehave("shutdown-takes=2")
    job = cancelled_in_the_shutdown(on_tree)
    assert job.state is JobState.CANCELLED, job.error
    left_alone(on_tree)
    assert resets(on_tree)[-2:] == ["GracefulShutdown", "On"]


def test_a_system_that_does_not_shut_down_keeps_its_power_where_the_reinstall_was_cancelled(
    on_tree: OnTree, misbehave: Misbehave
) -> None:
    misbehave("shutdown-takes=8")  # longer than it is waited for here
    job = cancelled_in_the_shutdown(on_tree)
    assert job.state is JobState.NEEDS_ATTENTION, job.error
    assert "is still On" in (job.error or {})["message"]
    assert resets(on_tree)[-1] == "GracefulShutdown"
    eventually(lambda: on_tree.bmc.state.power() == "Off")


@pytest.mark.parametrize("at", [pytest.param(at, marks=FULL if at == "unwound" else ()) for at in OF_AN_UNWINDING])
@pytest.mark.parametrize("before", [pytest.param("On", marks=FULL), "Off"])
def test_a_worker_that_dies_while_it_puts_right_is_followed_by_one_that_does(
    on_tree: OnTree, before: str, at: str
) -> None:
    if before == "Off":
        on_tree.road.do("power.off", "db01")
    end_workers(on_tree)
    dying = on_tree.road.run_python(Point(at=at, server="db01").arguments(), name="worker-that-dies")
    dying.wait_said("the worker is ready")
    boots = len(on_tree.bmc.state.boots)
    with on_tree.installer(says=TOO_SMALL):
        job = asked(on_tree)
        eventually(lambda: not dying.running, 120)
        on_tree.road.start_worker()
        ended = on_tree.road.wait(job.id, 120)
    assert ended.state is JobState.FAILED, f"{ended.error} {steps_of(ended)}"
    assert on_tree.bmc.state.power() == before
    assert not any(on_tree.bmc.state.media().values())
    assert on_tree.bmc.state.override()[:2] == NO_OVERRIDE
    sources = [boot.source for boot in on_tree.bmc.state.boots[boots:]]
    assert sources == (["Cd", "None"] if before == "On" else ["Cd"])


def test_a_cancel_whose_worker_dies_as_all_is_put_right_is_not_put_right_twice(
    on_tree: OnTree, misbehave: Misbehave
) -> None:
    misbehave("shutdown-takes=2")
    end_workers(on_tree)
    dying = on_tree.road.run_python(Point(at="unwound", server="db01").arguments(), name="worker-that-dies")
    dying.wait_said("the worker is ready")
    job = asked(on_tree)
    eventually(lambda: shutting_down(job))
    control.cancel(on_tree.road.actor("customer"), job.id)
    eventually(lambda: not dying.running, 60)
    on_tree.road.start_worker()
    ended = on_tree.road.wait(job.id, 120)
    assert ended.state is JobState.CANCELLED, ended.error
    left_alone(on_tree)
    assert resets(on_tree)[-2:] == ["GracefulShutdown", "On"]


def test_a_medium_that_stays_in_keeps_nothing_else_from_being_put_right(on_tree: OnTree, misbehave: Misbehave) -> None:
    slots = on_tree.bmc.state.media
    with on_tree.installer(
        says=TOO_SMALL, meanwhile=lambda what: misbehave("media-stuck") if what == "claim" else None
    ):
        job = on_tree.road.wait(asked(on_tree).id, 240)
    assert any(slots().values())
    on_tree.bmc.state.resources.at(next(iter(slots()))).update({"Image": None, "ImageName": None, "Inserted": False})
    assert job.state is JobState.NEEDS_ATTENTION, steps_of(job)
    assert "It could not be put right" in (job.error or {})["message"]
    left_alone(on_tree)


def test_a_bmc_that_is_silent_while_the_new_system_starts_keeps_nothing_up(
    on_tree: OnTree, misbehave: Misbehave
) -> None:
    service = on_tree.bmc.server.service
    before = service.behaviours

    def silence(what: str) -> None:
        if what == "configured":
            misbehave("silent")
        elif what == "first_boot":
            service.behaviours = before

    with on_tree.installer(meanwhile=silence):
        job = on_tree.road.wait(asked(on_tree).id, 120)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{job.error} {steps_of(job)}"
    assert "could not be taken away" in str(job.evidence)
    assert not any(on_tree.bmc.state.media().values())


def test_a_bmc_that_stays_silent_leaves_a_new_system_that_runs_and_words_that_say_so(
    on_tree: OnTree, misbehave: Misbehave
) -> None:
    service = on_tree.bmc.server.service
    before = service.behaviours
    with on_tree.installer(meanwhile=lambda what: misbehave("silent") if what == "configured" else None) as machine:
        job = on_tree.road.wait(asked(on_tree).id, 240)
    service.behaviours = before
    assert job.state is JobState.NEEDS_ATTENTION, steps_of(job)
    message = (job.error or {})["message"]
    assert "The new system runs" in message
    assert "new reinstall" not in message
    assert machine.answer("first_boot")[0] == 200
    on_tree.road.do("media.eject", "db01", {})


def test_a_system_that_reports_itself_after_its_job_is_kept_with_its_key(on_tree: OnTree) -> None:
    late = threading.Event()
    with on_tree.installer(meanwhile=lambda what: late.wait(60) if what == "first_boot" else None) as machine:
        job = on_tree.road.wait(asked(on_tree).id, 120)
        late.set()
        machine.done("first_boot")
    assert job.state is JobState.NEEDS_ATTENTION, steps_of(job)
    assert machine.answer("first_boot")[0] == 200
    assert (install(job).first_boot or {})["host_keys"]
