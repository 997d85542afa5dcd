"""Log entries in the store: each once, in their order, and marked when they are gone from the BMC."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from oobctl import clock, readings
from oobctl.constants import Capability
from oobctl.drivers.readings import EventLogReport
from oobctl.errors import BmcTimeout
from oobctl.store import EventLogEntry, Reading, database
from tests.installation import Installation
from tests.unit.readings.samples import entry, log

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def keep(server_id: str, report: EventLogReport, minutes: float) -> dict[str, object]:
    """Keep it; returns the reading's content."""
    with database().write() as session:
        readings.keep(session, server_id, Capability.EVENT_LOG, report, NOON + timedelta(minutes=minutes))
    with database().read() as session:
        return session.get_one(Reading, (server_id, Capability.EVENT_LOG)).content or {}


def entries(server_id: str) -> list[tuple[str, str, bool]]:
    """(log, id, gone), in the order in which they came."""
    with database().read() as session:
        query = select(EventLogEntry).where(EventLogEntry.server_id == server_id).order_by(EventLogEntry.id)
        return [(row.log, row.entry_id, row.gone_at is not None) for row in session.scalars(query)]


def test_an_entry_is_kept_once_however_often_it_is_read(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, log(entry(1), entry(2), entry(2), whole=("SEL",)), 0)
    keep(server_id, log(entry(1), entry(2), entry(3), whole=("SEL",)), 1)
    assert entries(server_id) == [("SEL", "1", False), ("SEL", "2", False), ("SEL", "3", False)]


def test_an_id_that_a_bmc_uses_again_after_a_clear_is_another_entry(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, log(entry(1), whole=("SEL",)), 0)
    content = keep(server_id, log(entry(1, "Power unit failed"), whole=("SEL",)), 1)
    assert entries(server_id) == [("SEL", "1", True), ("SEL", "1", False)]
    assert content["counts"] == {"SEL": {"Critical": 1}}


@pytest.mark.parametrize("slash", ["/", r"\/", "%2F"])
def test_an_entry_tells_no_key_of_an_image_and_is_known_again_all_the_same(
    installation: Installation, slash: str
) -> None:
    server_id = installation.servers["web01"]
    address = slash.join(("http:", "", "198.51.100.1:8090", "media", "gL2_x-9s0PqR7tUvWxYz1234", "rescue.iso"))
    for minute in (0, 1):
        keep(server_id, log(entry(1, f"Virtual media attached: {address}"), whole=("SEL",)), minute)
    with database().read() as session:
        [row] = session.scalars(select(EventLogEntry).where(EventLogEntry.server_id == server_id))
    for told in (row.message, row.raw):
        assert "gL2_x" not in told
        assert "/media/***" in told
        assert "rescue.iso" in told


def test_the_content_keeps_the_markers_and_the_counts(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    content = keep(server_id, log(entry(1), entry(2), whole=("SEL",)), 0)
    assert content == {"markers": {"SEL": "2"}, "counts": {"SEL": {"Critical": 2}}, "problems": []}
    content = keep(server_id, EventLogReport((), {"SEL": "2"}), 1)
    assert content == {"markers": {"SEL": "2"}, "counts": {"SEL": {"Critical": 2}}, "problems": []}
    content = keep(server_id, EventLogReport((entry(3),), {"SEL": "3"}), 2)
    assert (content["markers"], content["counts"]) == ({"SEL": "3"}, {"SEL": {"Critical": 3}})


def test_only_what_left_a_log_that_was_read_whole_is_gone(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, log(entry(1), entry(2), entry(9, log="Lifecycle"), whole=("SEL", "Lifecycle")), 0)
    keep(server_id, log(entry(3)), 1)
    assert not any(gone for _log, _number, gone in entries(server_id))
    keep(server_id, log(entry(3), whole=("SEL",)), 2)
    assert entries(server_id) == [
        ("SEL", "1", True), ("SEL", "2", True), ("Lifecycle", "9", False), ("SEL", "3", False),
    ]  # fmt: skip
    keep(server_id, EventLogReport((), {}, ("SEL", "Lifecycle")), 3)
    assert all(gone for _log, _number, gone in entries(server_id))


def test_an_entry_that_is_read_again_is_not_gone(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, log(entry(1), whole=("SEL",)), 0)
    keep(server_id, EventLogReport((), {}, ("SEL",)), 1)
    keep(server_id, log(entry(1), whole=("SEL",)), 2)
    assert entries(server_id) == [("SEL", "1", False)]


def test_an_older_reading_of_a_log_takes_nothing_for_gone(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, log(entry(1), entry(2), whole=("SEL",)), 5)
    content = keep(server_id, EventLogReport((), {}, ("SEL",)), 0)
    assert not any(gone for _log, _number, gone in entries(server_id))
    assert content["markers"] == {"SEL": "2"}


def test_what_came_after_a_reading_is_not_gone_for_it_whatever_was_forgotten_meanwhile(
    installation: Installation,
) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, log(entry(1), entry(2), whole=("SEL",)), 5)
    with database().write() as session:
        readings.forget(session, server_id)
    keep(server_id, EventLogReport((), {}, ("SEL",)), 0)
    assert not any(gone for _log, _number, gone in entries(server_id))


def test_logs_are_merged_by_date_and_keep_their_own_order(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(
        server_id,
        log(
            entry(1, minute=1), entry(2, minute=9), entry(3, minute=2),  # its clock was set back
            entry(1, log="L", minute=4), entry(2, log="L", minute=10), whole=("SEL", "L"),
        ),
        30,
    )  # fmt: skip
    assert [(name, number) for name, number, _gone in entries(server_id)] == [
        ("SEL", "1"), ("L", "1"), ("SEL", "2"), ("SEL", "3"), ("L", "2"),
    ]  # fmt: skip


def test_two_thousand_entries_are_kept_in_their_order(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, log(*(entry(number) for number in range(2000)), whole=("SEL",)), 0)
    assert [number for _log, number, _gone in entries(server_id)] == [str(number) for number in range(2000)]


def test_the_markers_survive_a_bmc_that_does_not_answer(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    before = keep(server_id, log(entry(1), whole=("SEL",)), 0)
    with database().write() as session:
        readings.keep(session, server_id, Capability.EVENT_LOG, BmcTimeout("Nothing."), NOON + timedelta(minutes=1))
    with database().read() as session:
        assert session.get_one(Reading, (server_id, Capability.EVENT_LOG)).content == before


def test_an_entry_that_was_noted_while_a_clock_was_ahead_is_gone_when_it_is_gone(installation: Installation) -> None:
    server_id, ahead = installation.servers["web01"], clock.now() + timedelta(hours=1)
    with database().write() as session:
        readings.keep(session, server_id, Capability.EVENT_LOG, log(entry(1), entry(2), whole=("SEL",)), ahead)
    with database().write() as session:
        readings.keep(session, server_id, Capability.EVENT_LOG, log(entry(2), whole=("SEL",)), clock.now())
    assert entries(server_id) == [("SEL", "1", True), ("SEL", "2", False)]
