"""What is left of our sessions at a BMC: when a row is forgotten, what isn't ours, and what is no silence of a BMC."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from oobctl import clock
from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import circuit, dead_sessions
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import address_of, rows_of
from oobctl.monitor import Monitor
from oobctl.monitor.polls import poll
from oobctl.store import BmcCircuit, BmcSession, Server, Site, database
from tests import trees
from tests.profiles import Derived
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

SESSIONS = "/redfish/v1/SessionService/Sessions"


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve() as served:
        yield served


def opened(bmc: Served) -> str:
    """A session that our user opened now. Returns its path."""
    with bmc.client() as client:
        reply = client.post(SESSIONS, json={"UserName": bmc.user, "Password": bmc.password})
    return str(reply.headers["location"])


def left(server_id: str, path: str, *, minutes_ago: int) -> None:
    """A dead process's row of a session with that name, opened then."""
    with database().write() as tx:
        row = BmcSession(bmc_id=rows_of(server_id).bmc.id, protocol=Protocol.REDFISH, purpose=SessionPurpose.ACT)
        row.holder, row.native_id, row.heartbeat = "worker-dead", path, 0.0
        row.opened_at = clock.now() - timedelta(minutes=minutes_ago)
        tx.add(row)


@pytest.mark.parametrize(("minutes", "rows"), [(59, 1), (61, 0)])
def test_a_session_that_cannot_be_settled_is_forgotten_after_an_hour(bmc: Served, minutes: int, rows: int) -> None:
    """The BMC has ended it by itself then; until then its row counts."""
    server_id = trees.way(bmc)
    left(server_id, opened(bmc), minutes_ago=minutes)
    account = bmc.state.passwords.who(bmc.user, bmc.password)
    assert account is not None
    assert account.account is not None
    bmc.state.passwords.set(account.account, "another-one")
    dead_sessions.close(server_id)
    assert len(trees.slots_taken()) == rows
    assert len(bmc.state.sessions) == 1


@pytest.mark.parametrize(("minutes", "stays"), [(0, False), (10, True)], ids=["ours", "made-later"])
def test_a_session_of_the_same_name_that_was_made_later_is_not_ours(bmc: Served, minutes: int, stays: bool) -> None:
    """A BMC that restarted counts anew, and a person may sign in as our user."""
    server_id = trees.way(bmc)
    path = opened(bmc)
    left(server_id, path, minutes_ago=minutes)
    dead_sessions.close(server_id)
    assert (path in bmc.state.sessions) is stays
    assert trees.slots_taken() == []


def test_logins_that_fail_side_by_side_count_once(bmc: Served) -> None:
    endpoint = address_of(rows_of(trees.way(bmc)).endpoints[Protocol.REDFISH])
    together = [Slot(endpoint, 3, SessionPurpose.ACT, f"worker-{number}") for number in range(3)]
    for slot in together:
        slot.claim()
    for slot in together:
        slot.unanswered()
        slot.release()
    with database().read() as tx:
        assert tx.scalars(select(BmcCircuit.failures)).all() == [1]
    probe = Slot(endpoint, 3, SessionPurpose.ACT, "worker-4")
    probe.claim()
    circuit.unanswered(endpoint.id, None)  # one that began before
    probe.unanswered()
    probe.release()
    with database().read() as tx:
        assert tx.scalars(select(BmcCircuit.failures)).all() == [2]


def test_waiting_for_another_login_of_ours_is_no_silence_of_the_bmc(bmc: Served, derived: Derived) -> None:
    server_id = trees.way(bmc, profile=derived(changes={"timeouts.connect": 1}))
    with database().read() as tx:
        monitor = Monitor(tx.scalars(select(Site.id)).one())
    monitor._look()
    watch = monitor._watches[server_id]
    with database().write() as tx:  # a login that is under way, of a process that lives
        row = BmcSession(bmc_id=rows_of(server_id).bmc.id, protocol=Protocol.REDFISH, purpose=SessionPurpose.ACT)
        row.holder, row.shared, row.heartbeat = "worker-1", True, clock.now().timestamp()
        tx.add(row)
    poll(watch, monitor.id, monitor._writing.polls)
    monitor._writing.write()
    assert bmc.requests == []
    assert (watch.silent, watch.failures) == (False, 0)
    with database().read() as tx:
        assert tx.get_one(Server, server_id).silent_since is None
        assert tx.scalars(select(BmcCircuit)).all() == []
    monitor._end()
