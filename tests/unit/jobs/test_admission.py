"""Between the asking and the doing something may have changed: a job whose turn comes is checked once more."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from oobctl import administer, clock, control
from oobctl.access import SYSTEM
from oobctl.constants import JobState, Lifecycle
from oobctl.jobs.runner import Runner
from oobctl.store import Assignment, Job, JobStep, Lease, Server, database
from tests.installation import CUSTOMER, Installation


def turn_comes(job_id: str) -> Job:
    """What a worker does first with a job; it may not get as far as a run."""
    assert Runner("worker-test", control.find).start(job_id) is None
    with database().read() as session:
        job = session.get_one(Job, job_id)
        _ = job.steps
    return job


def lifecycle(installation: Installation, state: Lifecycle, because: str | None = None) -> None:
    with database().write() as session:
        server = session.get_one(Server, installation.servers["web01"])
        server.lifecycle, server.quarantined_because = state, because


def the_role_went(_installation: Installation) -> None:
    administer.end_membership(SYSTEM, "operator", CUSTOMER)


def the_user_was_disabled(_installation: Installation) -> None:
    administer.disable_user(SYSTEM, "operator")


def the_account_was_suspended(_installation: Installation) -> None:
    administer.suspend_account(SYSTEM, CUSTOMER)


def the_server_went_to_somebody_else(installation: Installation) -> None:
    open_one = (Assignment.server_id == installation.servers["web01"], Assignment.until_at.is_(None))
    with database().write() as session:  # administer.assign cancels what waits: this is the race with it
        other = session.scalar(
            select(Assignment.account_id).where(Assignment.server_id == installation.servers["other01"])
        )
        session.execute(update(Assignment).where(*open_one).values(account_id=other))


def the_server_is_cleared_anew(installation: Installation) -> None:
    with database().write() as session:
        session.get_one(Server, installation.servers["web01"]).uncleared_since = clock.now()


def the_server_was_quarantined(installation: Installation) -> None:
    lifecycle(installation, Lifecycle.QUARANTINED, "Another server answered.")


@pytest.mark.parametrize(
    ("meanwhile", "code", "words"),
    [
        (the_role_went, "not_allowed", "operator"),
        (the_user_was_disabled, "not_allowed", "could not sign in any more"),
        (the_account_was_suspended, "not_allowed", "suspended"),
        (the_server_went_to_somebody_else, "not_allowed", "might not do it any more"),
        (the_server_was_quarantined, "wrong_state", "Another server answered"),
    ],
)
def test_what_may_not_be_done_any_more_ends_before_anything_is_sent(
    installation: Installation, meanwhile: Callable[[Installation], None], code: str, words: str
) -> None:
    job_id = installation.submit("power.cycle", "web01", by="operator").id
    meanwhile(installation)
    job = turn_comes(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error["code"] == code
    assert words in job.error["message"]
    assert job.error["message"].endswith("Nothing was sent.")
    assert {str(step.state) for step in job.steps} == {"skipped"}
    assert [(row.kind, row.outcome) for row in installation.records(job_id)] == [
        ("intent", None),
        ("outcome", "failed"),
    ]
    with database().read() as session:
        assert session.scalars(select(Lease.job_id)).all() == [None]


def test_what_a_customer_may_not_set_while_the_server_is_cleared_ends_too(installation: Installation) -> None:
    job_id = installation.submit("boot.set", "web01", {"source": "Pxe"}).id
    the_server_is_cleared_anew(installation)
    job = turn_comes(job_id)
    assert "is being cleared after it changed hands" in (job.error or {})["message"]


def test_a_job_that_may_still_be_done_gets_its_run(installation: Installation) -> None:
    job_id = installation.submit("power.cycle", "web01", by="operator").id
    runner = Runner("worker-test", control.find)
    run = runner.start(job_id)
    assert run is not None
    runner.close(run)


def test_a_job_that_has_begun_is_carried_to_its_end_whatever_was_revoked(installation: Installation) -> None:
    job_id = installation.submit("power.cycle", "web01", by="operator").id
    with database().write() as session:
        session.execute(
            update(JobStep).where(JobStep.job_id == job_id, JobStep.position == 0).values(started_at=clock.now())
        )
    the_role_went(installation)
    runner = Runner("worker-test", control.find)
    run = runner.start(job_id)
    assert run is not None, "a server that is half way is not left there"
    runner.close(run)


def test_an_unknown_action_of_another_release_ends_the_job_in_words(installation: Installation) -> None:
    job_id = installation.submit("power.cycle", "web01").id
    with database().write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(action="power.dance"))
    job = turn_comes(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert "power.dance" in job.error["message"]


def test_parameters_that_this_release_does_not_know_end_the_job_in_words(installation: Installation) -> None:
    job_id = installation.submit("power.shutdown", "web01").id
    with database().write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(parameters={"patience": 3}))
    job = turn_comes(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert "does not know the job's parameters" in job.error["message"]
