"""What goes wrong at a BMC: each its own code and sentence, within its limit, and nothing left behind."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.constants import JobState, Lifecycle, Protocol
from oobctl.errors import WrongState
from oobctl.store import AuditRecord, Credential, Endpoint, Job, Server, database
from tests.installation import endpoints_of, eventually, trust_of
from tests.integration.road.conftest import Road, on_sqlite
from tests.integration.road.test_actions import recorded_once

pytestmark = on_sqlite
SERVERS = ("web01", "db01", "app01")
LIMIT_SECONDS = 60.0
DWELL, ENSURE_ON = 3, 4  # the steps of power.cycle after off


@pytest.fixture(autouse=True)
def _healthy_rows(road: Road) -> Iterator[None]:
    """What a failure leaves at a server's row and credential is put right again, as staff would."""
    yield
    with database().read() as session:
        running = session.scalars(select(Job.id).where(Job.finished_at.is_(None))).all()
    for job_id in running:
        road.wait(job_id)
    for name, server_id in road.servers.items():
        lab = road.view.server(name)
        for endpoint in endpoints_of(lab):
            administer.set_credential(
                SYSTEM, server_id, endpoint.protocol, endpoint.user, endpoint.password.get_secret_value()
            )
        with database().write() as session:
            server = session.get_one(Server, server_id)
            server.lifecycle, server.quarantined_because = Lifecycle.ASSIGNED, None


def failed(road: Road, job: Job, codes: set[str]) -> Job:
    """The job failed with one of the codes, with a sentence, and its two records say so."""
    assert job.state is JobState.FAILED, (job.state, job.error)
    assert job.error is not None
    assert job.error["code"] in codes, job.error
    assert job.error["message"].endswith((".", "?")), job.error
    recorded_once(road, job, "failed")
    assert road.records(job.id)[1].evidence["error"]["code"] == job.error["code"]  # type: ignore[index]
    return job


def nothing_left_open(road: Road, *servers: str) -> None:
    for server in servers:
        road.view.clear(server)
    eventually(lambda: road.sessions() == [])
    assert {server: road.view.open_sessions(server) for server in servers} == dict.fromkeys(servers, 0)


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("bmc-dead", {"bmc_unreachable", "bmc_timeout"}),
        ("bmc-slow", {"bmc_timeout", "bmc_unreachable"}),  # over UDP, slow is no answer in time
        ("bmc-garbage", {"bmc_bad_answer"}),
        ("bmc-sessions-full", {"bmc_sessions_exhausted"}),
    ],
)
def test_a_bmc_in_trouble_fails_the_job_in_words_and_in_time(road: Road, fault: str, codes: set[str]) -> None:
    marks = {server: road.view.mark(server) for server in SERVERS}
    for server in SERVERS:
        road.view.inject(server, fault)
    began = time.monotonic()
    jobs = {server: road.submit("power.cycle", server) for server in SERVERS}
    for server, job in jobs.items():
        failed(road, road.wait(job.id, LIMIT_SECONDS), codes)
        assert road.view.commands(server, marks[server]) == []
    assert time.monotonic() - began < LIMIT_SECONDS
    nothing_left_open(road, *SERVERS)


