"""When a BMC gave no readings: one span a way, begun and ended where that is seen, bounded, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from oobctl import administer, clock
from oobctl.access import SYSTEM
from oobctl.constants import PowerState
from oobctl.ids import new_id
from oobctl.jobs import contact, progress
from oobctl.store import Outage, Server, database
from tests.furnished import OTHER_CUSTOMER
from tests.installation import Installation

NOON = clock.now() - timedelta(hours=1)


@pytest.fixture
def server_id(installation: Installation) -> str:
    return installation.servers["web01"]


def lose(server_id: str, minutes: float, code: str = "bmc_timeout", because: str = "No answer.") -> None:
    with database().write() as session:
        server = session.get_one(Server, server_id)
        contact.lost(session, server, NOON + timedelta(minutes=minutes), code, because)


def hear(server_id: str, minutes: float) -> None:
    progress.saw_power(server_id, PowerState.ON, NOON + timedelta(minutes=minutes))


def kept(server_id: str) -> list[tuple[float, float | None, str | None, str | None]]:
    with database().read() as session:
        query = select(Outage).where(Outage.server_id == server_id).order_by(Outage.from_at)
        return [
            (
                (row.from_at - NOON) / timedelta(minutes=1),
                None if row.until_at is None else (row.until_at - NOON) / timedelta(minutes=1),
                row.code,
                row.because,
            )
            for row in session.scalars(query)
        ]


def test_an_outage_lasts_from_the_first_reading_that_failed_to_the_next_that_did_not(server_id: str) -> None:
    hear(server_id, 0)
    assert kept(server_id) == []
    lose(server_id, 1)
    lose(server_id, 2, because="It took the connection and said nothing.")
    assert kept(server_id) == [(1, None, "bmc_timeout", "It took the connection and said nothing.")]
    hear(server_id, 3)
    hear(server_id, 4)
    lose(server_id, 5)
    assert kept(server_id) == [
        (1, 3, "bmc_timeout", "It took the connection and said nothing."), (5, None, "bmc_timeout", "No answer."),
    ]  # fmt: skip


def test_where_a_bmc_gives_no_readings_in_another_way_another_outage_begins(
    server_id: str, installation: Installation
) -> None:
    for minutes, code in enumerate(("bmc_unreachable", "bmc_timeout", "bmc_auth_failed", "bmc_timeout")):
        lose(server_id, minutes, code)
    hear(server_id, 9)
    assert [row[:3] for row in kept(server_id)] == [
        (0, 2, "bmc_timeout"), (2, 3, "bmc_auth_failed"), (3, 9, "bmc_timeout"),
    ]  # fmt: skip
    after = installation.server("web01")
    assert (after.silent_since, after.silent_because, after.silent_code) == (None, None, None)


def test_a_hand_over_ends_an_outage(server_id: str) -> None:
    lose(server_id, 1)
    administer.assign(SYSTEM, server_id, OTHER_CUSTOMER)
    [(_, until, _, _)] = kept(server_id)
    assert until is not None


def test_an_outage_of_a_time_to_come_begins_when_the_clock_is_right_again(server_id: str) -> None:
    lose(server_id, 24 * 60)
    lose(server_id, 1)
    assert kept(server_id) == [(1, None, "bmc_timeout", "No answer.")]
    hear(server_id, 2)
    assert [row[:2] for row in kept(server_id)] == [(1, 2)]


def test_a_bmc_that_was_silent_before_outages_were_kept_has_one_from_its_beginning_on(server_id: str) -> None:
    with database().write() as session:
        session.get_one(Server, server_id).silent_since = NOON
    lose(server_id, 7)
    assert [row[:2] for row in kept(server_id)] == [(0, None)]


def test_what_is_too_old_or_too_much_goes(server_id: str, installation: Installation) -> None:
    spans = [(-60 * 24 * 365 * 4, 1), *((-number * 3, -number * 3 + 1) for number in range(1, contact._MOST_KEPT + 1))]
    rows = [
        {
            "id": new_id(),
            "server_id": one,
            "from_at": NOON + timedelta(minutes=begin),
            "until_at": NOON + timedelta(minutes=min(end, begin + 1)),
        }
        for begin, end in spans
        for one in (server_id, installation.servers["db01"])
    ]
    with database().write() as session:
        session.execute(insert(Outage), rows)
    lose(server_id, 1)
    lose(installation.servers["spare01"], 1)
    with database().read() as session:
        counts = dict(session.execute(select(Outage.server_id, func.count()).group_by(Outage.server_id)).all())
    assert counts[server_id] == contact._MOST_KEPT
    assert counts[installation.servers["db01"]] == contact._MOST_KEPT + 1
    assert kept(server_id)[0][0] == -(contact._MOST_KEPT - 1) * 3
