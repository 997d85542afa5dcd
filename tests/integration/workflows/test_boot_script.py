"""boot.script on a BMC: the server's firmware gets the script once, and it is in no record."""

from collections.abc import Callable

import httpx
import pytest

from oobctl.config import settings
from oobctl.constants import JobState, Outcome
from oobctl.store import Install, Job, database
from tests.installation import steps_of
from tests.integration.workflows.conftest import OnTree
from tests.integration.workflows.test_bmc_that_misbehaves import misbehave as misbehave
from tests.integration.workflows.test_reinstall import NO_OVERRIDE, left_alone

pytestmark = pytest.mark.usefixtures("as_before")
SCRIPT = "#!ipxe\necho a-secret-of-the-customer\nsanboot --no-describe --drive 0x80\n"


def asked(on_tree: OnTree) -> Job:
    return on_tree.road.submit("boot.script", "db01", {"script": SCRIPT})


def test_the_script_is_given_once_to_its_server_and_what_it_does_is_not_called_proven(on_tree: OnTree) -> None:
    with on_tree.installer() as machine:
        job = on_tree.road.wait(asked(on_tree).id)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.ACCEPTED), f"{job.error} {steps_of(job)}"
    assert machine.script == SCRIPT
    assert on_tree.bmc.state.override()[:2] == NO_OVERRIDE
    again = {"mac": machine.said["mac"], "uuid": machine.said["uuid"], "platform": "efi"}
    second = httpx.get(f"{settings().media_address}/boot/script", params=again, trust_env=False).text
    assert "nothing is to be installed" in second
    with database().read() as session:
        assert session.get_one(Install, job.id).sealed is None


def test_the_script_is_in_no_job_record_or_log(on_tree: OnTree) -> None:
    with on_tree.installer():
        job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert "a-secret-of-the-customer" not in on_tree.kept(job)
    assert job.parameters["lines"] == 3


def test_a_server_that_never_asks_is_on_again_from_its_disk(on_tree: OnTree) -> None:
    job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.FAILED, steps_of(job)
    assert "has not asked for its script" in (job.error or {})["message"]
    assert "given to nobody" in (job.error or {})["message"]
    left_alone(on_tree)


def test_an_override_that_is_forgotten_is_seen_before_the_server_is_switched_on(
    on_tree: OnTree, misbehave: Callable[[str], None]
) -> None:
    misbehave("boot-forgotten")
    job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.FAILED, steps_of(job)
    assert "has forgotten the boot override" in (job.error or {})["message"]
    left_alone(on_tree)
