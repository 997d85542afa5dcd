"""A reinstall that starts by UEFI HTTP boot, and what a BMC does not offer: refused while the old system runs."""

from collections.abc import Iterator

import pytest

from oobctl.constants import BootPath, JobState, Outcome
from tests.installation import steps_of
from tests.integration.workflows.conftest import OnTree
from tests.integration.workflows.test_boot_script import SCRIPT
from tests.integration.workflows.test_reinstall import NO_OVERRIDE, asked
from tests.reinstalls import CONTENT

pytestmark = pytest.mark.usefixtures("as_before")
SYSTEM = "/redfish/v1/Systems/1"
TAKES = "BootSourceOverrideTarget@Redfish.AllowableValues"


@pytest.fixture
def without(on_tree: OnTree, request: pytest.FixtureRequest) -> Iterator[str]:
    """A source that the BMC lists no more."""
    boot = on_tree.bmc.state.resources.at(SYSTEM)["Boot"]
    before = boot[TAKES]
    boot[TAKES] = [one for one in before if one != request.param]
    yield request.param
    boot[TAKES] = before


def test_a_server_is_reinstalled_by_uefi_http_boot(on_tree: OnTree) -> None:
    boots = len(on_tree.bmc.state.boots)
    with on_tree.installer() as machine:
        job = on_tree.road.wait(asked(on_tree, boot_path=BootPath.UEFI_HTTP).id)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{job.error} {steps_of(job)}"
    assert machine.image == CONTENT
    assert on_tree.bmc.state.boots[boots].source == "UefiHttp"
    assert on_tree.bmc.state.override()[:2] == NO_OVERRIDE


@pytest.mark.parametrize("without", ["Pxe"], indirect=True)
def test_where_a_bmc_does_not_list_pxe_a_script_is_started_by_uefi_http_boot(on_tree: OnTree, without: str) -> None:
    boots = len(on_tree.bmc.state.boots)
    with on_tree.installer() as machine:
        job = on_tree.road.wait(on_tree.road.submit("boot.script", "db01", {"script": SCRIPT}).id)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.ACCEPTED), f"{job.error} {steps_of(job)}"
    assert machine.script == SCRIPT
    assert on_tree.bmc.state.boots[boots].source == "UefiHttp"


@pytest.mark.parametrize("without", ["Cd"], indirect=True)
def test_where_nobody_chose_the_first_way_that_the_bmc_lists_is_taken(on_tree: OnTree, without: str) -> None:
    boots = len(on_tree.bmc.state.boots)
    with on_tree.installer() as machine:
        job = on_tree.road.wait(asked(on_tree).id)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{job.error} {steps_of(job)}"
    assert machine.image == CONTENT
    assert on_tree.bmc.state.boots[boots].source == "Pxe"


@pytest.mark.parametrize(
    ("without", "path"),
    [("UefiHttp", BootPath.UEFI_HTTP), ("Pxe", BootPath.NETWORK), ("Cd", BootPath.VIRTUAL_MEDIA)],
    indirect=["without"],
)
def test_a_source_that_the_bmc_does_not_list_costs_no_outage(on_tree: OnTree, without: str, path: BootPath) -> None:
    boots, sent = len(on_tree.bmc.state.boots), len(on_tree.bmc.asked("POST"))
    job = on_tree.road.wait(asked(on_tree, boot_path=path).id)
    assert job.state is JobState.FAILED, steps_of(job)
    error = job.error or {}
    assert (error["code"], error["sent"]) == ("not_supported", False)
    assert f"and not {without}" in error["message"]
    assert "Choose another boot path" in error["message"]
    assert len(on_tree.bmc.state.boots) == boots
    assert on_tree.bmc.state.power() == "On"
    posts = [request.path for request in on_tree.bmc.asked("POST")[sent:] if "Sessions" not in request.path]
    assert posts == []
