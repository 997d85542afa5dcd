"""A grant to send that comes too late is not used: nothing goes out, and nothing is left saying that it did."""

import pytest
from sqlalchemy import select

from oobctl import clock, control
from oobctl.errors import StoreUnavailable
from oobctl.jobs import lease
from oobctl.jobs.run import Run
from oobctl.jobs.runner import Runner
from oobctl.store import JobStep, database
from tests.installation import Installation

SEND_RESET = 2


@pytest.fixture
def run(installation: Installation) -> Run:
    """A run of power.reset that has come to its one send."""
    found = Runner("worker-test", control.find).start(installation.submit("power.reset", "web01").id)
    assert found is not None
    found.position = SEND_RESET
    assert found.action.steps[SEND_RESET].once
    return found


def sent_at(run: Run) -> object:
    with database().read() as session:
        return session.scalar(
            select(JobStep.sent_at).where(JobStep.job_id == run.acted.job_id, JobStep.position == SEND_RESET)
        )


def every_grant_comes_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease.Deadline, "passed", True)


def test_a_grant_in_time_is_noted_before_the_command_goes_out(run: Run) -> None:
    run._fence(5.0)
    assert sent_at(run) is not None
    assert run.acted_already


def test_late_grants_send_nothing_and_leave_the_step_to_be_sent_later(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        every_grant_comes_too_late(patch)
        with pytest.raises(StoreUnavailable, match="Nothing was sent"):
            run._fence(5.0)
    assert sent_at(run) is None
    assert not run.acted_already
    run._fence(5.0)
    assert sent_at(run) is not None


def test_late_grants_do_not_forget_what_an_earlier_run_may_have_sent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with database().write() as session:
        session.get_one(JobStep, (run.acted.job_id, SEND_RESET)).sent_at = clock.now()
    run.sent_before = True
    every_grant_comes_too_late(monkeypatch)
    with pytest.raises(StoreUnavailable):
        run._fence(5.0)
    assert sent_at(run) is not None
