"""The lease: one holder at a time, and a successor that waits for the longest send."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from oobctl import control
from oobctl.errors import LeaseLost
from oobctl.jobs import lease
from oobctl.store import Lease, Server, database, db_now
from oobctl.store.base import Base
from tests.installation import Installation

KEYS = ("server:1", "server:2", "bmc:1")


def held() -> dict[str, str | None]:
    with database().read() as session:
        return {row.key: row.job_id for row in session.scalars(select(Lease))}


def age(job_id: str, seconds: float) -> None:
    """As if the last grant were so many seconds older, by the database's clock."""
    with database().write() as session:
        session.execute(update(Lease).where(Lease.job_id == job_id).values(until=Lease.until - seconds))


def extend(job_id: str, holder: str, longest_send: float) -> None:
    with database().write() as session:
        lease.extend(session, job_id, holder, longest_send)


def now() -> float:
    with database().read() as session:
        return session.scalar(select(db_now())) or 0.0


@pytest.fixture
def job_id(installation: Installation) -> str:
    """A job that has its server."""
    return installation.submit("power.cycle", "web01").id


def test_a_key_that_another_job_has_is_not_given(installation: Installation) -> None:
    first, second = (installation.submit("power.cycle", name) for name in ("web01", "db01"))
    with database().write() as session:
        key = f"server:{first.server_id}"
        assert lease.claim(session, [key], second.id) == first.id
    assert held()[key] == first.id


