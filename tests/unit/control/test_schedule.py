"""Jobs for later, and jobs whose turn does not come: what can be asked for, and when it is too late."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from oobctl import clock, control
from oobctl.config import settings
from oobctl.constants import JobState
from oobctl.errors import InvalidParameter, WrongState
from oobctl.jobs import recovery
from oobctl.jobs.runner import Runner
from oobctl.store import Job, Lease, database
from tests.installation import Installation

LIMIT = timedelta(minutes=15)
A_MOMENT = timedelta(seconds=1)


def ask(installation: Installation, when: datetime | None, action: str = "power.cycle", key: str | None = None) -> Job:
    return control.submit(
        installation.actor("customer"),
        action,
        installation.servers["web01"],
        not_before=when,
        idempotency_key=key,
    )


def soon(minutes: float = 60) -> datetime:
    return clock.now() + timedelta(minutes=minutes)


def pass_time(monkeypatch: pytest.MonkeyPatch, to: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: to)


def expired(installation: Installation, job_id: str) -> None:
    """The job ended in words, left its outcome record, and has no server any more."""
    job = installation.job(job_id)
    assert (job.state, job.error and job.error["code"]) == (JobState.FAILED, "expired")
    assert job.error is not None
    assert job.error["message"].endswith("Nothing was sent.")
    assert "Ask for it again" in job.error["message"]
    assert [(row.kind, row.outcome) for row in installation.records(job_id)] == [
        ("intent", None),
        ("outcome", "failed"),
    ]
    with database().read() as session:
        assert job_id not in session.scalars(select(Lease.job_id)).all()


# --- the time that is asked for ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when",
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "1970-08-23T12:00:00Z", "9999-01-01T00:00:00Z"],
)
def test_a_time_that_nobody_can_mean_is_422_and_nothing_is_done(sqlite_installation: Installation, when: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        ask(sqlite_installation, datetime.fromisoformat(when))
    assert refused.value.details["field"] == "not_before"
    assert control.jobs(sqlite_installation.actor("customer"))[0] == []


@pytest.mark.parametrize("away", [timedelta(minutes=-6), timedelta(days=367)])
def test_a_time_long_past_or_far_away_is_422(sqlite_installation: Installation, away: timedelta) -> None:
    with pytest.raises(InvalidParameter, match="not_before is 20"):
        ask(sqlite_installation, clock.now() + away)


def test_a_time_that_has_just_passed_is_now(sqlite_installation: Installation) -> None:
    assert ask(sqlite_installation, soon(-4)).state is JobState.QUEUED


@pytest.mark.parametrize("moved", [timedelta(minutes=1), None])
def test_the_same_key_for_another_time_is_422(sqlite_installation: Installation, moved: timedelta | None) -> None:
    when = soon()
    first = ask(sqlite_installation, when, key="k1")
    assert ask(sqlite_installation, when, key="k1").id == first.id
    with pytest.raises(InvalidParameter) as refused:
        ask(sqlite_installation, None if moved is None else when + moved, key="k1")
    assert refused.value.details == {"field": "Idempotency-Key", "job": first.id}


def test_the_same_request_finds_its_job_long_after_its_time(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = soon()
    first = ask(sqlite_installation, when, key="k1")
    pass_time(monkeypatch, when + timedelta(hours=3))
    assert ask(sqlite_installation, when, key="k1").id == first.id


def test_an_action_is_scheduled_once_on_a_server_and_the_second_is_409_naming_the_first(
    installation: Installation,
) -> None:
    first = ask(installation, soon())
    with pytest.raises(WrongState, match=f"scheduled on web01 already .job {first.id}") as refused:
        ask(installation, soon(90))
    assert (refused.value.http_status, refused.value.details["job"]) == (409, first.id)
    assert ask(installation, soon(90), "power.on").state is JobState.SCHEDULED
    control.cancel(installation.actor("customer"), first.id)
    assert ask(installation, soon(90)).state is JobState.SCHEDULED


# --- the turn that does not come ---------------------------------------------------------------------------------


def test_a_job_that_no_worker_took_in_time_expires_when_one_comes(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(installation, None)
    pass_time(monkeypatch, job.created_at + LIMIT + A_MOMENT)
    assert Runner("worker-test", control.find).start(job.id) is None
    expired(installation, job.id)


def test_the_sweep_ends_a_queued_job_that_is_too_old(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(installation, None)
    pass_time(monkeypatch, job.created_at + LIMIT)
    recovery.expire(job.site_id, control.find)
    assert installation.job(job.id).state is JobState.QUEUED
    pass_time(monkeypatch, job.created_at + LIMIT + A_MOMENT)
    recovery.expire(job.site_id, control.find)
    expired(installation, job.id)


def test_a_scheduled_job_expires_counted_from_its_time(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = soon(600)
    job = ask(installation, when)
    pass_time(monkeypatch, when + LIMIT)
    recovery.expire(job.site_id, control.find)
    assert installation.job(job.id).state is JobState.SCHEDULED
    pass_time(monkeypatch, when + LIMIT + A_MOMENT)
    recovery.expire(job.site_id, control.find)
    expired(installation, job.id)


def test_a_job_that_a_worker_took_does_not_expire_in_the_sweep(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(sqlite_installation, None)
    runner = Runner("worker-test", control.find)
    run = runner.start(job.id)
    assert run is not None
    pass_time(monkeypatch, job.created_at + 2 * LIMIT)
    recovery.expire(job.site_id, control.find)
    assert sqlite_installation.job(job.id).state is JobState.RUNNING
    runner.close(run)


def test_how_long_a_job_may_wait_is_a_setting(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings(), "job_expires_after_seconds", 60.0)
    job = ask(sqlite_installation, None)
    pass_time(monkeypatch, job.created_at + timedelta(seconds=61))
    recovery.expire(job.site_id, control.find)
    expired(sqlite_installation, job.id)