@pytest.mark.parametrize("server", SERVERS)
def test_a_bmc_that_goes_silent_between_off_and_on_does_not_leave_the_server_off(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job_id = road.submit("power.cycle", server).id
    eventually(lambda: road.job(job_id).steps[DWELL].started_at)
    road.view.inject(server, "bmc-dead")
    assert len(road.view.commands(server, mark)) == 1, "the fault came after the second command"
    eventually(lambda: (found := road.job(job_id)).steps[ENSURE_ON].started_at and "BMC" in (found.waits_for or ""))
    road.view.clear(server)
    job = road.wait(job_id, LIMIT_SECONDS)
    assert job.state is JobState.SUCCEEDED, job.error
    assert len(road.view.commands(server, mark)) == 2
    assert road.view.power(server) == "On"
    nothing_left_open(road, server)


def test_the_errors_of_a_bmc_are_told_apart(road: Road) -> None:
    told = {}
    for fault in ("bmc-garbage", "bmc-sessions-full", "bmc-password-changed"):
        road.view.inject("web01", fault)
        job = road.do("identify.set", "web01")
        assert job.error is not None
        told[job.error["code"]] = job.error["message"]
        road.view.clear("web01")
    assert len(told) == 3
    assert len(set(told.values())) == 3


@pytest.mark.parametrize("server", SERVERS)
def test_a_refused_password_is_tried_once_and_then_parked_for_every_process(road: Road, server: str) -> None:
    second = road.start_worker()
    monitor = road.start_monitor()
    try:
        monitor.wait_said("the monitor is ready")
        monitor.stop()
        road.view.inject(server, "bmc-password-changed")
        began = time.time()
        job = failed(road, road.do("power.cycle", server), {"bmc_auth_failed"})
        assert job.error is not None
        tried = road.view.packets_in(server, began) if server == "web01" else 0
        parked = time.time()
        monitor = road.start_monitor()
        for _ in range(4):
            again = failed(road, road.do("power.cycle", server), {"bmc_auth_failed"})
            assert again.error is not None
            assert "was not tried again" in again.error["message"]
        if server == "web01":
            assert 0 < tried < 12
            assert road.view.packets_in(server, parked) == 0
        with database().read() as session:
            assert [row.parked_at is not None for row in session.scalars(select(Credential))].count(True) == 1
    finally:
        monitor.stop()
        second.stop()
    nothing_left_open(road, server)


def test_a_new_password_ends_the_parking(road: Road) -> None:
    road.view.inject("web01", "bmc-password-changed")
    failed(road, road.do("identify.set", "web01"), {"bmc_auth_failed"})
    road.view.clear("web01")
    failed(road, road.do("identify.set", "web01"), {"bmc_auth_failed"})
    (endpoint,) = endpoints_of(road.view.server("web01"))
    administer.set_credential(
        SYSTEM, road.servers["web01"], Protocol.IPMI, endpoint.user, endpoint.password.get_secret_value()
    )
    assert road.do("identify.set", "web01").state is JobState.SUCCEEDED


def test_a_renewed_certificate_of_the_trusted_authority_is_taken(road: Road) -> None:
    road.view.inject("db01", "bmc-new-certificate")
    assert road.do("identify.set", "db01").state is JobState.SUCCEEDED


def test_a_changed_certificate_is_trusted_only_after_somebody_confirmed_it(road: Road) -> None:
    known = trust_of(road.view.server("app01"))["fingerprint"]
    road.view.inject("app01", "bmc-new-certificate")
    mark = road.view.mark("app01")
    job = failed(road, road.do("power.cycle", "app01"), {"bmc_identity_changed"})
    assert job.error is not None
    assert road.view.commands("app01", mark) == []
    assert (job.error["expected"], len(job.error["presented"])) == (known, 64)
    administer.confirm_certificate(SYSTEM, road.servers["app01"], job.error["presented"])
    assert road.do("identify.set", "app01").state is JobState.SUCCEEDED
    administer.confirm_certificate(SYSTEM, road.servers["app01"], known)
    nothing_left_open(road, "app01")


@pytest.mark.parametrize("server", SERVERS)
def test_another_server_behind_the_address_gets_nothing_and_ours_is_quarantined(road: Road, server: str) -> None:
    road.view.inject(server, "bmc-other-identity")
    mark = road.view.mark(server)
    job = failed(road, road.do("power.cycle", server), {"wrong_server"})
    assert job.error is not None
    assert job.error["staff"]["expected"] != job.error["staff"]["found"]
    assert road.view.commands(server, mark) == []
    found = road.server(server)
    assert (found.lifecycle, found.quarantined_because) == (Lifecycle.QUARANTINED, job.error["message"])
    with database().read() as session:
        records = session.scalars(
            select(AuditRecord).where(
                AuditRecord.tag == "server:quarantine:set", AuditRecord.server_id == road.servers[server]
            )
        ).all()
    assert records[-1].reason == job.error["message"]
    with pytest.raises(WrongState, match="is quarantined"):
        road.submit("power.cycle", server, by="technician")
    nothing_left_open(road, server)


def test_an_address_that_was_moved_in_the_database_gets_no_password(road: Road) -> None:
    with database().write() as session:
        bmc_id = session.get_one(Server, road.servers["web01"]).bmc_id
        endpoint = session.scalars(select(Endpoint).where(Endpoint.bmc_id == bmc_id)).one()
        before, endpoint.address = endpoint.address, "127.0.9.77"
    try:
        job = road.do("identify.set", "web01")
        failed(road, job, {"configuration_error"})
        assert job.error is not None
        assert "address was changed" in job.error["message"]
    finally:
        with database().write() as session:
            session.execute(update(Endpoint).where(Endpoint.address == "127.0.9.77").values(address=before))
