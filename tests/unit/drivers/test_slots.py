"""The session slots of a BMC: what a failed logout left is found by the next login, whatever else its holder keeps."""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaits

import pytest
from sqlalchemy import select, update

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import slots
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.slots import Leftover, Slot
from oobctl.drivers.ways import address_of, rows_of
from oobctl.errors import BmcSessionsExhausted
from oobctl.store import BmcSession, database
from tests.installation import Installation


def heartbeats() -> dict[str | None, float]:
    with database().read() as tx:
        return {row.native_id: row.heartbeat for row in tx.scalars(select(BmcSession))}


def test_a_session_whose_logout_failed_stays_nobodys_though_its_holder_lives_on(installation: Installation) -> None:
    """Else the monitor's own ghosts fill its BMC, and it reads that one no more."""
    endpoint = address_of(rows_of(installation.server("web01").id).endpoints[Protocol.IPMI])
    for number in range(3):  # three outages, with one slot for polls
        slot = Slot(endpoint, 1, SessionPurpose.POLL, "monitor-1")
        assert [left.native_id for left in slot.claim()] == [f"session-{before}" for before in range(number)]
        slot.opened(f"session-{number}")
        slot.abandon()
        slots.beat_all("monitor-1")
    kept = Slot(endpoint, 1, SessionPurpose.POLL, "monitor-1")
    kept.claim()
    kept.opened("kept")
    assert kept.holds()
    before = heartbeats()
    assert {name for name, at in before.items() if at == 0} == {"session-0", "session-1", "session-2"}
    slots.beat_all("monitor-1")
    assert heartbeats()["kept"] >= before["kept"] > 0


def ipmi(installation: Installation) -> EndpointAddress:
    return address_of(rows_of(installation.server("web01").id).endpoints[Protocol.IPMI])


def waiting(slot: Slot, threads: ThreadPoolExecutor) -> "Future[list[Leftover]]":
    """A claim that goes on in a thread."""
    claim = threads.submit(slot.claim)
    with pytest.raises(StillWaits):
        claim.result(0.5)
    return claim


def test_a_claim_waits_for_logins_that_have_all_slots_and_takes_that_of_one_that_fails(
    installation: Installation,
) -> None:
    first = Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-1")
    first.claim()
    with ThreadPoolExecutor() as threads:
        second = Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-2")
        claim = waiting(second, threads)
        first.release()
        assert claim.result(30) == []
    assert second.holds()


def test_a_claim_that_waited_is_refused_when_the_login_has_come_to_a_session(installation: Installation) -> None:
    first = Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-1")
    first.claim()
    with ThreadPoolExecutor() as threads:
        claim = waiting(Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-2"), threads)
        first.opened("session-1")
        with pytest.raises(BmcSessionsExhausted, match="worker-1"):
            claim.result(15)  # its own patience is longer


def test_a_claim_waits_for_a_login_no_longer_than_one_takes(installation: Installation) -> None:
    Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-1").claim()
    with pytest.raises(BmcSessionsExhausted, match="worker-1"):
        Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-2", patience=0.5).claim()


def test_a_claim_waits_for_a_shared_session_that_is_being_ended(installation: Installation) -> None:
    """It has a name and no token any more: a worker logs out, or the BMC has dropped it."""
    first = Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-1")
    first.claim()
    first.opened("session-1")
    with database().write() as tx:
        tx.execute(update(BmcSession).values(shared=True, token=None))
    with ThreadPoolExecutor() as threads:
        second = Slot(ipmi(installation), 1, SessionPurpose.ACT, "worker-2")
        claim = waiting(second, threads)
        first.release()
        assert claim.result(30) == []
