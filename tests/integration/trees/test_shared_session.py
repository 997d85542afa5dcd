"""One Redfish session at a BMC for all of a site's processes: joined, left, ended for certain, and nobody else's."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import delete, select, update

from oobctl.constants import PowerState, SessionPurpose
from oobctl.drivers import dead_sessions, slots
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.holders import STALE_SECONDS
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.shared_session import SharedSlot
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import address_of, rows_of
from oobctl.errors import BmcError, BmcUnreachable, StoreUnavailable
from oobctl.store import BmcCircuit, BmcSession, Credential, Endpoint, Site, database, db_now
from oobctl.vault import Secret, seal
from tests import trees
from tests.installation import eventually
from tests.profiles import Derived
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

NOBODY = 1  # a port where nothing listens
SESSIONS = "/redfish/v1/SessionService/Sessions"


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve(behaviours=["session-limit=4"]) as served:
        yield served


def logins(bmc: Served) -> int:
    return len([request for request in bmc.asked("POST", SESSIONS) if request.status == 201])


def reading(stack: ExitStack, server_id: str, holder: str) -> ConnectedBmc:
    """A process's connection that has been used."""
    found = trees.connect_to(server_id, holder=holder)
    stack.callback(found.close)
    assert found.power.read() is PowerState.ON
    return found


def change(**values: object) -> None:
    with database().write() as tx:
        tx.execute(update(BmcSession).values(**values))


def a_persons(bmc: Served, person: httpx.Client) -> str:
    """A session that somebody opened with the same user."""
    reply = person.post(SESSIONS, json={"UserName": bmc.user, "Password": bmc.password})
    return str(reply.headers["location"])


