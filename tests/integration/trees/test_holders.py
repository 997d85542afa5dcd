"""Whose a session is: a living process keeps it however long it was silent, and one taken for dead sees that it was."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from oobctl.constants import PowerState, Protocol, SessionPurpose
from oobctl.drivers import dead_sessions, slots
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.holders import STALE_SECONDS
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import address_of, rows_of
from oobctl.errors import BmcBusy, BmcSessionsExhausted
from oobctl.jobs import heartbeats
from oobctl.store import BmcSession, Process, Site, database, db_now
from tests import trees
from tests.installation import eventually
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

AWAY = 10 * STALE_SECONDS  # for so long the database was away: nobody could write a heartbeat
ALIVE = "worker-alive"


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve(behaviours=["session-limit=4"]) as served:
        yield served


@pytest.fixture
def server(bmc: Served) -> str:
    return trees.way(bmc)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def reading(stack: ExitStack, server_id: str, holder: str) -> ConnectedBmc:
    """A process's connection that has been used."""
    found = trees.connect_to(server_id, holder=holder)
    stack.callback(found.close)
    assert found.power.read() is PowerState.ON
    return found


def lives(holder: str, *, silent_for: float = 0.0) -> None:
    with database().write() as tx:
        site = tx.scalars(select(Site.id)).one()
        tx.add(Process(id=holder, kind="worker", site_id=site, seen=db_now() - silent_for))


def silent(holder: str, seconds: float = AWAY) -> None:
    """The heartbeats of its sessions are as old as that."""
    with database().write() as tx:
        tx.execute(update(BmcSession).where(BmcSession.holder == holder).values(heartbeat=db_now() - seconds))


def holders() -> list[str]:
    return sorted(row.holder for row in trees.slots_taken())


def stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no process is sure of itself: each has been stopped for as long as others need to find it dead."""
    monkeypatch.setattr(slots, "_BEAT_SECONDS", 0.0)


def a_slot(server_id: str, holder: str, *, limit: int = 1) -> Slot:
    """One that isn't shared, as over IPMI."""
    endpoint = address_of(rows_of(server_id).endpoints[Protocol.REDFISH])
    return Slot(endpoint, limit, SessionPurpose.ACT, holder, patience=1.0)


@pytest.mark.parametrize("unseen", [0.0, AWAY], ids=["its-sessions-alone-were-silent", "the-database-was-away"])
def test_a_living_process_keeps_its_session_however_long_it_was_silent(
    stack: ExitStack, bmc: Served, server: str, unseen: float
) -> None:
    alive = reading(stack, server, ALIVE)
    lives(ALIVE, silent_for=unseen)
    silent(ALIVE)
    other = reading(stack, server, "worker-next")
    assert holders() == [ALIVE, "worker-next"]
    silent(ALIVE)
    other.close()
    assert holders() == [ALIVE]
    assert alive.power.read() is PowerState.ON
    assert (len(bmc.state.sessions), alive.logins) == (1, 1)


def test_a_living_process_keeps_its_slot_however_long_it_was_silent(server: str) -> None:
    slot = a_slot(server, ALIVE)
    slot.claim()
    lives(ALIVE, silent_for=AWAY)
    silent(ALIVE)
    with pytest.raises(BmcSessionsExhausted, match=ALIVE):
        a_slot(server, "worker-next").claim()
    assert slot.holds()


def test_a_row_of_a_process_that_nobody_has_watched_for_an_hour_keeps_no_slot(server: str) -> None:
    """All of oobctl was killed: a command of a person's finds the BMC's slots free all the same."""
    a_slot(server, "worker-gone").claim()
    lives("worker-gone", silent_for=3601)
    silent("worker-gone")
    assert len(a_slot(server, "profile-1").claim()) == 1


def test_who_was_taken_for_dead_sees_that_its_slot_is_another_s(server: str) -> None:
    stopped = a_slot(server, "profile-stopped")
    stopped.claim()
    silent("profile-stopped")
    next_one = a_slot(server, "worker-next")
    assert len(next_one.claim()) == 1
    slots._held[str(stopped._id)] -= AWAY
    assert not stopped.holds()
    assert next_one.holds()


