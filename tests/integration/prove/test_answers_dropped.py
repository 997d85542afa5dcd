"""The BMC acts and its answer is lost: what must not be repeated reaches it exactly once, and a person is asked."""

import time

import pytest

from oobctl.constants import JobState
from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from tests.conftest import mend
from tests.installation import eventually
from tests.integration.prove.killer import Point
from tests.integration.prove.table import Table, frozen

CASES = [
    ("power.reset", 2, "web01", "reset"),
    ("power.reset", 2, "db01", "reset"),
    ("power.nmi", 2, "web01", None),  # the rack's IPMI simulator refuses it: counted in packets alone
    ("power.nmi", 2, "db01", "nmi"),
    ("bmc.reset", 2, "db01", "bmc reset"),
]
LOOK_SECONDS = 3.0  # less than the command's time limit: what comes after it is our logout


@pytest.mark.parametrize(("action", "step", "server", "command"), CASES, ids=lambda value: str(value))
def test_what_must_not_be_repeated_reaches_a_bmc_whose_answers_are_lost_exactly_once(
    table: Table, action: str, step: int, server: str, command: str | None
) -> None:
    mend(table.rack)
    installation, chassis = table.installation, table.rack.servers[server]
    before = len(chassis.commands())
    worker = installation.run_python(Point("granted", server, step, freeze=True).arguments(), name="worker")
    worker.wait_said("the worker is ready")
    job = installation.submit(action, server)
    eventually(lambda: frozen(worker))
    virtual_rack.inject(table.rack.home, server, "bmc-drop-answers")
    thawed = time.time()

    worker.thaw()

    eventually(lambda: installation.job(job.id).steps[step].state != "running")
    virtual_rack.clear(table.rack.home, server)
    ended = installation.wait(job.id)
    worker.terminate()
    assert worker.wait_ended() == 0
    found = (ended.state, (ended.error or {})["code"])
    assert found == (JobState.NEEDS_ATTENTION, "outcome_unknown"), ended.error
    if command is not None:
        assert [entry["command"] for entry in chassis.commands()[before:]] == [command], ended.error
    else:  # the simulator refuses it and logs nothing: its packets are counted
        assert _packets(table.rack, server, thawed) == 1, "the command, and no repetition of it"
    assert [record.kind for record in installation.records(job.id)] == ["intent", "outcome"]


def _packets(rack: RackInfo, server: str, since: float) -> int:
    """How many packets reached the BMC while the command's answer was waited for."""
    arrived = [at for at, direction, _size in virtual_rack.packets(rack.home, server, since=since) if direction == "in"]
    return sum(at - arrived[0] < LOOK_SECONDS for at in arrived)
