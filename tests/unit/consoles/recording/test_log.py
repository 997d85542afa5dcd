"""Serial logs: whose are kept when, and that a failed job has its last lines."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from oobctl import administer, clock, control
from oobctl.config import settings
from oobctl.consoles.recording import kept, log
from oobctl.consoles.recording.asciicast import LineTape
from oobctl.consoles.recording.kept import Closed, Subject
from oobctl.consoles.recording.lines import lines_of
from oobctl.consoles.recording.policy import rules_of
from oobctl.consoles.recording.sealed import Reader
from oobctl.constants import ConsoleKind, JobState, Lifecycle, RecordingPurpose, SerialLog
from oobctl.errors import NotAllowed, NotFound
from oobctl.store import Job, Lease, Recording, Server, database
from oobctl.vault import read_key
from tests.installation import Installation

GATEWAY = "gateway-1"


@pytest.fixture
def site(installation: Installation) -> Installation:
    return installation


def site_id(site: Installation) -> str:
    with database().read() as session:
        return session.get_one(Server, site.servers["web01"]).site_id


def wanted(site: Installation) -> list[str]:
    return [subject.server_name for subject in log.wanted(site_id(site))]


def keep(site: Installation, when: SerialLog) -> None:
    control.set_serial_log(site.actor("customer"), "web01", when)


def a_job(site: Installation, state: JobState, ended: float | None = None) -> str:
    """One of web01's that began a minute ago, and ended so many seconds ago."""
    job = control.submit(site.actor("customer"), "power.on", "web01")
    now = clock.now()
    finished = None if ended is None else now - timedelta(seconds=ended)
    values = {"state": state, "started_at": now - timedelta(minutes=1), "finished_at": finished}
    with database().write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(**values))
        session.execute(delete(Lease))
    return job.id


def logged(site: Installation, *lines: tuple[datetime, str]) -> str:
    """A closed file of web01's log."""
    with database().read() as session:
        account = session.scalars(select(Job.account_id)).first()
    subject = Subject(site.servers["web01"], "web01", account, ConsoleKind.SERIAL, RecordingPurpose.LOG)
    begun = kept.begin(subject, GATEWAY, began_at=lines[0][0])
    assert begun is not None
    recording_id, writer = begun
    tape = LineTape("web01", lines[0][0])
    for at, line in lines:
        tape.show(line.encode() + b"\r\n", int((at - lines[0][0]).total_seconds() * 1000))
    for chunk in tape.end():
        writer.write(chunk)
    kept.close(Closed(recording_id, "It had grown long.", writer.close(0), writer.size, ()))
    return recording_id


def of_job(site: Installation, job_id: str, who: str = "customer") -> list[str]:
    with database().read() as session:
        found = control.lines_of_job(session, site.actor(who), session.get_one(Job, job_id))
    assert found is not None
    with Reader(kept.path_of(found.id), read_key(settings().keys / f"{site_id(site)}.key")) as reader:
        return [line.text for line in lines_of(reader)]


def test_it_is_kept_always_or_while_a_job_runs_or_never(site: Installation) -> None:
    assert wanted(site) == []
    keep(site, SerialLog.ALWAYS)
    assert wanted(site) == ["web01"]
    keep(site, SerialLog.FAILURE)
    assert wanted(site) == []
    a_job(site, JobState.RUNNING)
    assert wanted(site) == ["web01"]
    keep(site, SerialLog.OFF)
    assert wanted(site) == []


def test_of_a_server_that_nobody_may_look_at_nothing_is_kept(site: Installation) -> None:
    keep(site, SerialLog.ALWAYS)
    with database().write() as session:
        session.get_one(Server, site.servers["web01"]).lifecycle = Lifecycle.QUARANTINED
    assert wanted(site) == []


def test_who_may_not_be_at_its_console_chooses_nothing(site: Installation) -> None:
    with pytest.raises(NotAllowed):
        control.set_serial_log(site.actor("viewer"), "web01", SerialLog.ALWAYS)
    with pytest.raises(NotFound):
        control.set_serial_log(site.actor("stranger"), "web01", SerialLog.ALWAYS)