def test_who_was_taken_for_dead_in_its_login_ends_it(server: str) -> None:
    """Else there is a session that no row counts."""
    stopped = a_slot(server, ALIVE)
    stopped.claim()
    slots.disown_all(ALIVE)
    with pytest.raises(BmcBusy, match="stood still in its login"):
        stopped.opened("session-1")
    assert [row.heartbeat for row in trees.slots_taken()] == [0.0]


def test_who_was_taken_for_dead_and_wakes_logs_in_anew_before_it_asks_anything(
    stack: ExitStack, bmc: Served, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = reading(stack, server, ALIVE)
    dead_sessions.close_all_of(ALIVE)
    eventually(lambda: not trees.slots_taken())
    stood_still(monkeypatch)
    assert stopped.power.read() is PowerState.ON
    assert stopped.logins == 2
    assert [request for request in bmc.asked("GET") if request.status == 401] == []
    assert (holders(), len(bmc.state.sessions)) == ([ALIVE], 1)


def test_who_was_taken_for_dead_leaves_the_session_to_those_who_joined_it(
    stack: ExitStack, bmc: Served, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = reading(stack, server, "profile-stopped")
    silent("profile-stopped")
    reading(stack, server, "worker-next")
    assert holders() == ["worker-next"]
    stood_still(monkeypatch)
    assert stopped.power.read() is PowerState.ON
    assert holders() == ["profile-stopped", "worker-next"]
    assert len(bmc.state.sessions) == 1


def test_what_a_living_process_lost_track_of_is_nobody_s(server: str) -> None:
    """As where the database was away when it gave a slot back: else that is taken for as long as the process lives."""
    lost, kept = a_slot(server, ALIVE, limit=2), a_slot(server, ALIVE, limit=2)
    lost.claim()
    kept.claim()
    assert lost._id is not None
    lives(ALIVE)
    del slots._held[lost._id]
    slots.beat_all(ALIVE)
    assert {row.id: row.heartbeat > 0 for row in trees.slots_taken()} == {lost._id: False, kept._id: True}


# --- who finds the dead ----------------------------------------------------------------------------------------------


@pytest.fixture
def watched(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator["Watched"]:
    with database().read() as tx:
        site = tx.scalars(select(Site.id)).one()
    a_slot(server, ALIVE).claim()
    lives(ALIVE)
    yield Watched(site, monkeypatch)
    for thread in threading.enumerate():
        if thread.name == "end-sessions":
            thread.join(10)


class Watched:
    """A monitor that looks for dead holders, and a clock that it goes by."""

    def __init__(self, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        monkeypatch.setattr(heartbeats, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.holders = heartbeats.Holders("monitor-1", site)
        self.holders.look()

    def look_for(self, seconds: float, *, every: float = 3.0) -> bool:
        """Returns whether the session is still its holder's then."""
        end = self.now + seconds
        while self.now < end:
            self.now += every
            self.holders.look()
        return [row for row in trees.slots_taken() if row.heartbeat > 0] != []


def test_a_process_that_stands_still_loses_its_sessions_whoever_is_left_to_see_it(watched: Watched) -> None:
    """A site's only worker is stopped or killed: its monitor sees it."""
    assert watched.look_for(STALE_SECONDS - 6)
    assert not watched.look_for(12)


def test_a_process_whose_heart_beats_loses_no_session(watched: Watched) -> None:
    for _ in range(3):
        assert watched.look_for(STALE_SECONDS - 6)
        with database().write() as tx:
            tx.execute(update(Process).values(seen=Process.seen + 1))


def test_after_a_pause_of_all_no_process_is_dead(watched: Watched) -> None:
    """Also where the database kept the look waiting for as long, and gave no error."""
    assert watched.look_for(AWAY, every=AWAY)


def test_a_database_that_was_away_takes_no_session_from_anybody(watched: Watched) -> None:
    assert watched.look_for(STALE_SECONDS - 6)
    watched.holders.forgive()
    assert watched.look_for(STALE_SECONDS - 6)
