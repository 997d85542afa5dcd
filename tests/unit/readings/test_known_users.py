"""Users of a BMC that nobody knows are drift: who counts as known, what is recorded, and how one is acknowledged."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from oobctl import administer, clock, readings
from oobctl.access import SYSTEM
from oobctl.audit.tags import Tag
from oobctl.constants import BmcRole, Capability
from oobctl.drivers.readings import BmcUser as Listed
from oobctl.drivers.readings import SecurityReport
from oobctl.errors import InvalidParameter, NotAllowed, WrongState
from oobctl.readings.tell import drift_of
from oobctl.store import AuditRecord, BmcUser, Job, Reading, Server, database
from tests.installation import Installation
from tests.unit.readings.samples import open_to, security

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BACKDOOR = {"fact": "unknown_users", "is": "backdoor (Administrator)", "should": "none"}


def hourly(server_id: str, *found: SecurityReport, begin: datetime = NOON) -> None:
    for hour, one in enumerate(found):
        with database().write() as session:
            readings.keep(session, server_id, Capability.SECURITY, one, begin + timedelta(hours=hour))


def drift(server_id: str) -> list[dict[str, Any]]:
    with database().read() as session:
        return [one for one in drift_of(session, server_id) if one["fact"] == "unknown_users"]


def records(tag: Tag = Tag.SERVER_SECURITY_DRIFT) -> list[AuditRecord]:
    with database().read() as session:
        return list(session.scalars(select(AuditRecord).where(AuditRecord.tag == str(tag)).order_by(AuditRecord.id)))


def temporary(installation: Installation, server_id: str, name: str, removed_at: datetime | None = None) -> None:
    job = installation.submit("server.inspect", "web01", by="admin").id
    with database().write() as session:
        bmc_id = session.get_one(Server, server_id).bmc_id
        session.add(BmcUser(bmc_id=bmc_id, server_id=server_id, job_id=session.get_one(Job, job).id, name=name,
                            role=BmcRole.OPERATOR, expires_at=clock.now(), removed_at=removed_at))  # fmt: skip


def test_an_administrator_that_appears_on_a_bmc_is_drift_and_one_record(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to(), open_to("backdoor"), open_to("backdoor"))
    assert drift(server_id) == [BACKDOOR]
    [row] = records()
    assert "unknown_users is backdoor (Administrator)" in (row.reason or "")
    assert row.account_id is None


def test_users_that_were_there_at_first_are_no_drift_and_another_set_of_as_many_is(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to("vendor"), open_to("vendor"))
    assert drift(server_id) == []
    hourly(server_id, open_to("backdoor"), begin=NOON + timedelta(days=1))
    assert drift(server_id) == [BACKDOOR]


def test_a_known_user_that_may_do_more_than_it_might_is_drift(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to(ops=BmcRole.OPERATOR), open_to(ops=BmcRole.READ_ONLY), open_to("ops"))
    assert [one["is"] for one in drift(server_id)] == ["ops (Administrator)"]


def test_our_temporary_user_is_no_drift_until_it_may_do_more_or_outlives_its_end(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to())
    temporary(installation, server_id, "tmp1")
    hourly(server_id, open_to(tmp1=BmcRole.OPERATOR), begin=NOON + timedelta(days=1))
    assert drift(server_id) == []
    hourly(server_id, open_to("tmp1"), begin=NOON + timedelta(days=2))
    assert [one["is"] for one in drift(server_id)] == ["tmp1 (Administrator)"]
    with database().write() as session:
        session.execute(update(BmcUser).values(removed_at=NOON + timedelta(days=3)))
    hourly(server_id, open_to(tmp1=BmcRole.OPERATOR), begin=NOON + timedelta(days=4))
    assert [one["is"] for one in drift(server_id)] == ["tmp1 (Operator)"]


def test_an_unknown_user_that_cannot_be_read_now_has_not_ended(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to(), open_to("backdoor"), security(null_user=False))
    assert drift(server_id) == [BACKDOOR]
    assert len(records()) == 1


def test_who_is_gone_is_known_no_more_unless_a_protocol_was_silent(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to("vendor"), open_to(problems=("Nothing over ipmi.",)), open_to("vendor"))
    assert drift(server_id) == []
    hourly(server_id, open_to(), open_to("vendor"), begin=NOON + timedelta(days=1))
    assert [one["is"] for one in drift(server_id)] == ["vendor (Administrator)"]


def test_a_user_of_ours_that_one_protocol_alone_tells_of_stays_known_while_that_is_silent(
    installation: Installation,
) -> None:
    server_id = installation.servers["web01"]
    ours, theirs = (Listed("4", "ipmiuser", BmcRole.ADMINISTRATOR, True, ours=mine) for mine in (True, False))
    there = open_to().users or ()
    hourly(server_id, SecurityReport((), (), (*there, ours)), SecurityReport((), ("Silent.",), (*there, theirs)))
    assert drift(server_id) == []


def test_an_acknowledged_user_is_no_drift_any_more_and_the_record_names_it(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to(), open_to("backdoor", "vendor"))
    administer.acknowledge_bmc_user(installation.people["admin"].actor, "web01", "vendor")
    assert drift(server_id) == [BACKDOOR]
    [row] = records(Tag.SERVER_BMC_USER_ACKNOWLEDGE)
    assert row.parameters == {"user": "vendor", "role": "Administrator"}
    hourly(server_id, open_to("backdoor", "vendor"), begin=NOON + timedelta(days=1))
    assert drift(server_id) == [BACKDOOR]


def test_a_user_is_acknowledged_with_the_role_that_it_has_and_no_higher_one(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to(), open_to(backdoor=BmcRole.OPERATOR))
    administer.acknowledge_bmc_user(installation.people["admin"].actor, "web01", "backdoor")
    hourly(server_id, open_to(backdoor=BmcRole.OPERATOR), open_to("backdoor"), begin=NOON + timedelta(days=1))
    assert drift(server_id) == [BACKDOOR]


def test_only_an_administrator_acknowledges_and_only_who_is_there(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    with pytest.raises(WrongState, match="not read yet"):
        administer.acknowledge_bmc_user(SYSTEM, server_id, "vendor")
    hourly(server_id, open_to(), open_to("backdoor"))
    with pytest.raises(InvalidParameter, match="There are: backdoor"):
        administer.acknowledge_bmc_user(SYSTEM, server_id, "vendor")
    with pytest.raises(NotAllowed):
        administer.acknowledge_bmc_user(installation.people["technician"].actor, server_id, "backdoor")
    assert drift(server_id) == [BACKDOOR]


def test_a_user_that_was_acknowledged_or_there_at_first_is_drift_again_once_it_is_doubted(
    installation: Installation,
) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to("vendor"), open_to("vendor", "backdoor"))
    admin = installation.people["admin"].actor
    administer.acknowledge_bmc_user(admin, "web01", "backdoor")
    assert drift(server_id) == []
    administer.doubt_bmc_user(admin, "web01", "backdoor")
    assert drift(server_id) == [BACKDOOR]
    [row] = records(Tag.SERVER_BMC_USER_DOUBT)
    assert row.parameters == {"user": "backdoor", "role": "Administrator"}
    administer.doubt_bmc_user(admin, "web01", "vendor")
    hourly(server_id, open_to("vendor", "backdoor"), begin=NOON + timedelta(days=1))
    assert [set(one["is"].split(", ")) for one in drift(server_id)] == [
        {"backdoor (Administrator)", "vendor (Administrator)"}
    ]


def test_a_doubted_user_of_a_shared_bmc_is_told_once_on_each_of_its_servers(installation: Installation) -> None:
    server_id, other = installation.servers["web01"], installation.servers["db01"]
    with database().write() as session:
        session.get_one(Server, other).bmc_id = session.get_one(Server, server_id).bmc_id
    hourly(server_id, open_to(backdoor=BmcRole.OPERATOR))
    hourly(other, open_to("backdoor"), begin=NOON + timedelta(minutes=1))
    assert (drift(server_id), drift(other)) == ([], [BACKDOOR])
    administer.doubt_bmc_user(installation.people["admin"].actor, server_id, "backdoor")
    assert drift(other) == [BACKDOOR]
    assert drift(server_id) == [BACKDOOR | {"is": "backdoor (Operator)"}]


def test_only_an_administrator_doubts_and_only_who_is_known_and_not_ours(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, open_to("vendor"))
    with database().read() as session:
        users = (session.get_one(Reading, (server_id, Capability.SECURITY)).content or {})["users"]
    ours = [user["name"] for user in users if user["ours"]]
    assert ours
    for name in ("nobody", *ours):
        with pytest.raises(InvalidParameter, match="There are: vendor"):
            administer.doubt_bmc_user(SYSTEM, server_id, name)
    with pytest.raises(NotAllowed):
        administer.doubt_bmc_user(installation.people["technician"].actor, server_id, "vendor")
    assert drift(server_id) == []


def test_a_first_reading_without_users_says_nothing_about_who_is_known(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, security(null_user=False), open_to("vendor"))
    assert drift(server_id) == []
    with database().read() as session:
        assert session.get_one(Reading, (server_id, Capability.SECURITY)).content is not None
