"""bmc.reset where a BMC's web server is dead and its IPMI is not: restarts are sent over IPMI."""

import pytest
from sqlalchemy import update

from oobctl.actions import bmc as ladder
from oobctl.constants import JobState, Protocol
from oobctl.lab.rack import RackInfo
from oobctl.store import Database, Endpoint, Job, database
from tests.carrying import carry_out
from tests.integration.drivers.rows import Rows

NOBODY = 1  # a port where nothing listens
SERVER = "app01"


@pytest.fixture
def rows(healthy_rack: RackInfo, sqlite: Database) -> Rows:
    """In a database with all tables, also the queue's."""
    return Rows(healthy_rack)


@pytest.fixture
def dead_redfish(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a server whose BMC has two endpoints, the Redfish one dead."""
    monkeypatch.setattr(ladder, "_GOES_AWAY_WITHIN", 5.0)
    server_id = rows.enrol(SERVER)
    with database().write() as tx:
        tx.execute(update(Endpoint).where(Endpoint.protocol == Protocol.REDFISH).values(port=NOBODY))
    return server_id


def told(job: Job) -> dict[str, str]:
    return {step.name: step.detail or "" for step in job.steps}


@pytest.mark.parametrize(
    ("asked", "sent"), [("auto", ["GracefulRestart", "ForceRestart"]), ("ForceRestart", ["ForceRestart"])]
)
def test_where_redfish_is_dead_a_restart_goes_over_ipmi_each_once(
    rows: Rows, dead_redfish: str, asked: str, sent: list[str]
) -> None:
    """The rack's IPMI knows neither restart, and says so (0xC1): both are asked of it, in their order."""
    done = carry_out("bmc.reset", dead_redfish, reset_type=asked)
    assert (done.state, (done.error or {})["completion_code"]) == (JobState.FAILED, 0xC1), told(done)
    restarts = (done.evidence or {})["restarts"]
    assert [(one["ResetType"], one["over"], one["answering"]) for one in restarts] == [
        (kind, "ipmi", ["ipmi"]) for kind in sent
    ]
    assert "Redfish: nothing answers" in told(done)["probe"]
    assert rows.sessions() == []