def test_processes_share_one_session_and_the_last_one_ends_it(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        first, *others = [reading(stack, server_id, f"worker-{number}") for number in range(5)]
        assert (len(bmc.state.sessions), logins(bmc)) == (1, 1)
        first.close()
        assert [found.power.read() for found in others] == [PowerState.ON] * 4
        assert logins(bmc) == 1
    assert bmc.state.sessions == {}
    assert trees.slots_taken() == []


def test_logins_at_the_same_moment_become_one(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        found = [trees.connect_to(server_id, holder=f"worker-{number}") for number in range(8)]
        for one in found:
            stack.callback(one.close)
        threads = [threading.Thread(target=one.power.read) for one in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(bmc.state.sessions), logins(bmc)) == (1, 1)
    assert bmc.state.sessions == {}


def test_the_token_is_kept_sealed(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        reading(stack, server_id, "worker-1")
        token = next(iter(bmc.state.sessions.values())).token
        sealed = trees.slots_taken()[0].token
        assert sealed is not None
        assert token.encode() not in sealed


def test_what_a_dead_process_alone_had_is_ended_and_what_others_use_is_not(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        reading(stack, server_id, "worker-dead")
        alive = reading(stack, server_id, "worker-alive")
        dead_sessions.close_all_of("worker-dead")
        eventually(lambda: len(trees.slots_taken()) == 1)
        assert alive.power.read() is PowerState.ON
        assert logins(bmc) == 1
        dead_sessions.close_all_of("worker-alive")
        eventually(lambda: not trees.slots_taken())
        assert bmc.state.sessions == {}


def test_the_session_of_a_process_that_fell_silent_is_taken_over_not_left(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        reading(stack, server_id, "worker-dead")
        with database().write() as tx:
            tx.execute(update(BmcSession).values(heartbeat=db_now() - STALE_SECONDS - 1))
        found = reading(stack, server_id, "worker-next")
        assert [row.holder for row in trees.slots_taken()] == ["worker-next"]
        assert logins(bmc) == 1
        found.close()
        assert bmc.state.sessions == {}


def test_a_session_that_the_bmc_ended_is_replaced_once_for_all(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        found = [reading(stack, server_id, f"worker-{number}") for number in range(3)]
        bmc.state.sessions.clear()
        assert [one.power.read() for one in found] == [PowerState.ON] * 3
        assert (len(bmc.state.sessions), logins(bmc)) == (1, 2)
    assert bmc.state.sessions == {}


def test_after_a_change_of_the_password_nobody_keeps_the_old_session(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        changer, other = (reading(stack, server_id, f"worker-{number}") for number in range(2))
        old = set(bmc.state.sessions)
        session_of(changer).retire()
        assert bmc.state.sessions == {}
        assert other.power.read() is PowerState.ON
        assert set(bmc.state.sessions).isdisjoint(old)


def session_of(found: ConnectedBmc) -> RedfishSession:
    transport = next(iter(found._transports.values()))
    session = transport._session
    assert isinstance(session, RedfishSession)
    return session


def test_a_session_of_another_password_is_not_joined(bmc: Served) -> None:
    """Who entered a wrong password must be told so, whatever session is open there."""
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        reading(stack, server_id, "monitor-1")
        with database().write() as tx:
            endpoint = tx.scalars(select(Endpoint)).one()
            wrong = seal(
                tx.scalars(select(Site)).one().public_key, endpoint.id, endpoint.address, Secret(bmc.user, "x")
            )
            tx.execute(update(Credential).values(sealed=wrong))
        found = trees.connect_to(server_id, holder="worker-1")
        stack.callback(found.close)
        with pytest.raises(BmcError, match="refused the user or the password"):
            found.power.read()


def half_login(bmc: Served, server_id: str, holder: str) -> None:
    """What a process leaves that is killed between the BMC's answer to its login and its note of that."""
    found = trees.connect_to(server_id, holder=holder)
    found.power.read()
    change(native_id=None, token=None)


def test_a_login_that_was_killed_half_way_leaves_nothing_and_a_persons_session_stays(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with bmc.client() as person:
        theirs = a_persons(bmc, person)
        bmc.state.resources.at(theirs)["CreatedTime"] = "2020-01-01T00:00:00Z"
        half_login(bmc, server_id, "worker-dead")
        assert len(bmc.state.sessions) == 2
        dead_sessions.close_all_of("worker-dead")
        eventually(lambda: not trees.slots_taken())
        assert list(bmc.state.sessions) == [theirs]


def test_sessions_that_cannot_be_told_apart_are_left_to_the_bmc(bmc: Served) -> None:
    server_id = trees.way(bmc)
    with bmc.client() as person:
        half_login(bmc, server_id, "worker-dead")
        theirs = a_persons(bmc, person)
        dead_sessions.close_all_of("worker-dead")
        eventually(lambda: not trees.slots_taken())
        assert theirs in bmc.state.sessions
        assert len(bmc.state.sessions) == 2


def test_a_name_that_the_bmc_gave_to_somebody_else_is_not_ended(bmc: Served) -> None:
    """A BMC that restarted counts its sessions anew."""
    server_id = trees.way(bmc)
    with ExitStack() as stack, bmc.client() as person:
        reading(stack, server_id, "worker-dead")
        theirs = a_persons(bmc, person)
        bmc.state.resources.at(theirs)["UserName"] = "somebody"
        change(native_id=theirs)
        dead_sessions.close_all_of("worker-dead")
        eventually(lambda: not trees.slots_taken())
        assert theirs in bmc.state.sessions


def test_where_what_was_left_fills_the_bmc_it_is_ended_before_the_login(bmc: Served, derived: Derived) -> None:
    server_id = trees.way(bmc, profile=derived(changes={"sessions.redfish": 4}))
    with bmc.client() as person, ExitStack() as stack:
        left = [a_persons(bmc, person) for _ in range(3)]  # ours, of dead processes, as the rows will say
        reading(stack, server_id, "worker-next").close()
        with database().write() as tx:
            bmc_id = rows_of(server_id).bmc.id
            for path in left:
                row = BmcSession(bmc_id=bmc_id, protocol="redfish", purpose="act", holder="dead", native_id=path)
                row.heartbeat = 0.0
                tx.add(row)
        before = len(bmc.requests)
        reading(stack, server_id, "worker-next")
        methods = [request.method for request in bmc.requests[before:] if request.method in {"POST", "DELETE"}]
        assert methods == ["DELETE"] * 3 + ["POST"]
        assert len(bmc.state.sessions) == 1


# --- a BMC that does not answer --------------------------------------------------------------------------------------


def reached_at(port: int) -> None:
    with database().write() as tx:
        tx.execute(update(Endpoint).values(port=port))


def circuit() -> BmcCircuit:
    with database().read() as tx:
        return tx.scalars(select(BmcCircuit)).one()


def poll(server_id: str) -> None:
    found = trees.connect_to(server_id, purpose=SessionPurpose.POLL, holder="monitor-1")
    try:
        found.power.read()
    finally:
        found.close()


def test_a_bmc_that_does_not_answer_is_let_be_by_polls_longer_each_time(bmc: Served) -> None:
    server_id = trees.way(bmc)
    pauses = []
    for _ in range(3):
        reached_at(NOBODY)
        with pytest.raises(BmcUnreachable, match="takes no connection"):
            poll(server_id)
        reached_at(bmc.port)
        with pytest.raises(BmcUnreachable, match="in a row unanswered"):
            poll(server_id)
        assert bmc.requests == []
        with database().write() as tx:
            row = tx.scalars(select(BmcCircuit)).one()
            pauses.append(row.retry_at - (tx.scalar(select(db_now())) or 0.0))
            row.retry_at = 0.0
    assert pauses == sorted(pauses)
    assert pauses[2] > 2 * pauses[0]


def test_an_action_asks_at_once_and_its_success_lets_polls_ask_again(bmc: Served) -> None:
    server_id = trees.way(bmc)
    reached_at(NOBODY)
    with pytest.raises(BmcUnreachable):
        poll(server_id)
    with database().write() as tx:
        tx.execute(update(BmcCircuit).values(failures=9, retry_at=db_now() + 300))
    reached_at(bmc.port)
    with ExitStack() as stack:
        reading(stack, server_id, "worker-1")
    assert circuit().failures == 0
    poll(server_id)


def test_a_bmc_that_does_not_answer_has_one_probe_at_a_time(bmc: Served) -> None:
    server_id = trees.way(bmc)
    endpoint = address_of(next(iter(rows_of(server_id).endpoints.values())))
    with database().write() as tx:
        tx.add(BmcCircuit(endpoint_id=endpoint.id, failures=1, retry_at=0.0, probe_until=0.0))
    first, second = (Slot(endpoint, 3, SessionPurpose.ACT, f"worker-{number}", patience=5.0) for number in range(2))
    first.claim()
    claimed = threading.Event()

    def claim() -> None:
        second.claim()
        claimed.set()

    waiting = threading.Thread(target=claim)
    waiting.start()
    assert not claimed.wait(1.0)
    first.answered()
    waiting.join(10)
    assert claimed.is_set()
    first.release()
    second.release()


def test_a_probe_that_died_is_not_waited_for_for_ever(bmc: Served) -> None:
    server_id = trees.way(bmc)
    endpoint = address_of(next(iter(rows_of(server_id).endpoints.values())))
    with database().write() as tx:
        until = tx.scalar(select(db_now())) + 0.5  # type: ignore[operator]
        tx.add(BmcCircuit(endpoint_id=endpoint.id, failures=1, retry_at=0.0, probe="dead", probe_until=until))
    slot = Slot(endpoint, 3, SessionPurpose.ACT, "worker-1", patience=5.0)
    slot.claim()
    slot.release()
    assert slots.others(endpoint, "") == slots.Others(frozenset(), busy=False, half=0)
    with database().write() as tx:
        tx.execute(delete(BmcCircuit))


def test_a_database_that_goes_away_in_a_login_blocks_no_later_one(bmc: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the row looks like a login under way, for which all others wait, for as long as the process lives."""
    server_id = trees.way(bmc)
    with monkeypatch.context() as away:

        def fails(*_args: object, **_values: object) -> None:
            raise StoreUnavailable("The database is away.")

        away.setattr(SharedSlot, "opened", fails)
        away.setattr(SharedSlot, "leave", fails)
        found = trees.connect_to(server_id, holder="monitor-1")
        with pytest.raises(StoreUnavailable):
            found.power.read()
        found.close()
    slots.beat_all("monitor-1")
    with ExitStack() as stack:
        reading(stack, server_id, "worker-1")
        eventually(lambda: len(trees.slots_taken()) == 1)
        assert len(bmc.state.sessions) == 1


def test_an_answer_of_401_to_another_s_token_does_not_mean_that_a_session_is_gone(bmc: Served) -> None:
    """A BMC with Basic switched off, or with our next password already."""
    server_id = trees.way(bmc)
    with ExitStack() as stack:
        reading(stack, server_id, "worker-dead")
        account = bmc.state.passwords.who(bmc.user, bmc.password)
        assert account is not None
        assert account.account is not None
        bmc.state.passwords.set(account.account, "another-one")
        dead_sessions.close_all_of("worker-dead")
        eventually(lambda: any(request.status == 401 for request in bmc.requests))
        assert len(trees.slots_taken()) == 1
        bmc.state.passwords.set(account.account, bmc.password)
