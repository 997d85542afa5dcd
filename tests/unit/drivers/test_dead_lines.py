"""A dead session's row outlives it while the BMC may hold a serial line for it, and no longer."""

import pytest
from sqlalchemy import func, select, update

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import dead_sessions, slots
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import address_of, rows_of
from oobctl.store import BmcSession, database
from tests.installation import Installation

GATEWAY = "gateway-1"


def a_session(server_id: str, purpose: SessionPurpose) -> Slot:
    slot = Slot(address_of(rows_of(server_id).endpoints[Protocol.IPMI]), 9, purpose, GATEWAY)
    slot.claim()
    slot.opened(str(purpose))
    return slot


def rows() -> set[str | None]:
    with database().read() as tx:
        return set(tx.scalars(select(BmcSession.native_id)))


def lines(server_id: str) -> list[str | None]:
    return [row.native_id for row in dead_sessions.dead_lines(server_id)]


def test_the_line_of_a_dead_process_is_known_until_somebody_opens_it(installation: Installation) -> None:
    server_id = installation.server("web01").id
    for purpose in (SessionPurpose.SOL, SessionPurpose.ACT):
        a_session(server_id, purpose)
    assert lines(server_id) == []
    slots.disown_all(GATEWAY)
    assert lines(server_id) == ["sol"]
    closed = dead_sessions.close(server_id)
    assert (closed.closed, closed.left) == (1, 1)
    assert rows() == {"sol"}


def test_a_line_whose_logout_failed_is_known_too(installation: Installation) -> None:
    server_id = installation.server("web01").id
    a_session(server_id, SessionPurpose.SOL).abandon()
    assert lines(server_id) == ["sol"]


@pytest.mark.parametrize("disowned", [True, False])
def test_when_no_bmc_holds_it_any_more_its_name_may_be_anothers(installation: Installation, disowned: bool) -> None:
    server_id = installation.server("web01").id
    a_session(server_id, SessionPurpose.SOL)
    with database().write() as tx:
        tx.execute(update(BmcSession).values(heartbeat=BmcSession.heartbeat - 200))
    if disowned:
        slots.disown_all(GATEWAY)
    assert lines(server_id) == []
    dead_sessions.close(server_id)
    assert rows() == set()


def test_who_logs_in_is_told_which_leftover_is_a_line(installation: Installation) -> None:
    server_id = installation.server("web01").id
    for purpose in (SessionPurpose.SOL, SessionPurpose.ACT):
        a_session(server_id, purpose)
    slots.disown_all(GATEWAY)
    slot = Slot(address_of(rows_of(server_id).endpoints[Protocol.IPMI]), 9, SessionPurpose.ACT, "worker-1")
    assert {left.native_id: left.line for left in slot.claim()} == {"sol": True, "act": False}


def test_a_dead_line_takes_no_place_of_the_living(installation: Installation) -> None:
    server_id = installation.server("web01").id
    a_session(server_id, SessionPurpose.SOL)
    slots.disown_all(GATEWAY)
    Slot(address_of(rows_of(server_id).endpoints[Protocol.IPMI]), 1, SessionPurpose.ACT, "worker-1").claim()
    with database().read() as tx:
        assert tx.scalar(select(func.count()).select_from(BmcSession)) == 2
