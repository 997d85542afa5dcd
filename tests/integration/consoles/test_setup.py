"""Into the BIOS setup: over IPMI and Redfish, of BIOS and UEFI, and no override stays behind."""

import pytest
from sqlalchemy import select

from oobctl.constants import JobState
from oobctl.store import BootOverride, database
from tests.installation import eventually
from tests.integration.consoles.conftest import Site

STEPS = [
    "check_identity",
    "read_override",
    "watch_override",
    "ensure_override",
    "read_power",
    "ensure_off",
    "dwell",
    "press_key",
    "ensure_on",
]


@pytest.mark.parametrize(
    ("server", "shown"), [("web01", "Select boot device"), ("app01", "Select Entry"), ("db01", "Select Entry")]
)
def test_a_server_starts_into_its_setup_once(site: Site, server: str, shown: str) -> None:
    log = site.rack.servers[server].serial_log
    before = log.stat().st_size
    job = site.wait(site.submit("bios.setup", server).id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert [step.name for step in job.steps] == STEPS
    eventually(lambda: shown in log.read_bytes()[before:].decode(errors="replace"), 120)

    def is_closed() -> bool:
        with database().read() as session:
            rows = session.scalars(select(BootOverride).where(BootOverride.job_id == job.id)).all()
        return bool(rows) and all(row.closed_at is not None for row in rows)

    eventually(is_closed)
