"""A worker that stood still while its job went to another one: what it does late is refused, and it ends itself."""

import pytest

from oobctl.constants import JobState
from tests.installation import eventually
from tests.integration.prove.conftest import FULL
from tests.integration.prove.killer import Point
from tests.integration.prove.table import Row, Table, frozen, judge_cycle, problems_of, transitions

MOMENTS = [
    pytest.param("power.cycle", Point("begun", "web01", 3, freeze=True), id="cycle, in the dwell, IPMI"),
    pytest.param(
        "power.cycle", Point("granting", "db01", 2, freeze=True), id="cycle, before the grant, Redfish", marks=FULL
    ),
    pytest.param("power.reset", Point("granted", "web01", 2, freeze=True), id="reset, before the packet, IPMI"),
    pytest.param("power.reset", Point("granted", "db01", 2, freeze=True), id="reset, before the request, Redfish"),
]


@pytest.mark.parametrize(("action", "point"), MOMENTS)
def test_what_a_worker_does_after_its_job_was_taken_over_is_refused_and_it_ends(
    postgresql_table: Table, action: str, point: Point
) -> None:
    table = postgresql_table
    installation, server = table.installation, table.rack.servers[point.server]
    before = len(server.commands())
    late = installation.run_python(point.arguments(), name="late")
    late.wait_said("the worker is ready")
    job = installation.submit(action, point.server)
    eventually(lambda: frozen(late))
    other = installation.start_worker()
    ended = installation.wait(job.id)
    row = Row(point.server, ended, server.commands()[before:])

    late.thaw()

    assert late.wait_ended() == 3, "it found that it was taken for dead"
    assert late.said("this process was taken for dead")
    other.terminate()
    assert other.wait_ended() == 0
    assert server.commands()[before:] == row.commands, "it sent something late"
    kinds = [record.kind for record in installation.records(job.id)]
    assert kinds == ["intent", "outcome"]
    after = installation.job(job.id)
    assert (after.state, after.executor, after.revision) == (ended.state, ended.executor, ended.revision)
    if action == "power.cycle":
        judge_cycle(row)
        assert problems_of([row]) == []
    else:
        assert (ended.state, (ended.error or {})["code"]) == (JobState.NEEDS_ATTENTION, "outcome_unknown")
        assert transitions(row) == []
        assert [entry["command"] for entry in row.commands] == [], "it was marked as sent, and was not"