def test_a_failed_job_has_the_last_200_lines_of_its_time(site: Installation) -> None:
    keep(site, SerialLog.ALWAYS)
    job, now = a_job(site, JobState.FAILED, ended=3), clock.now()
    before = [(now - timedelta(minutes=9), "of another time")]
    logged(site, *before, *((now - timedelta(seconds=50 - number / 10), f"line {number}") for number in range(300)))
    with database().write() as session:  # a picture of its screen is another thing that it has
        session.add(
            Recording(
                server_id=site.servers["web01"], kind=ConsoleKind.GRAPHICAL, purpose=RecordingPurpose.PICTURE,
                job_id=job, consoles=[],
            )
        )  # fmt: skip
    log.keep_for_jobs(site_id(site), GATEWAY)
    assert of_job(site, job) == [f"line {number}" for number in range(100, 300)]
    log.keep_for_jobs(site_id(site), GATEWAY)
    with database().read() as session:
        kept_for_it = select(Recording).where(Recording.job_id == job, Recording.purpose == RecordingPurpose.JOB)
        assert len(session.scalars(kept_for_it).all()) == 1


def test_a_job_that_succeeded_leaves_nothing_where_only_failures_are_kept(site: Installation) -> None:
    keep(site, SerialLog.FAILURE)
    a_job(site, JobState.SUCCEEDED, ended=60)
    recording = logged(site, (clock.now(), "secret"))
    log.keep_for_jobs(site_id(site), GATEWAY)
    assert not kept.path_of(recording).exists()


def test_a_failure_is_kept_before_the_rest_is_dropped(site: Installation) -> None:
    keep(site, SerialLog.FAILURE)
    job = a_job(site, JobState.FAILED, ended=60)
    recording = logged(site, (clock.now() - timedelta(seconds=30), "Kernel panic"))
    log.keep_for_jobs(site_id(site), GATEWAY)
    assert of_job(site, job) == ["Kernel panic"]
    assert not kept.path_of(recording).exists()


def test_the_next_tenant_sees_no_lines_of_the_last_ones_job(site: Installation) -> None:
    keep(site, SerialLog.ALWAYS)
    job = a_job(site, JobState.FAILED, ended=3)
    logged(site, (clock.now() - timedelta(seconds=30), "secret"))
    log.keep_for_jobs(site_id(site), GATEWAY)
    administer.assign(site.actor("admin"), "web01", "Other Customer")
    with pytest.raises(NotFound):
        of_job(site, job, "stranger")
    with database().read() as session:
        other = session.scalars(select(Recording.account_id)).first()
        assert log.rows_of(session, site.servers["web01"], None) == []
        assert len(log.rows_of(session, site.servers["web01"], other)) == 1


def test_a_log_has_its_share_and_the_oldest_of_it_goes(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    a_job(site, JobState.SUCCEEDED, ended=60)
    first, second = (logged(site, (clock.now(), str(which) * 5000)) for which in range(2))
    with database().read() as session:
        account = session.scalars(select(Recording.account_id)).first()
    kept.prune_log(site.servers["web01"], account)
    assert kept.path_of(first).exists()
    monkeypatch.setattr(kept, "_share", lambda: kept.path_of(second).stat().st_size)
    kept.prune_log(site.servers["web01"], account)
    assert (kept.path_of(first).exists(), kept.path_of(second).exists()) == (False, True)


def test_a_log_that_is_at_another_gateway_keeps_no_other_from_being_kept(site: Installation) -> None:
    keep(site, SerialLog.ALWAYS)
    job, now = a_job(site, JobState.FAILED, ended=3), clock.now()
    kept.path_of(logged(site, (now - timedelta(seconds=40), "elsewhere"))).unlink()
    logged(site, (now - timedelta(seconds=30), "here"))
    log.keep_for_jobs(site_id(site), GATEWAY)
    assert of_job(site, job) == ["here"]


def test_what_another_gateway_keeps_is_not_wanted_here(site: Installation) -> None:
    keep(site, SerialLog.ALWAYS)
    account = rules_of([site.servers["web01"]])[site.servers["web01"]].account_id
    subject = Subject(site.servers["web01"], "web01", account, ConsoleKind.SERIAL, RecordingPurpose.LOG)
    assert kept.begin(subject, "gateway-2") is not None
    assert log.wanted(site_id(site), GATEWAY) == []
    assert [one.server_name for one in log.wanted(site_id(site), "gateway-2")] == ["web01"]
