"""Whose a server is, one account's at a time, and how it changes hands and ends."""

import threading
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from oobctl import administer, clock, control, worker
from oobctl.access import SYSTEM, visible_servers
from oobctl.audit.tags import Tag
from oobctl.constants import JobState, Lifecycle, Permission, Protocol
from oobctl.errors import InvalidParameter, NotAllowed, ServerBusy, WrongState
from oobctl.ids import new_id
from oobctl.store import Assignment, AuditRecord, BmcUser, Credential, Endpoint, Grant, Job, Server, Site, database
from tests.furnished import OTHER_CUSTOMER, endpoint
from tests.installation import CUSTOMER, Installation


def open_assignments(server_id: str) -> list[Assignment]:
    with database().read() as session:
        query = select(Assignment).where(Assignment.server_id == server_id, Assignment.until_at.is_(None))
        return list(session.scalars(query))


def records(tag: Tag) -> list[AuditRecord]:
    with database().read() as session:
        return list(session.scalars(select(AuditRecord).where(AuditRecord.tag == tag).order_by(AuditRecord.id)))


def begin(job: Job) -> None:
    """As if a worker had begun it."""
    with database().write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(state=JobState.RUNNING, started_at=clock.now()))


def test_a_second_open_assignment_of_a_server_is_refused_by_the_database(installation: Installation) -> None:
    def assign_past_the_rules() -> None:
        with database().write() as session:
            session.add(Assignment(server_id=installation.servers["web01"], account_id=other))

    other = installation.people["stranger"].actor.account_id
    with pytest.raises(IntegrityError):
        assign_past_the_rules()


