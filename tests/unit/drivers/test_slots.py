"""The session slots of a BMC: what a failed logout left is found by the next login, whatever else its holder keeps."""

from sqlalchemy import select

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import slots
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import address_of, rows_of
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
