"""Jobs from outside: cancelled, tried again, resolved, scheduled, and who sees them."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from oobctl import administer, clock, control
from oobctl.access import SYSTEM
from oobctl.constants import JobState, StepState
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, ServerBusy, WrongState
from oobctl.jobs import recovery
from oobctl.store import Job, Lease, database
from tests.installation import CUSTOMER, Installation


def set_state(job: Job, state: JobState, *begun: str) -> None:
    """As a worker would leave the job: in a state, with some steps begun."""
    with database().write() as session:
        row = session.get_one(Job, job.id)
        row.state = state
        row.started_at = clock.now()
        if state.ended:
            session.execute(update(Lease).where(Lease.job_id == job.id).values(job_id=None))
        for step in row.steps:
            if step.name in begun:
                step.state, step.started_at = StepState.RUNNING, clock.now()


def leased() -> list[str | None]:
    with database().read() as session:
        return list(session.scalars(select(Lease.job_id).where(Lease.job_id.is_not(None))))


# --- cancel ------------------------------------------------------------------------------------------------------


def test_a_job_that_has_not_begun_is_cancelled_at_once_and_the_server_is_free(installation: Installation) -> None:
    job = installation.submit("power.cycle", "web01")
    control.cancel(installation.actor("operator"), job.id)
    ended = installation.job(job.id)
    assert (ended.state, ended.cancel_asked_by) == (JobState.CANCELLED, "operator")
    assert {step.state for step in ended.steps} == {StepState.SKIPPED}
    assert ended.evidence == {"notes": ["Cancelled before it began, asked for by operator. Nothing was sent."]}
    assert leased() == []
    assert [(row.kind, row.outcome) for row in installation.records(job.id)] == [
        ("intent", None),
        ("outcome", "cancelled"),
        ("event", "done"),
    ]


def test_a_job_before_its_point_of_no_return_is_asked_to_stop(sqlite_installation: Installation) -> None:
    job = sqlite_installation.submit("power.cycle", "web01")
    set_state(job, JobState.RUNNING, "check_identity", "read_power")
    assert control.cancel(sqlite_installation.actor("customer"), job.id).state is JobState.CANCELLING
    assert leased() == [job.id]


def test_a_job_past_its_point_of_no_return_goes_on(sqlite_installation: Installation) -> None:
    job = sqlite_installation.submit("power.cycle", "web01")
    set_state(job, JobState.RUNNING, "check_identity", "read_power", "ensure_off")
    with pytest.raises(WrongState, match="has to go on, or web01 would be left half way"):
        control.cancel(sqlite_installation.actor("customer"), job.id)
    assert sqlite_installation.job(job.id).state is JobState.RUNNING


@pytest.mark.parametrize("state", [state for state in JobState if state.ended])
def test_an_ended_job_is_not_cancelled(sqlite_installation: Installation, state: JobState) -> None:
    job = sqlite_installation.submit("power.cycle", "web01")
    set_state(job, state)
    with pytest.raises(WrongState, match=f"ended already: {state}"):
        control.cancel(sqlite_installation.actor("customer"), job.id)


def test_who_may_not_do_the_action_may_not_cancel_it(sqlite_installation: Installation) -> None:
    job = sqlite_installation.submit("power.cycle", "web01")
    with pytest.raises(NotAllowed):
        control.cancel(sqlite_installation.actor("viewer"), job.id)
    with pytest.raises(NotFound):
        control.cancel(sqlite_installation.actor("stranger"), job.id)
    assert sqlite_installation.job(job.id).state is JobState.QUEUED


# --- retry -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.NEEDS_ATTENTION])
def test_a_job_that_did_not_succeed_is_tried_again_as_a_new_job(
    sqlite_installation: Installation, state: JobState
) -> None:
    job = sqlite_installation.submit("boot.set", "web01", {"source": "Cd"})
    set_state(job, state)
    again = control.retry(sqlite_installation.actor("operator"), job.id)
    assert (again.retry_of, again.action, again.parameters) == (job.id, "boot.set", job.parameters)
    assert sqlite_installation.job(again.id).retry_of == job.id
    assert sqlite_installation.job(job.id).state is state
    assert [row.actor_name for row in sqlite_installation.records(again.id)] == ["operator"]


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.RUNNING, JobState.QUEUED])
def test_a_job_that_succeeded_or_goes_on_is_not_tried_again(sqlite_installation: Installation, state: JobState) -> None:
    job = sqlite_installation.submit("power.cycle", "web01")
    set_state(job, state)
    with pytest.raises(WrongState):
        control.retry(sqlite_installation.actor("customer"), job.id)


def test_trying_again_on_a_busy_server_is_409(sqlite_installation: Installation) -> None:
    job = sqlite_installation.submit("power.cycle", "web01")
    set_state(job, JobState.FAILED)
    running = sqlite_installation.submit("power.off", "web01")
    with pytest.raises(ServerBusy) as caught:
        control.retry(sqlite_installation.actor("customer"), job.id)
    assert caught.value.details["job"] == running.id


# --- resolve -----------------------------------------------------------------------------------------------------


def test_a_job_that_needs_attention_is_resolved_once_with_a_note(sqlite_installation: Installation) -> None:
    job = sqlite_installation.submit("power.reset", "web01")
    set_state(job, JobState.NEEDS_ATTENTION)
    customer = sqlite_installation.actor("customer")
    control.resolve(customer, job.id, "  It had restarted.  ")
    found = sqlite_installation.job(job.id)
    assert (found.state, found.resolved_by, found.resolution) == (
        JobState.NEEDS_ATTENTION,
        "customer",
        "It had restarted.",
    )
    assert sqlite_installation.records(job.id)[-1].parameters == {"note": "It had restarted."}
    with pytest.raises(WrongState):
        control.resolve(customer, job.id, "again")


@pytest.mark.parametrize("note", ["", "   ", "x" * 2001])
def test_a_resolution_has_words(sqlite_installation: Installation, note: str) -> None:
    job = sqlite_installation.submit("power.reset", "web01")
    set_state(job, JobState.NEEDS_ATTENTION)
    with pytest.raises(InvalidParameter) as caught:
        control.resolve(sqlite_installation.actor("customer"), job.id, note)
    assert caught.value.details["field"] == "note"


def test_a_job_that_failed_needs_no_resolution(sqlite_installation: Installation) -> None:
    job = sqlite_installation.submit("power.reset", "web01")
    set_state(job, JobState.FAILED)
    with pytest.raises(WrongState):
        control.resolve(sqlite_installation.actor("customer"), job.id, "seen")


# --- scheduled ---------------------------------------------------------------------------------------------------


def later(hours: float = 1) -> datetime:
    return clock.now() + timedelta(hours=hours)


def scheduled(installation: Installation, action: str = "power.cycle", when: datetime | None = None) -> Job:
    return control.submit(
        installation.actor("customer"), action, installation.servers["web01"], not_before=when or later()
    )


def promote(job: Job) -> None:
    recovery.promote(job.site_id)


def test_a_job_for_later_holds_no_lease_and_has_its_intent(installation: Installation) -> None:
    job = scheduled(installation)
    assert job.state is JobState.SCHEDULED
    assert leased() == []
    assert [row.kind for row in installation.records(job.id)] == ["intent"]
    promote(job)
    assert installation.job(job.id).state is JobState.SCHEDULED


def test_a_job_that_is_due_is_queued_and_holds_the_lease(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = later()
    job = scheduled(installation, when=when)
    monkeypatch.setattr(clock, "now", lambda: when)
    promote(job)
    assert installation.job(job.id).state is JobState.QUEUED
    assert leased() == [job.id]


def test_a_job_that_is_due_waits_for_the_server_to_be_free(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = later()
    job = scheduled(installation, when=when)
    running = installation.submit("power.off", "web01")
    monkeypatch.setattr(clock, "now", lambda: when)
    promote(job)
    assert (installation.job(job.id).state, leased()) == (JobState.SCHEDULED, [running.id])
    control.cancel(installation.actor("customer"), running.id)
    promote(job)
    assert (installation.job(job.id).state, leased()) == (JobState.QUEUED, [job.id])


def test_a_scheduled_job_is_cancelled_at_once(sqlite_installation: Installation) -> None:
    job = scheduled(sqlite_installation)
    assert control.cancel(sqlite_installation.actor("customer"), job.id).state is JobState.CANCELLED


def test_a_time_that_has_passed_is_now(sqlite_installation: Installation) -> None:
    assert scheduled(sqlite_installation, when=later(-0.05)).state is JobState.QUEUED


# --- who sees them -----------------------------------------------------------------------------------------------


def test_an_account_sees_its_jobs_newest_first_and_staff_see_all(sqlite_installation: Installation) -> None:
    first = sqlite_installation.submit("power.cycle", "web01")
    second = sqlite_installation.submit("power.cycle", "db01", by="operator")
    other = sqlite_installation.submit("power.cycle", "other01", by="stranger")
    seen = {
        label: [job.id for job in control.jobs(sqlite_installation.actor(label))[0]]
        for label in ("viewer", "stranger", "auditor")
    }
    assert seen == {
        "viewer": [second.id, first.id],
        "stranger": [other.id],
        "auditor": [other.id, second.id, first.id],
    }


def test_a_job_of_a_server_that_was_given_back_is_seen_no_more_by_its_account(
    sqlite_installation: Installation,
) -> None:
    job = sqlite_installation.submit("power.cycle", "web01")
    administer.assign(SYSTEM, sqlite_installation.servers["web01"], None)
    with database().read() as session, pytest.raises(NotFound):
        control.find_job(session, sqlite_installation.actor("operator"), job.id)
    administer.assign(SYSTEM, sqlite_installation.servers["web01"], CUSTOMER)
    with database().read() as session:
        assert control.find_job(session, sqlite_installation.actor("operator"), job.id).id == job.id
