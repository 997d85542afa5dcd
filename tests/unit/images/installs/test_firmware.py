"""As what a server starts: an image that cannot start so is refused while the old system still runs."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from oobctl import clock
from oobctl.constants import Capability, Firmware, JobState, NetworkBoot
from oobctl.errors import InvalidParameter
from oobctl.images.installs import hardware, network
from oobctl.store import Assignment, Job, Server, database
from oobctl.workflows.reinstall_os import WORKFLOW
from tests.carrying import begin
from tests.installation import Installation
from tests.reinstalls import add_image, asked, keep_reading, ready, request

AGO = timedelta(minutes=5)


@pytest.fixture
def server(sqlite_installation: Installation) -> str:
    """A server whose profile names the attribute BootMode, and an image that starts by UEFI alone."""
    add_image(firmware=(Firmware.UEFI,))
    found = ready(sqlite_installation)
    is_a(found, "dell-idrac9")
    handed_over(found, timedelta(days=1))
    return found


def is_a(server: str, profile: str) -> None:
    with database().write() as session:
        session.get_one(Server, server).bmc.profile = profile


def boot_from_network(server: str) -> None:
    with database().read() as session:
        site = session.get_one(Server, server).site_id
    network.tell(site, NetworkBoot.SCRIPT)


def handed_over(server: str, ago: timedelta) -> None:
    """As if the server had come to its tenant so long ago."""
    with database().write() as session:
        for row in session.scalars(select(Assignment).where(Assignment.server_id == server)):
            row.from_at = clock.now() - ago


def read(server: str, mode: str | None, *, pending: str | None = None, ago: timedelta = AGO, **more: str) -> None:
    """As if the BIOS had been read so long ago."""
    told = ({} if mode is None else {"BootMode": mode}) | more
    content: dict[str, Any] = {"values": told, "pending": {} if pending is None else {"BootMode": pending}}
    keep_reading(server, Capability.BIOS, content, clock.now() - ago)


def starts_as(server: str) -> Firmware | None:
    with database().read() as session:
        found = hardware.inspected(session, server).firmware
    return None if found is None else found.starts_as


def bios_job(server: str, state: JobState, started: timedelta | None, action: str = "bios.setup") -> None:
    """A job on the BIOS, made from one that was asked for; started: so long ago."""
    job = asked(server)
    with database().write() as session:
        row = session.get_one(Job, job.id)
        row.action, row.state = action, state
        row.started_at = None if started is None else clock.now() - started


def test_uefi_http_boot_is_not_for_a_server_that_starts_as_bios(server: str) -> None:
    boot_from_network(server)
    read(server, "Bios")
    with pytest.raises(InvalidParameter, match="UEFI HTTP boot is UEFI's, and it starts as BIOS") as caught:
        asked(server, request(boot_path="uefi-http"))
    assert caught.value.details["field"] == "boot_path"


def test_an_image_for_bios_alone_is_not_started_by_uefi_http_boot(server: str) -> None:
    add_image("bios-1", firmware=(Firmware.BIOS,))
    boot_from_network(server)
    with pytest.raises(InvalidParameter, match="bios-1 starts as BIOS alone, and UEFI HTTP boot is UEFI's"):
        asked(server, request(image="bios-1", boot_path="uefi-http"))


def test_an_image_that_cannot_start_as_the_server_does_is_refused_at_the_door(server: str) -> None:
    read(server, "Bios")
    with pytest.raises(InvalidParameter) as caught:
        asked(server)
    said = caught.value.message
    assert caught.value.details["field"] == "image"
    assert "tiny-1 starts as UEFI alone, and the server as BIOS: its BIOS attribute BootMode is Bios (read at 2" in said
    for way_on in ("Choose an image that starts as BIOS", "set BootMode to Uefi first (bios.set)", "server.inspect"):
        assert way_on in said


def test_one_that_starts_as_the_server_does_is_not_refused(server: str) -> None:
    read(server, "Uefi")
    assert asked(server).state is JobState.QUEUED


def test_the_worker_looks_again_before_the_old_system_is_shut_down(server: str) -> None:
    read(server, "Uefi")
    job = asked(server)
    read(server, "Bios", ago=timedelta())
    names = [step.name for step in WORKFLOW.steps]
    position = names.index("check_preconditions")
    assert position < names.index("ensure_off")
    runner, run = begin(job.id)
    try:
        result = runner.step(run.owner, position)
    finally:
        runner.close(run)
    assert "the server as BIOS" in str(result["error"])


def test_where_nothing_was_read_nothing_is_refused(server: str) -> None:
    assert starts_as(server) is None
    keep_reading(server, Capability.BIOS, None)
    assert starts_as(server) is None
    assert asked(server).state is JobState.QUEUED


def test_where_the_profile_names_no_attribute_nothing_is_refused(server: str) -> None:
    is_a(server, "generic-redfish")
    read(server, "Bios")
    assert starts_as(server) is None
    assert asked(server).state is JobState.QUEUED


def test_a_value_that_says_neither_tells_nothing(server: str) -> None:
    read(server, "DualOrWhatever")
    assert starts_as(server) is None


def test_of_two_attributes_that_fit_neither_tells(server: str) -> None:
    is_a(server, "supermicro-x11")
    read(server, None, BootModeSelect_0031="LEGACY")
    assert starts_as(server) is Firmware.BIOS
    read(server, None, BootModeSelect_0031="LEGACY", BootModeSelect="UEFI")
    assert starts_as(server) is None


def test_what_is_pending_holds_by_the_time_the_installer_starts(server: str) -> None:
    read(server, "Bios", pending="Uefi")
    assert starts_as(server) is Firmware.UEFI
    read(server, "Uefi", pending="Bios")
    with pytest.raises(InvalidParameter, match="BootMode will be Bios from its next boot on"):
        asked(server)


@pytest.mark.parametrize("state", [JobState.NEEDS_ATTENTION, JobState.SUCCEEDED])
def test_a_job_on_the_bios_that_began_after_the_reading_makes_it_unknown(server: str, state: JobState) -> None:
    bios_job(server, state, started=timedelta(minutes=1))
    read(server, "Bios")
    assert starts_as(server) is None
    read(server, "Bios", ago=timedelta())
    assert starts_as(server) is Firmware.BIOS


def test_a_job_on_the_bios_that_is_yet_to_be_done_makes_it_unknown_and_a_scheduled_one_does_not(server: str) -> None:
    bios_job(server, JobState.QUEUED, started=None, action="bios.set")
    read(server, "Bios", ago=timedelta())
    assert starts_as(server) is None
    with database().write() as session:
        for row in session.scalars(select(Job)):
            row.state = JobState.SCHEDULED
    assert starts_as(server) is Firmware.BIOS


def test_what_was_read_while_somebody_else_had_the_server_tells_nothing(server: str) -> None:
    read(server, "Bios")
    assert starts_as(server) is Firmware.BIOS
    handed_over(server, timedelta(minutes=1))
    assert starts_as(server) is None
