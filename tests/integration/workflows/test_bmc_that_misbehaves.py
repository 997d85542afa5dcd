"""os.reinstall on a BMC that forgets an override, makes it permanent, or does not let go of a medium."""

import os
from collections.abc import Callable, Iterator

import pytest

from oobctl.constants import JobState, Outcome
from oobctl.lab.redfish_service.trees import behaviours
from tests.installation import steps_of
from tests.integration.workflows.conftest import OnTree
from tests.integration.workflows.test_reinstall import NO_OVERRIDE, asked, left_alone

pytestmark = pytest.mark.usefixtures("as_before")


@pytest.fixture
def misbehave(on_tree: OnTree) -> Iterator[Callable[[str], None]]:
    """The BMC has that behaviour, until the end of the test."""
    service, state = on_tree.bmc.server.service, on_tree.bmc.state
    before, hooks = service.behaviours, list(state.after_boot)

    def begin(name: str) -> None:
        made = behaviours.make(name)
        made.prepare(state)
        service.behaviours = [*before, made]

    yield begin
    service.behaviours = before
    state.after_boot[:] = hooks


def test_an_override_that_is_forgotten_is_seen_before_the_server_is_switched_on(
    on_tree: OnTree, misbehave: Callable[[str], None]
) -> None:
    misbehave("boot-forgotten")
    boots = len(on_tree.bmc.state.boots)
    job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.FAILED, steps_of(job)
    message = (job.error or {})["message"]
    assert "has forgotten the boot override" in message
    assert "Nothing was written" in message
    assert len(on_tree.bmc.state.boots) == boots + 1  # its old system, put back
    left_alone(on_tree)


def test_an_override_that_is_made_permanent_is_seen_and_cleared(
    on_tree: OnTree, misbehave: Callable[[str], None]
) -> None:
    misbehave("boot-made-permanent")
    with on_tree.installer():
        job = on_tree.road.wait(asked(on_tree).id)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    assert "has kept the boot override" in str(job.evidence)
    assert on_tree.bmc.state.override()[:2] == NO_OVERRIDE


@pytest.mark.prove
@pytest.mark.skipif(os.environ.get("OOBCTL_PROVE") != "1", reason="the full table is run by make prove")
def test_a_medium_that_is_stuck_from_earlier_stops_it_before_anything_is_touched(
    on_tree: OnTree, misbehave: Callable[[str], None]
) -> None:
    slot = next(iter(on_tree.bmc.state.media()))
    stuck = {"Image": "http://192.0.2.9/somebodys.iso", "ImageName": "somebodys.iso", "Inserted": True}
    found = on_tree.bmc.state.resources.at(slot)
    empty = {name: found.get(name) for name in stuck}
    found.update(stuck)
    misbehave("media-stuck")
    boots = len(on_tree.bmc.state.boots)
    try:
        job = on_tree.road.wait(asked(on_tree).id, 240)  # a BMC has a minute to let go of a medium
    finally:
        found.update(empty)
    assert job.state in {JobState.FAILED, JobState.NEEDS_ATTENTION}, steps_of(job)
    assert len(on_tree.bmc.state.boots) == boots
    assert on_tree.bmc.state.power() == "On"


def test_a_medium_of_somebody_is_taken_out_and_told(on_tree: OnTree) -> None:
    slot = next(iter(on_tree.bmc.state.media()))
    found = on_tree.bmc.state.resources.at(slot)
    found.update({"Image": "http://192.0.2.9/somebodys.iso", "ImageName": "somebodys.iso", "Inserted": True})
    with on_tree.installer():
        job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert "taken out first" in str(job.evidence) + str(steps_of(job))
