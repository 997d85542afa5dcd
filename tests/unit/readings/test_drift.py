"""What is recorded of a BMC's security: when it comes to differ from its profile's baseline, how, and when no more."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from oobctl import readings
from oobctl.audit import query
from oobctl.audit.tags import Tag
from oobctl.constants import Capability
from oobctl.errors import BmcTimeout, OobctlError
from oobctl.readings import Report, drift
from oobctl.store import AuditRecord, Reading, database
from tests.installation import Installation
from tests.unit.readings.samples import security

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPEN = {"fact": "cipher_zero", "is": True, "should": False}
NAMELESS = {"fact": "null_user", "is": True, "should": False}


def hourly(server_id: str, *found: Report | OobctlError) -> None:
    for hour, one in enumerate(found):
        with database().write() as session:
            readings.keep(session, server_id, Capability.SECURITY, one, NOON + timedelta(hours=hour))


def records() -> list[AuditRecord]:
    with database().read() as session:
        rows = select(AuditRecord).where(AuditRecord.tag == str(Tag.SERVER_SECURITY_DRIFT)).order_by(AuditRecord.id)
        return list(session.scalars(rows))


def test_a_difference_is_recorded_when_it_appears_changes_and_ends_and_not_each_hour(
    installation: Installation,
) -> None:
    right = security(cipher_zero=False, null_user=False)
    wrong = security(cipher_zero=True, null_user=False)
    worse = security(cipher_zero=True, null_user=True)
    hourly(installation.servers["web01"], right, wrong, wrong, worse, worse, right, right)
    rows = records()
    assert [row.parameters["drift"] for row in rows] == [[OPEN], [OPEN, NAMELESS], []]
    assert [(row.evidence or {})["before"] for row in rows] == [[], [OPEN], [OPEN, NAMELESS]]
    assert "cipher_zero is yes (should be no)" in (rows[0].reason or "")
    assert "no more" in (rows[2].reason or "")
    assert {row.server_id for row in rows} == {installation.servers["web01"]}


def test_a_difference_that_cannot_be_read_now_has_not_ended(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    wrong = security(cipher_zero=True, null_user=False)
    hourly(server_id, wrong, security(cipher_zero=None), BmcTimeout("Nothing."), security(null_user=False), wrong)
    assert len(records()) == 1
    with database().read() as session:
        content = session.get_one(Reading, (server_id, Capability.SECURITY)).content
    assert content is not None
    assert content["drift"] == [OPEN]


def test_an_older_reading_records_nothing(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    hourly(server_id, security(cipher_zero=False))
    with database().write() as session:
        found = security(cipher_zero=True)
        readings.keep(session, server_id, Capability.SECURITY, found, NOON - timedelta(minutes=1))
    assert records() == []


def test_the_record_is_for_staff(installation: Installation) -> None:
    hourly(installation.servers["web01"], security(cipher_zero=True))
    with database().read() as session:
        seen = {
            name: [row.tag for row in query.records(session, installation.actor(name))[0]]
            for name in ("customer", "technician", "admin", "auditor")
        }
    tag = str(Tag.SERVER_SECURITY_DRIFT)
    assert [name for name, tags in seen.items() if tag in tags] == ["technician", "admin", "auditor"]


@pytest.mark.parametrize(
    ("value", "should", "differs"),
    [
        (True, False, True),
        (False, False, False),
        (1, True, True),
        (0, False, True),
        (2, 2, False),
        ("USER", "NO", True),
    ],
)
def test_a_truth_is_no_number(value: bool | int | str, should: bool | int | str, differs: bool) -> None:
    found = drift.between(security(fact=value), {"fact": should}, [])
    assert found == ([{"fact": "fact", "is": value, "should": should}] if differs else [])


def test_what_the_baseline_does_not_ask_for_is_no_difference() -> None:
    assert drift.between(security(administrators=9), {"cipher_zero": False}, [OPEN | {"fact": "administrators"}]) == []