def test_two_assigns_at_once_leave_the_server_to_one_account(installation: Installation) -> None:
    start, errors = threading.Barrier(2), []

    def give(account: str) -> None:
        start.wait()
        try:
            for _ in range(5):
                administer.assign(SYSTEM, installation.servers["spare01"], account)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=give, args=(account,)) for account in (CUSTOMER, OTHER_CUSTOMER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(open_assignments(installation.servers["spare01"])) == 1


def test_what_was_queued_by_the_last_tenant_ends_with_a_record_when_the_server_changes_hands(
    installation: Installation,
) -> None:
    queued = installation.submit("power.cycle", "web01")
    administer.assign(SYSTEM, installation.servers["web01"], OTHER_CUSTOMER)
    ended = installation.job(queued.id)
    assert ended.state is JobState.CANCELLED
    assert [record.kind for record in installation.records(queued.id)] == ["intent", "outcome"]
    assert "the server changes hands" in str(ended.evidence)
    assert installation.submit("power.on", "web01", by="stranger").state is JobState.QUEUED


def test_a_server_is_not_given_away_while_a_job_runs_on_it(installation: Installation) -> None:
    running = installation.submit("power.cycle", "web01")
    begin(running)
    with pytest.raises(ServerBusy) as refused:
        administer.assign(SYSTEM, installation.servers["web01"], OTHER_CUSTOMER)
    assert refused.value.details["job"] == running.id
    [still] = open_assignments(installation.servers["web01"])
    assert still.account_id == installation.people["customer"].actor.account_id


def releases() -> list[Job]:
    """What the worker asked for at its next look round."""
    with database().read() as session:
        site_id = session.scalars(select(Site.id)).one()
    worker.release_servers(site_id)
    with database().read() as session:
        return list(session.scalars(select(Job).where(Job.action == "server.release")))


def test_what_the_last_tenant_set_is_cleared_once_the_bmc_answers(installation: Installation) -> None:
    assert releases() == []
    administer.assign(SYSTEM, installation.servers["web01"], OTHER_CUSTOMER)
    with database().write() as session:
        session.get_one(Server, installation.servers["web01"]).silent_since = clock.now()
    assert releases() == []
    with database().write() as session:
        session.get_one(Server, installation.servers["web01"]).silent_since = None
    [job] = releases()
    assert (job.server_id, job.actor["kind"]) == (installation.servers["web01"], "system")
    assert len(releases()) == 1


def test_assigning_a_server_to_whom_it_is_changes_nothing(sqlite_installation: Installation) -> None:
    queued = sqlite_installation.submit("power.cycle", "web01")
    before = open_assignments(sqlite_installation.servers["web01"])[0].id
    administer.assign(SYSTEM, "web01", CUSTOMER)
    assert open_assignments(sqlite_installation.servers["web01"])[0].id == before
    assert sqlite_installation.job(queued.id).state is JobState.QUEUED


def test_a_grant_ends_when_the_server_changes_hands(sqlite_installation: Installation) -> None:
    administer.add_grant(SYSTEM, "web01", "viewer", Permission.POWER, None)
    administer.assign(SYSTEM, "web01", OTHER_CUSTOMER)
    with database().read() as session:
        assert session.scalars(select(Grant)).one().revoked_at is not None
        mine = session.scalars(visible_servers(sqlite_installation.people["viewer"].actor)).all()
    assert "web01" not in {server.name for server in mine}


def test_a_retired_server_is_nobodys_and_its_passwords_are_gone(sqlite_installation: Installation) -> None:
    queued = sqlite_installation.submit("power.cycle", "web01")
    administer.retire_server(sqlite_installation.people["admin"].actor, "web01")
    server_id = sqlite_installation.servers["web01"]
    assert sqlite_installation.server("web01").lifecycle is Lifecycle.RETIRED
    assert sqlite_installation.job(queued.id).state is JobState.CANCELLED
    assert open_assignments(server_id) == []
    with database().read() as session:
        bmc_id = session.get_one(Server, server_id).bmc_id
        assert session.scalars(select(Endpoint).where(Endpoint.bmc_id == bmc_id)).all() != []
        assert session.scalars(select(Credential).join(Endpoint).where(Endpoint.bmc_id == bmc_id)).all() == []
    [record] = records(Tag.SERVER_RETIRE)
    assert (record.server_id, record.account_id) == (
        server_id, sqlite_installation.people["customer"].actor.account_id
    )  # fmt: skip
    with pytest.raises(WrongState):
        control.submit(SYSTEM, "power.on", server_id)


def left_on_the_bmc(installation: Installation, server: str, by: str = "customer") -> BmcUser:
    """A temporary user that is on the server's BMC."""
    job = installation.submit("power.on", server, by=by)
    control.cancel(SYSTEM, job.id)
    with database().write() as session:
        later = clock.now() + timedelta(hours=8)
        bmc_id = session.get_one(Server, job.server_id).bmc_id
        row = BmcUser(bmc_id=bmc_id, server_id=job.server_id, job_id=job.id, name="tmp1", role="Operator",
                      active_from=clock.now(), expires_at=later)  # fmt: skip
        session.add(row)
    return row


def test_a_server_whose_bmc_is_dead_is_retired_by_force_and_the_record_names_who_was_left(
    sqlite_installation: Installation,
) -> None:
    left_on_the_bmc(sqlite_installation, "web01")
    with pytest.raises(WrongState, match="--force"):
        administer.retire_server(SYSTEM, "web01")
    assert sqlite_installation.server("web01").lifecycle is Lifecycle.ASSIGNED
    administer.retire_server(SYSTEM, "web01", force=True)
    assert sqlite_installation.server("web01").lifecycle is Lifecycle.RETIRED
    [record] = records(Tag.SERVER_RETIRE)
    assert record.parameters["users_left"] == ["tmp1"]


def test_the_temporary_users_of_an_account_end_with_its_suspension_and_nobody_elses(
    installation: Installation,
) -> None:
    mine, others = left_on_the_bmc(installation, "web01"), left_on_the_bmc(installation, "other01", by="stranger")
    administer.suspend_account(SYSTEM, CUSTOMER)
    with database().read() as session:
        ended = {row.id: row.expires_at <= clock.now() for row in session.scalars(select(BmcUser))}
    assert ended == {mine.id: True, others.id: False}


def test_the_name_of_a_retired_server_is_free(sqlite_installation: Installation) -> None:
    administer.retire_server(SYSTEM, "web01")
    again = administer.ServerSpec(name="web01", account=CUSTOMER, endpoints=[endpoint("127.0.9.77")])
    assert administer.add_server(SYSTEM, again).id != sqlite_installation.servers["web01"]


def test_a_server_with_a_running_job_is_not_retired(sqlite_installation: Installation) -> None:
    begin(sqlite_installation.submit("power.cycle", "web01"))
    with pytest.raises(ServerBusy):
        administer.retire_server(SYSTEM, "web01")
    assert sqlite_installation.server("web01").lifecycle is Lifecycle.ASSIGNED


def test_a_server_is_not_named_like_an_id() -> None:
    with pytest.raises(ValidationError, match="reads as an id"):
        administer.ServerSpec(name=new_id(), endpoints=[endpoint("127.0.9.77")])


@pytest.mark.parametrize("label", ["owner", "technician", "auditor"])
def test_only_administrators_retire_and_others_leave_a_refusal(sqlite_installation: Installation, label: str) -> None:
    who = sqlite_installation.people["customer" if label == "owner" else label].actor
    with pytest.raises(NotAllowed, match="Only administrators"):
        administer.retire_server(who, "web01")
    [record] = records(Tag.SERVER_RETIRE)
    assert (record.kind, record.actor_name) == ("refusal", who.name)
    assert record.server_id == sqlite_installation.servers["web01"]
    assert sqlite_installation.server("web01").lifecycle is Lifecycle.ASSIGNED


# --- endpoints


def change(**values: object) -> administer.EndpointChange:
    return administer.EndpointChange.model_validate(values)


def only_endpoint(server_id: str) -> tuple[Endpoint, bytes]:
    with database().read() as session:
        bmc_id = session.get_one(Server, server_id).bmc_id
        found = session.scalars(select(Endpoint).where(Endpoint.bmc_id == bmc_id)).one()
        assert found.credential is not None
        return found, found.credential.sealed


def test_a_moved_address_needs_the_password_again(sqlite_installation: Installation) -> None:
    with pytest.raises(InvalidParameter) as refused:
        administer.set_endpoint(SYSTEM, "web01", Protocol.IPMI, change(address="127.0.9.99", user="admin"))
    assert refused.value.details["field"] == "password"
    assert only_endpoint(sqlite_installation.servers["web01"])[0].address == "127.0.9.1"


def test_a_moved_server_is_enrolling_until_somebody_looked_who_answers_there(sqlite_installation: Installation) -> None:
    server_id = sqlite_installation.servers["web01"]
    before = only_endpoint(server_id)[1]
    wanted = change(address="127.0.9.99", user="admin", password="canary-moved")
    assert administer.set_endpoint(SYSTEM, "web01", Protocol.IPMI, wanted) is True
    endpoint, sealed = only_endpoint(server_id)
    assert (endpoint.address, sealed != before) == ("127.0.9.99", True)
    assert sqlite_installation.server("web01").lifecycle is Lifecycle.ENROLLING
    assert sqlite_installation.server("web01").serial == "SN-web01"  # what the enrolment compares with
    [record] = records(Tag.SERVER_ENDPOINT_SET)
    assert "canary" not in str(record.parameters)
    with pytest.raises(WrongState):
        control.submit(SYSTEM, "power.on", server_id)


def test_a_new_password_alone_moves_nothing_and_frees_a_parked_credential(sqlite_installation: Installation) -> None:
    with database().write() as session:
        session.execute(update(Credential).values(parked_at=clock.now(), parked_because="refused"))
    wanted = change(user="admin", password="another")
    assert administer.set_endpoint(SYSTEM, "web01", Protocol.IPMI, wanted) is False
    with database().read() as session:
        found = session.get_one(Endpoint, only_endpoint(sqlite_installation.servers["web01"])[0].id)
        assert found.credential is not None
        assert found.credential.parked_at is None
    assert sqlite_installation.server("web01").lifecycle is Lifecycle.ASSIGNED


def test_a_new_password_is_tried_at_once_though_the_old_one_was_just_refused(sqlite_installation: Installation) -> None:
    with database().write() as session:
        session.execute(update(Credential).values(let_in=b"old", refused_at=1.0, retry_at=1e12))
    administer.set_credential(SYSTEM, "web01", Protocol.IPMI, "admin", "another")
    with database().read() as session:
        found = session.scalars(select(Credential)).all()
    assert [(row.let_in, row.refused_at) for row in found if row.refused_at is None] == [(None, None)]


def test_an_endpoint_is_added_and_removed_but_never_the_last(sqlite_installation: Installation) -> None:
    wanted = change(address="127.0.9.1", user="admin", password="another", tls={"fingerprint": "ab" * 32})
    assert administer.set_endpoint(SYSTEM, "web01", Protocol.REDFISH, wanted) is True
    administer.remove_endpoint(SYSTEM, "web01", Protocol.IPMI)
    endpoint, _sealed = only_endpoint(sqlite_installation.servers["web01"])
    assert (endpoint.protocol, endpoint.port, endpoint.tls_fingerprint) == ("redfish", 443, "ab" * 32)
    with pytest.raises(WrongState, match="no other endpoint"):
        administer.remove_endpoint(SYSTEM, "web01", Protocol.REDFISH)
    assert [record.parameters["protocol"] for record in records(Tag.SERVER_ENDPOINT_REMOVE)] == ["ipmi"]


def test_an_endpoint_is_not_changed_under_a_running_job(sqlite_installation: Installation) -> None:
    begin(sqlite_installation.submit("power.cycle", "web01"))
    with pytest.raises(ServerBusy):
        administer.set_endpoint(SYSTEM, "web01", Protocol.IPMI, change(port=6230))
