"""Transactions: whole or not at all; a database that is away, locked or full says so."""

import contextlib
import socket
import sqlite3
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from oobctl import clock
from oobctl.errors import StoreUnavailable
from oobctl.store import Account, AuditRecord, Database, Job, Lease, database, db_now, postgresql
from tests.databases import Cluster, fill_with_tables
from tests.installation import Installation, eventually


def accounts() -> set[str]:
    with database().read() as session:
        return set(session.scalars(select(Account.name)))


def test_a_write_that_fails_leaves_nothing(db: Database) -> None:
    def half() -> None:
        with database().write() as session:
            session.add(Account(name="first"))
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        half()
    assert accounts() == set()


def test_what_the_database_refuses_for_a_reason_stays_what_it_is_and_leaves_nothing(db: Database) -> None:
    def twice() -> None:
        with database().write() as session:
            session.add_all([Account(name="other"), Account(name="same")])
            session.flush()
            session.add(Account(name="same"))

    with pytest.raises(IntegrityError):
        twice()
    assert accounts() == set()


def test_a_write_is_seen_by_others_when_it_is_whole(db: Database) -> None:
    with database().write() as session:
        session.add(Account(name="first"))
        session.flush()
        assert accounts() == set()
    assert accounts() == {"first"}


def test_a_job_its_record_its_lease_and_its_place_in_the_queue_are_written_together_or_not_at_all(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("the last of the four fails")

    monkeypatch.setattr("oobctl.audit.record.intent", fail)
    with pytest.raises(RuntimeError):
        installation.submit("power.cycle", "web01")
    queue = "workflow_status" if database().is_sqlite else "dbos.workflow_status"
    with database().read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
        assert session.scalar(select(func.count()).select_from(AuditRecord).where(AuditRecord.kind == "intent")) == 0
        assert session.scalars(select(Lease.job_id).where(Lease.job_id.is_not(None))).all() == []
        assert session.scalar(text(f"SELECT count(*) FROM {queue}")) == 0


def test_a_locked_database_is_unavailable_and_nothing_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[Database.__module__], "_LOCK_WAIT_SECONDS", 0.1)
    fill_with_tables(f"sqlite:///{home / 'oobctl.db'}")
    other = sqlite3.connect(home / "oobctl.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreUnavailable) as caught, database().write() as session:
            session.add(Account(name="first"))
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert (caught.value.http_status, caught.value.retryable) == (503, True)
    assert accounts() == set()


def test_a_full_database_is_unavailable_and_nothing_is_half_written(sqlite: Database) -> None:
    def fill() -> None:
        with database().write() as session:
            pages = session.execute(text("PRAGMA page_count")).scalar()
            session.execute(text(f"PRAGMA max_page_count = {pages}"))
            session.add_all([Account(name=f"{number:0128}") for number in range(2000)])

    with pytest.raises(StoreUnavailable) as caught:
        fill()
    assert "full" in caught.value.details["cause"]
    database().close()
    assert accounts() == set()


def test_a_database_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    away = Database(f"sqlite:///{tmp_path / 'nowhere' / 'oobctl.db'}")
    with pytest.raises(StoreUnavailable), away.read() as session:
        session.execute(text("SELECT 1"))


def test_postgresql_that_went_away_is_unavailable_and_works_again_when_it_is_back(cluster: Cluster) -> None:
    cluster.execute("CREATE DATABASE away")
    away = Database(cluster.url("away"))
    with away.read() as session:
        session.execute(text("SELECT 1"))
    cluster.stop()
    with pytest.raises(StoreUnavailable), away.write() as session:
        session.execute(text("SELECT 1"))
    cluster.start()
    with away.write() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    away.close()


def test_postgresql_that_takes_a_statement_and_hangs_is_unavailable_and_works_again_when_it_goes_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql.Impatient, "silent_seconds", 1.0)
    monkeypatch.setattr(postgresql, "_CONNECT_SECONDS", 2)
    cluster.execute("CREATE DATABASE hangs")
    hangs = Database(cluster.url("hangs"))
    with hangs.read() as session:
        session.execute(text("SELECT 1"))
        cluster.freeze()
        with pytest.raises(DBAPIError, match="silent for 1 s"):
            session.execute(text("SELECT 1"))
    for _ in range(2):  # by the second nobody waits
        with pytest.raises(StoreUnavailable), hangs.write() as session:
            session.execute(text("SELECT 1"))
    assert "a moment ago" in str(refusal(hangs).details["cause"])
    cluster.thaw()
    eventually(lambda: answers(hangs))
    hangs.close()


