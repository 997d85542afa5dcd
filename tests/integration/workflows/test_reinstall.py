"""os.reinstall on a BMC: it always ends, says where it is, and before the first byte it leaves all as it was."""

from typing import Any

import pytest
from sqlalchemy import select

from oobctl import control
from oobctl.constants import JobState, Outcome
from oobctl.errors import InvalidParameter, ServerBusy, WrongState
from oobctl.images import systems
from oobctl.images.installs import hardware
from oobctl.store import Install, InstallLog, Job, database
from tests.installation import steps_of
from tests.integration.workflows.conftest import OnTree
from tests.reinstalls import CONTENT, SSH_KEY, add_image, request, token

pytestmark = pytest.mark.usefixtures("as_before")
NO_OVERRIDE = ("None", "Disabled")


def asked(on_tree: OnTree, **changes: Any) -> Job:
    return on_tree.road.submit("os.reinstall", "db01", request(host_name="db01.example.org", **changes))


def install(job: Job) -> Install:
    with database().read() as session:
        return session.get_one(Install, job.id)


def left_alone(on_tree: OnTree) -> None:
    """On, from its disk: nothing in the drive, no override."""
    assert on_tree.bmc.state.power() == "On"
    assert not any(on_tree.bmc.state.media().values())
    assert on_tree.bmc.state.override()[:2] == NO_OVERRIDE
    assert on_tree.bmc.state.boots[-1].source in {"None", "Hdd"}


def test_a_server_is_reinstalled_and_proven_by_its_own_report(on_tree: OnTree) -> None:
    with on_tree.installer() as machine:
        job = on_tree.road.wait(asked(on_tree).id)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{job.error} {steps_of(job)}"
    assert machine.image == CONTENT
    assert machine.files["root/.ssh/authorized_keys"] == f"{SSH_KEY}\n".encode()
    evidence = job.evidence or {}
    assert evidence["after"]["host_name"] == "db01"
    assert evidence["after"]["host_keys"][0]["fingerprint"].startswith("SHA256:")
    assert evidence["installer"]["disks"][0]["serial"] == "EXDRV0001"
    assert not any(on_tree.bmc.state.media().values())
    assert on_tree.bmc.state.override()[:2] == NO_OVERRIDE
    with database().read() as session:
        lines = session.scalars(select(InstallLog.text).where(InstallLog.job_id == job.id)).all()
    assert "the installer is here" in lines
    row = install(job)
    assert (row.sealed, row.closed_at is not None) == (None, True)
    assert machine.claim(token()).status_code == 404  # its key opens nothing any more


def test_the_installer_finds_the_chosen_network_on_its_medium(on_tree: OnTree) -> None:
    with database().read() as session:
        card = hardware.inspected(session, on_tree.road.server("db01").id).macs[0]
    network = {"macs": [card], "addresses": ["192.0.2.10/24"], "gateways": ["192.0.2.1"]}
    with on_tree.installer(until="claim") as machine:
        job = asked(on_tree, network=network)
        machine.done("claim")
        control.cancel(on_tree.road.actor("customer"), job.id)
        on_tree.road.wait(job.id)
    lines = machine.job["network"].decode().splitlines()
    assert lines == [f"mac {card}", "address 192.0.2.10/24", "gateway 192.0.2.1"]


def test_no_secret_of_it_is_in_the_job_or_its_records(on_tree: OnTree) -> None:
    data = "#cloud-config\n# a-secret-of-the-customer\n"
    with on_tree.installer() as machine:
        job = on_tree.road.wait(asked(on_tree, user_data=data).id)
    assert job.state is JobState.SUCCEEDED, job.error
    kept = on_tree.kept(job)
    secrets = [machine.key, machine.token, machine.files["etc/oobctl/key"].decode(), SSH_KEY.split()[1]]
    for secret in (*secrets, "a-secret-of-the-customer"):
        assert secret not in kept


def test_a_cancel_before_the_first_byte_leaves_all_as_it_was(on_tree: OnTree) -> None:
    jobs: list[Job] = []

    def cancel(what: str) -> None:
        if what == "claim":
            control.cancel(on_tree.road.actor("customer"), jobs[0].id)

    with on_tree.installer(meanwhile=cancel) as machine:
        jobs.append(asked(on_tree))
        job = on_tree.road.wait(jobs[0].id)
    assert job.state is JobState.CANCELLED, job.error
    assert "Nothing was written" in (job.error or {})["message"]
    assert machine.image == b""
    left_alone(on_tree)


