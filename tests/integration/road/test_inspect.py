"""An inspection on the whole road: asked for at the command line, read by the worker, kept, told by the panel."""

import json

import pytest
from typer.testing import CliRunner, Result

from oobctl.cli.main import program
from oobctl.constants import READ_CAPABILITIES, Capability, JobState, Outcome
from oobctl.store import Reading, database
from tests.installation import eventually, steps_of
from tests.integration.road.conftest import Road, on_sqlite

SERVERS = ("web01", "db01", "app01")


def kept(road: Road, server: str) -> dict[Capability, Reading]:
    with database().read() as session:
        rows = session.query(Reading).filter_by(server_id=road.servers[server])
        return {row.capability: row for row in rows}


@pytest.mark.parametrize("server", SERVERS)
def test_an_inspection_keeps_all_that_the_bmc_tells(road: Road, server: str) -> None:
    assert kept(road, server).keys() <= {Capability.SECURITY}  # which the enrolment reads
    job = road.do("server.inspect", server, by="technician")
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), (job.error, steps_of(job))
    found = kept(road, server)
    assert set(found) == set(READ_CAPABILITIES)
    problems = {row.problem["code"] for row in found.values() if row.problem}
    assert problems <= {"not_supported"}, steps_of(job)
    said = job.steps[-1].detail or ""
    assert "Read and kept: health " in said
    assert found[Capability.INVENTORY].content is not None
    assert [row.kind for row in road.records(job.id)] == ["intent", "outcome"]
    eventually(lambda: road.sessions() == [])  # the worker logs out when it has written the end


@on_sqlite
def test_the_enrolment_read_how_far_the_bmc_is_open(road: Road) -> None:
    assert all(Capability.SECURITY in kept(road, server) for server in SERVERS)


@on_sqlite
def test_a_reading_is_had_anew_at_the_command_line(road: Road) -> None:
    road.start_panel()

    def run(*arguments: str) -> Result:
        access = {"OOBCTL_URL": road.url, "OOBCTL_TOKEN": road.token("customer"), "COLUMNS": "200"}
        return CliRunner().invoke(program, ["server", "read", *arguments], env=access)

    told = run("web01", "sensors", "--now")
    assert told.exit_code == 0, told.output
    assert "inspect" in told.stdout
    assert "Inlet" in told.stdout
    plain = run("web01", "sensors", "--now", "--json")
    assert plain.exit_code == 0, plain.output
    assert json.loads(plain.stdout)["sensors"]
    lacking = run("web01", "bios", "--now")
    assert (lacking.exit_code, "[not_supported]" in lacking.stdout) == (1, True)