def refusal(away: Database) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught, away.read() as session:
        session.execute(text("SELECT 1"))
    return caught.value


def answers(found: Database) -> bool:
    with contextlib.suppress(StoreUnavailable), found.read() as session:
        return session.execute(text("SELECT 1")).scalar() == 1
    return False


def test_a_statement_of_which_something_comes_now_and_then_is_waited_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql.Impatient, "silent_seconds", 1.0)
    found = Database(cluster.url("postgres"))
    rows = "SELECT number, repeat('x', 20000), pg_sleep(0.3) FROM generate_series(1, 8) AS number"
    with found.read() as session:
        assert len(session.execute(text(rows)).all()) == 8
    found.close()


def test_tables_may_take_their_time_to_be_made(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql.Impatient, "silent_seconds", 0.5)
    found = Database(cluster.url("postgres"))
    with found.engine.connect() as connection:
        with postgresql.patient(connection):
            connection.execute(text("SELECT pg_sleep(1.5)"))
        with pytest.raises(DBAPIError, match="silent"):
            connection.execute(text("SELECT pg_sleep(1.5)"))
    found.close()


def test_the_databases_own_words_are_kept_out_of_the_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    away = Database("postgresql+psycopg://oobctl@127.0.0.1:9/oobctl")
    with pytest.raises(StoreUnavailable) as caught, away.read() as session:
        session.execute(text("SELECT 1"))
    assert "127.0.0.1" not in caught.value.message
    assert "127.0.0.1" in caught.value.details["cause"]
    assert "127.0.0.1" in caplog.text


def test_a_lost_answer_to_commit_says_that_it_may_have_been_written(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_dialect: object, _connection: object) -> None:
        raise sqlite3.OperationalError("the connection went away")

    monkeypatch.setattr(type(sqlite.engine.dialect), "do_commit", lost)
    with (
        pytest.raises(StoreUnavailable, match=r"may have been written.*Idempotency-Key"),
        database().write() as session,
    ):
        session.add(Account(name="first"))


def test_writers_wait_for_each_other_and_lose_nothing(db: Database) -> None:
    with database().write() as session:
        session.add(Account(name="count", kind="0"))
    failures: list[Exception] = []

    def add() -> None:
        try:
            for _ in range(10):
                with database().write() as session:
                    row = session.scalars(select(Account).where(Account.name == "count").with_for_update()).one()
                    row.kind = str(int(row.kind) + 1)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database().read() as session:
        assert session.scalars(select(Account.kind).where(Account.name == "count")).one() == "40"


def test_sqlite_keeps_what_it_promised_through_a_power_cut(sqlite: Database) -> None:
    with database().read() as session:
        found = {name: session.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1
    assert found == {"journal_mode": "wal", "synchronous": 2}


def test_the_databases_clock_runs_in_seconds_since_1970(db: Database) -> None:
    with database().read() as session:
        first, now = session.scalar(select(db_now())), clock.now().timestamp()
        second = session.scalar(select(db_now()))
    assert first is not None
    assert second is not None
    assert first <= second
    assert abs(first - now) < 60


def test_a_database_server_that_says_nothing_is_away() -> None:
    """One that is cut off refuses nothing: who waits for it for ever does not know that it is away."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        found = Database(f"postgresql+psycopg://oobctl@127.0.0.1:{deaf.getsockname()[1]}/oobctl")
        told: list[StoreUnavailable] = []

        def read() -> None:
            try:
                with found.read() as session:
                    session.execute(text("SELECT 1"))
            except StoreUnavailable as error:
                told.append(error)

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        reading.join(60)
        assert told


def test_how_long_a_connection_waits_can_be_said_in_the_address(cluster: Cluster) -> None:
    url = cluster.url("postgres")
    found = Database(f"{url}{'&' if '?' in url else '?'}keepalives_idle=77")
    with found.engine.connect() as connection:
        said = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
    found.close()
    assert (said["keepalives_idle"], said["tcp_user_timeout"]) == ("77", "10000")