def test_a_key_given_back_just_then_is_claimed_and_not_only_said_to_be(installation: Installation) -> None:
    if database().is_sqlite:
        pytest.skip("SQLite has one writer: nobody comes between")
    first, second = (installation.submit("power.cycle", name) for name in ("web01", "db01"))
    key, engine = f"server:{first.server_id}", database().engine

    came_between = list[str]()

    def give_back(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("UPDATE lease") and not came_between:
            came_between.append(statement)
            with database().write() as other:
                lease.give_back(other, first.id)

    event.listen(engine, "after_cursor_execute", give_back)
    with database().write() as session:
        assert lease.claim(session, [key], second.id) is None
    assert came_between
    assert held()[key] == second.id


def test_a_run_may_send_for_the_job_that_has_the_lease(job_id: str) -> None:
    assert lease.acquire(job_id, "run-1")
    extend(job_id, "run-1", 10)


def test_no_other_run_may_send(job_id: str) -> None:
    assert lease.acquire(job_id, "run-1")
    with pytest.raises(LeaseLost):
        extend(job_id, "run-2", 10)


def test_a_successor_waits_until_the_last_grant_and_the_longest_send_are_over(job_id: str) -> None:
    assert lease.acquire(job_id, "run-1")
    extend(job_id, "run-1", 10)
    assert not lease.acquire(job_id, "run-2")
    age(job_id, lease.BEGIN_WITHIN_SECONDS)  # the grant is over, a send that it allowed may not be
    assert not lease.acquire(job_id, "run-2")
    age(job_id, 9.0)
    assert not lease.acquire(job_id, "run-2")
    age(job_id, 1.0)
    assert lease.acquire(job_id, "run-2")


def test_the_old_run_may_not_send_any_more_after_its_successor_has_the_lease(job_id: str) -> None:
    assert lease.acquire(job_id, "run-1")
    extend(job_id, "run-1", 10)
    age(job_id, 60)
    assert lease.acquire(job_id, "run-2")
    with pytest.raises(LeaseLost):
        extend(job_id, "run-1", 10)
    lease.settle(job_id, "run-1")
    extend(job_id, "run-2", 10)


def test_a_settled_run_keeps_nobody_waiting(job_id: str) -> None:
    assert lease.acquire(job_id, "run-1")
    extend(job_id, "run-1", 600)
    lease.settle(job_id, "run-1")
    age(job_id, 0.001)
    assert lease.acquire(job_id, "run-2")


def test_a_lease_taken_away_keeps_the_next_jobs_run_waiting_for_the_last_send(installation: Installation) -> None:
    first = installation.submit("power.shutdown", "web01")
    assert lease.acquire(first.id, "run-1")
    extend(first.id, "run-1", 10)
    off = installation.submit("power.off", "web01", {"preempt": True}, by="technician")
    assert not lease.acquire(off.id, "run-2")
    age(off.id, 10.0 + lease.BEGIN_WITHIN_SECONDS)
    assert lease.acquire(off.id, "run-2")


def test_a_run_whose_lease_was_taken_away_may_not_send(installation: Installation) -> None:
    first = installation.submit("power.shutdown", "web01")
    assert lease.acquire(first.id, "run-1")
    installation.submit("power.off", "web01", {"preempt": True}, by="technician")
    with pytest.raises(LeaseLost):
        extend(first.id, "run-1", 10)
    with pytest.raises(LeaseLost):
        lease.acquire(first.id, "run-1")


def test_each_grant_has_a_higher_fence(job_id: str) -> None:
    fences = list[int]()
    for number in range(3):
        assert lease.acquire(job_id, f"run-{number}")
        age(job_id, 0.001)
        with database().read() as session:
            fences.append(session.scalars(select(Lease.fence).where(Lease.job_id == job_id)).one())
    assert fences == sorted(set(fences))


def test_a_job_that_ended_gives_all_its_keys_back(installation: Installation) -> None:
    job = installation.submit("bmc.reset", "web01")
    assert set(held().values()) == {job.id}
    assert len(held()) == 2
    control.cancel(installation.actor("customer"), job.id)
    assert set(held().values()) == {None}


def test_the_keys_of_a_bmc_are_its_own_and_those_of_every_server_behind_it(sqlite_installation: Installation) -> None:
    with database().write() as session:
        web01 = session.get_one(Server, sqlite_installation.servers["web01"])
        db01 = session.get_one(Server, sqlite_installation.servers["db01"])
        db01.bmc_id = web01.bmc_id
        session.flush()
        wanted = lease.keys(session, control.find("bmc.reset").lock, web01)
        alone = lease.keys(session, control.find("power.on").lock, web01)
    assert wanted == [f"bmc:{web01.bmc_id}", *sorted(f"server:{row.id}" for row in (web01, db01))]
    assert alone == [f"server:{web01.id}"]


# --- any order of events -----------------------------------------------------------------------------------------


@contextmanager
def empty_leases() -> Iterator[None]:
    with database().write() as session:
        session.execute(Base.metadata.tables["lease"].delete())
    yield


wishes = st.lists(
    st.tuples(st.sampled_from("abcde"), st.lists(st.sampled_from(KEYS), min_size=1, unique=True), st.booleans()),
    max_size=12,
)


@pytest.fixture
def five_jobs(installation: Installation) -> dict[str, str]:
    """Five jobs that have ended, to stand for any."""
    found = {}
    for letter in "abcde":
        job = installation.submit("power.cycle", "web01")
        control.cancel(installation.actor("customer"), job.id)
        found[letter] = job.id
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=wishes)
def test_two_jobs_never_have_one_key(five_jobs: dict[str, str], wishes: list[tuple[str, list[str], bool]]) -> None:
    mine: dict[str, set[str]] = {letter: set() for letter in five_jobs}
    with empty_leases():
        for letter, keys, ends in wishes:
            with database().write() as session:
                if ends:
                    lease.give_back(session, five_jobs[letter])
                    mine[letter] = set()
                    continue
                wanted = sorted(set(keys) - mine[letter])
                other = lease.claim(session, wanted, five_jobs[letter]) if wanted else None
                taken = [owner for owner, owned in mine.items() if owned & set(wanted)]
                assert (other is None) == (not taken)
                if other is None:
                    mine[letter] |= set(wanted)
                else:
                    assert other in {five_jobs[owner] for owner in taken}
                    session.rollback()
        assert {key: job for key, job in held().items() if job} == {
            key: five_jobs[letter] for letter, keys in mine.items() for key in keys
        }
    assert all(not one & two for one, two in combinations(mine.values(), 2))


events = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "extend", "settle", "wait"]),
        st.sampled_from(["run-1", "run-2", "run-3"]),
        st.floats(min_value=0.5, max_value=30.0),
    ),
    max_size=15,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=events)
def test_two_runs_never_have_a_send_under_way_at_once(job_id: str, events: list[tuple[str, str, float]]) -> None:
    """Time is moved by making the lease older. A send that was granted may be under way to the end of its time."""
    with database().write() as session:
        session.execute(update(Lease).values(holder=None, until=0.0, longest_send=0.0))
    under_way: dict[str, float] = {}
    for what, run, seconds in events:
        if what == "wait":
            age(job_id, seconds)
            under_way = {who: left - seconds for who, left in under_way.items()}
        elif what == "acquire":
            lease.acquire(job_id, run)
        elif what == "settle":
            lease.settle(job_id, run)
            under_way.pop(run, None)
        else:
            try:
                extend(job_id, run, seconds)
            except LeaseLost:
                continue
            assert [who for who, left in under_way.items() if who != run and left > 0.5] == []
            under_way[run] = max(under_way.get(run, 0.0), lease.BEGIN_WITHIN_SECONDS + seconds)
