"""What is recorded, how much of it, and who may read it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from oobctl import administer, clock, control
from oobctl.access import SYSTEM, Actor, sign_in
from oobctl.audit import refusals
from oobctl.audit.query import records
from oobctl.audit.tags import Tag
from oobctl.constants import JobState, Permission, PowerState, Protocol
from oobctl.errors import NotAllowed, NotFound, NotSignedIn
from oobctl.jobs import lease, progress
from oobctl.store import AuditRecord, Job, Server, database
from tests.furnished import OTHER_CUSTOMER
from tests.installation import CUSTOMER, Installation


def written(**wanted: str) -> list[AuditRecord]:
    with database().read() as session:
        return list(session.scalars(select(AuditRecord).filter_by(**wanted).order_by(AuditRecord.id)))


def readable(actor: Actor, **where: str) -> list[AuditRecord]:
    with database().read() as session:
        return records(session, actor, **where)[0]  # type: ignore[arg-type]


def refuse(installation: Installation, label: str) -> None:
    with pytest.raises(NotAllowed):
        control.submit(installation.actor(label), "power.cycle", "web01")


def test_an_action_writes_who_from_where_what_and_why(installation: Installation) -> None:
    job = installation.submit("boot.set", "web01", {"source": "Pxe"})
    intent = installation.records(job.id)[0]
    actor = installation.actor("customer")
    assert (intent.kind, intent.tag, intent.actor_kind, intent.actor_name) == (
        "intent",
        "server:boot:set",
        "user",
        "customer",
    )
    assert (intent.actor_role, intent.actor_account_id) == ("owner", actor.account_id)
    assert (intent.source_ip, intent.user_agent) == (actor.address, actor.user_agent)
    assert intent.server_id == installation.servers["web01"]
    assert intent.parameters == {"source": "Pxe", "enabled": "Once", "mode": None}
    assert intent.reason == "owner of the account that has web01"
    assert (intent.charge_amount, intent.charge_currency) == ("0.00", "EUR")


def test_a_refused_action_is_recorded_with_the_reason(sqlite_installation: Installation) -> None:
    refuse(sqlite_installation, "viewer")
    (refusal,) = written(kind="refusal")
    assert (refusal.tag, refusal.outcome, refusal.job_id) == ("server:power:cycle", "refused", None)
    assert refusal.server_id == sqlite_installation.servers["web01"]
    assert refusal.reason is not None
    assert "the role viewer has no permission power" in refusal.reason


def test_what_a_refused_request_carried_beside_its_parameters_is_not_recorded(
    sqlite_installation: Installation,
) -> None:
    with pytest.raises(NotAllowed):
        control.submit(
            sqlite_installation.actor("viewer"), "boot.set", "web01", {"source": "Pxe", "password": "canary-1"}
        )
    (refusal,) = written(kind="refusal")
    assert refusal.parameters == {"source": "Pxe"}


def test_refusals_alike_are_recorded_one_by_one_and_then_counted(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "KEPT_PER_HOUR", 3)
    for _ in range(5):
        refuse(installation, "viewer")
    kept = written(kind="refusal")
    assert ["are counted" in str(row.reason) for row in kept] == [False, False, True]
    later = clock.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    for _ in range(2):  # told once
        with database().write() as session:
            refusals.tell_counted(session)
    told = written(kind="refusal")[3:]
    assert [(row.actor_name, row.server_id, row.parameters) for row in told] == [
        ("viewer", installation.servers["web01"], {"count": 2})
    ]


def test_what_was_counted_is_told_when_the_next_one_like_it_comes(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "KEPT_PER_HOUR", 1)
    refuse(sqlite_installation, "viewer")
    refuse(sqlite_installation, "viewer")
    later = clock.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    refuse(sqlite_installation, "viewer")
    assert [row.parameters.get("count") for row in written(kind="refusal")] == [None, 1, None]


def test_nobodys_refusals_hide_anothers_or_those_of_another_kind(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "KEPT_PER_HOUR", 1)
    for label in ("viewer", "viewer", "auditor"):
        refuse(sqlite_installation, label)
    with pytest.raises(NotAllowed):
        administer.add_account(sqlite_installation.actor("viewer"), "Mine Ltd")
    with pytest.raises(NotAllowed):
        control.submit(sqlite_installation.actor("viewer"), "power.cycle", "db01")
    assert [(row.actor_name, row.tag) for row in written(kind="refusal")] == [
        ("viewer", "server:power:cycle"),
        ("auditor", "server:power:cycle"),
        ("viewer", "account:account:add"),
        ("viewer", "server:power:cycle"),
    ]


def test_guesses_at_a_users_password_are_recorded_whatever_else_was_refused_to_that_address(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "KEPT_PER_HOUR", 2)
    for name in ("a", "b", "c", "d", "technician"):
        with pytest.raises(NotSignedIn):
            sign_in(name, "open sesame", address="192.0.2.9", user_agent=None)
    rows = written(kind="refusal")
    assert [row.actor_name for row in rows] == ["a…", "b…", "technician"]
    assert rows[-1].actor_id == sqlite_installation.actor("technician").id


def test_a_name_that_nobody_has_is_not_kept(sqlite_installation: Installation) -> None:
    typed = "\u202emy-secret-Password-1!\r\n"
    with pytest.raises(NotSignedIn):
        sign_in(typed, "x", address="192.0.2.9", user_agent=None)
    assert [row.actor_name for row in written(kind="refusal")] == ["m…"]


def test_what_is_said_of_a_job_after_the_server_went_is_its_own_accounts(installation: Installation) -> None:
    job = installation.submit("power.cycle", "web01")
    with database().write() as session:
        row = session.get_one(Job, job.id)
        progress.end(session, row, JobState.NEEDS_ATTENTION, tag="server:power:cycle", how="needs_attention")
        lease.give_back(session, job.id)
    administer.assign(SYSTEM, installation.servers["web01"], OTHER_CUSTOMER)
    control.resolve(installation.actor("technician"), job.id, "It was a loose cable.")
    with pytest.raises(NotAllowed):
        control.resolve(installation.actor("customer"), job.id, "Mine.")
    mine, theirs = readable(installation.actor("customer")), readable(installation.actor("stranger"))
    assert {row.kind for row in mine if row.job_id == job.id} == {"intent", "outcome", "event", "refusal"}
    assert not [row for row in theirs if row.job_id == job.id]
    assert "loose cable" not in str([row.parameters for row in theirs])


def test_both_accounts_read_that_a_server_went_from_one_to_the_other(sqlite_installation: Installation) -> None:
    administer.assign(SYSTEM, sqlite_installation.servers["web01"], OTHER_CUSTOMER)
    for label, account in (("customer", None), ("stranger", OTHER_CUSTOMER)):
        told = [row for row in readable(sqlite_installation.actor(label)) if row.tag == Tag.SERVER_ASSIGN]
        assert told[0].parameters == {"account": account}, label
        assert told[0].server_id == sqlite_installation.servers["web01"]


def test_the_next_tenant_is_shown_no_state_from_before(sqlite_installation: Installation) -> None:
    server_id = sqlite_installation.servers["web01"]
    with database().write() as session:
        row = session.get_one(Server, server_id)
        row.power_state, row.power_read_at = PowerState.ON, clock.now()
        row.silent_since, row.silent_because = clock.now(), "The BMC takes no connection."
    administer.assign(SYSTEM, server_id, OTHER_CUSTOMER)
    found = sqlite_installation.server("web01")
    assert (found.power_state, found.power_read_at, found.silent_since, found.silent_because) == (
        PowerState.UNKNOWN, None, None, None,
    )  # fmt: skip


def test_the_next_tenant_sees_nothing_of_what_was_done_before(installation: Installation) -> None:
    job = installation.submit("identify.set", "web01")
    control.cancel(installation.actor("customer"), job.id)
    assert readable(installation.actor("customer"), server="web01")
    administer.assign(SYSTEM, installation.servers["web01"], OTHER_CUSTOMER)
    stranger = installation.actor("stranger")
    theirs = readable(stranger, server="web01")
    assert {row.tag for row in theirs} <= {Tag.SERVER_ASSIGN}
    assert not [row for row in readable(stranger) if row.job_id == job.id]
    assert control.jobs(stranger, server="web01") == ([], None)
    with pytest.raises(NotFound), database().read() as session:
        control.find_job(session, stranger, job.id)


def test_the_last_tenant_keeps_the_record_of_their_own_time(sqlite_installation: Installation) -> None:
    job = sqlite_installation.submit("identify.set", "web01")
    control.cancel(sqlite_installation.actor("customer"), job.id)
    administer.assign(SYSTEM, sqlite_installation.servers["web01"], None)
    assert job.id in {row.job_id for row in readable(sqlite_installation.actor("customer"))}


def test_a_foreign_servers_records_cannot_be_asked_for(sqlite_installation: Installation) -> None:
    with pytest.raises(NotFound):
        readable(sqlite_installation.actor("stranger"), server="web01")


def test_staff_read_every_account(sqlite_installation: Installation) -> None:
    assert {row.server_id for row in readable(sqlite_installation.actor("auditor"), server="other01")} == {
        sqlite_installation.servers["other01"]
    }


def test_pages_of_records_neither_repeat_nor_skip(sqlite_installation: Installation) -> None:
    everything = [row.id for row in readable(sqlite_installation.actor("auditor"))]
    paged: list[str] = []
    after: str | None = None
    with database().read() as session:
        while True:
            page, after = records(session, sqlite_installation.actor("auditor"), after=after, limit=3)
            paged += [row.id for row in page]
            if after is None:
                break
    assert len(everything) > 6
    assert paged == everything


CHANGES: dict[Tag, Callable[[Installation], object]] = {
    Tag.ACCOUNT_ADD: lambda i: administer.add_account(i.actor("admin"), "third"),
    Tag.SERVER_ASSIGN: lambda i: administer.assign(i.actor("admin"), i.servers["spare01"], CUSTOMER),
    Tag.ACCOUNT_GRANT_ADD: lambda i: administer.add_grant(
        i.actor("admin"), i.servers["web01"], "viewer", Permission.POWER, None
    ),
    Tag.SERVER_ENDPOINT_SET: lambda i: administer.set_credential(
        i.actor("admin"),
        i.servers["web01"],
        Protocol.IPMI,
        "root",
        "canary-99",
    ),
}


@pytest.mark.parametrize("tag", CHANGES)
def test_an_administrative_change_is_recorded_without_secrets(sqlite_installation: Installation, tag: Tag) -> None:
    CHANGES[tag](sqlite_installation)
    change = written(kind="event", tag=tag, actor_name="admin")
    assert len(change) == 1
    assert change[0].outcome == "done"
    assert "canary" not in str(change[0].__dict__)


@pytest.mark.parametrize("tag", CHANGES)
def test_an_administrative_change_by_somebody_else_is_refused_and_recorded(
    sqlite_installation: Installation, tag: Tag
) -> None:
    sqlite_installation.people["admin"] = sqlite_installation.people["technician"]
    with pytest.raises(NotAllowed):
        CHANGES[tag](sqlite_installation)
    assert [row.actor_name for row in written(kind="refusal", tag=tag)] == ["technician"]
    assert written(kind="event", tag=tag, actor_name="technician") == []