def test_an_installer_that_never_calls_ends_the_job_and_the_server_is_on_again(on_tree: OnTree) -> None:
    job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.FAILED, steps_of(job)
    assert "No installer has called" in (job.error or {})["message"]
    left_alone(on_tree)


@pytest.mark.parametrize(
    ("says", "word"),
    [
        ({"disks": "sda\t4000787030016\tANOTHER\tM\t\t0\n"}, "0 disks EXDRV0001"),
        ({"disks": "sda\t1024\tEXDRV0001\tM\t\t0\n"}, "were inspected"),
        ({"firmware": "DOS"}, "mode"),
    ],
)
def test_the_wrong_disk_is_refused_unwritten(on_tree: OnTree, says: dict[str, str], word: str) -> None:
    with on_tree.installer(says=says) as machine:
        job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.FAILED, steps_of(job)
    assert word in (job.error or {})["message"]
    assert machine.image == b""
    left_alone(on_tree)


def test_an_image_that_was_changed_since_it_came_is_not_installed(on_tree: OnTree) -> None:
    image = systems.find("tiny-1")
    file = systems.path_of(image, image.forms[0])
    boots = len(on_tree.bmc.state.boots)
    file.write_bytes(CONTENT[:-1] + b"x")
    try:
        job = on_tree.road.wait(asked(on_tree).id)
    finally:
        file.write_bytes(CONTENT)
    assert job.state is JobState.FAILED, steps_of(job)
    assert file.name in (job.error or {})["message"]
    assert len(on_tree.bmc.state.boots) == boots
    assert on_tree.bmc.state.power() == "On"


def test_a_second_reinstall_of_one_server_is_refused_and_told_of_the_first(on_tree: OnTree) -> None:
    first = asked(on_tree)
    with pytest.raises(ServerBusy) as caught:
        asked(on_tree)
    assert caught.value.details["job"] == first.id
    control.cancel(on_tree.road.actor("customer"), first.id)
    assert on_tree.road.wait(first.id).state is JobState.CANCELLED


def test_an_image_of_another_account_is_no_image_of_ours(on_tree: OnTree) -> None:
    add_image("private-1", account=on_tree.road.actor("technician").account_id)
    with pytest.raises(InvalidParameter) as caught:
        asked(on_tree, image="private-1")
    unknown = "There is no image private-1 to install."
    assert caught.value.message.startswith(unknown)
    assert "private-1" not in caught.value.message.removeprefix(unknown)


def test_a_second_claimant_stops_the_job_and_says_so(on_tree: OnTree) -> None:
    machine = on_tree.installer(until="begin")
    machine._meanwhile = lambda what: machine.claim(token()) if what == "begin" else None  # type: ignore[assignment]
    with machine:
        job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.NEEDS_ATTENTION, steps_of(job)
    assert "a second time" in (job.error or {})["message"]
    assert install(job).first_write_at is None
    left_alone(on_tree)


def test_an_installer_that_fails_after_the_first_byte_leaves_it_to_a_person(on_tree: OnTree) -> None:
    with on_tree.installer(fails="the image's sha256 is 12, and should be 34"):
        job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.NEEDS_ATTENTION, steps_of(job)
    message = (job.error or {})["message"]
    assert "sha256 is 12" in message
    assert "The old system is gone" in message
    assert not any(on_tree.bmc.state.media().values())
    assert on_tree.bmc.state.override()[:2] == NO_OVERRIDE


def test_an_installer_that_dies_while_it_writes_is_noticed(on_tree: OnTree) -> None:
    with on_tree.installer(until="begin"):
        job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.NEEDS_ATTENTION, steps_of(job)
    assert "said nothing" in (job.error or {})["message"]


def test_a_new_system_that_never_reports_leaves_it_to_a_person(on_tree: OnTree) -> None:
    with on_tree.installer(until="configured"):
        job = on_tree.road.wait(asked(on_tree).id)
    assert job.state is JobState.NEEDS_ATTENTION, steps_of(job)
    assert "has not reported itself" in (job.error or {})["message"]
    assert not any(on_tree.bmc.state.media().values())


def test_a_cancel_is_refused_once_the_first_byte_may_be_written(on_tree: OnTree) -> None:
    refused: list[str] = []
    jobs: list[Job] = []

    def cancel(what: str) -> None:
        if what != "written":
            return
        try:
            control.cancel(on_tree.road.actor("customer"), jobs[0].id)
        except WrongState as error:
            refused.append(error.message)

    with on_tree.installer(meanwhile=cancel):
        jobs.append(asked(on_tree))
        job = on_tree.road.wait(jobs[0].id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert refused
