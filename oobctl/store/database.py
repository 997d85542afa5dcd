"""The database: one engine a process, transactions to read and to write in, SQLite and PostgreSQL alike."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from oobctl.config import settings
from oobctl.errors import ConfigurationError, StoreUnavailable
from oobctl.store import postgresql

log = logging.getLogger("oobctl.store")

_LOCK_WAIT_SECONDS = 10
_DRIVERS = frozenset({"sqlite", "postgresql+psycopg"})
_URLS = "Set postgresql://USER:PASSWORD@NAME/DATABASE or sqlite:////FOLDER/FILE, or leave it out."
_SAY_SECONDS = 60.0  # until the same cause is logged again
_MOST_CAUSES = 50
_logged: dict[str, float] = {}


class Database:
    """An engine with the settings that we rely on: WAL and synchronous=FULL on SQLite, foreign keys on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = _driver(url) == "sqlite"
        self.engine = _engine(url, self.is_sqlite)
        self._turn = threading.RLock()  # SQLite's own waiting is unfair: with many threads some would starve

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read in. What it loaded stays usable afterwards."""
        with _understood(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back whole by any error.

        On SQLite it takes the write lock at its start, so that it never fails half way through.
        """
        with (
            self._in_turn(),
            _understood(),
            Session(self._write_engine(), expire_on_commit=False) as session,
        ):
            yield session
            session.flush()
            _commit(session)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """SQLite has one writer at a time: the threads of this process queue here. Raises StoreUnavailable."""
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=_LOCK_WAIT_SECONDS):
            raise StoreUnavailable(
                f"The database was busy for {_LOCK_WAIT_SECONDS} s with other writes. Nothing was written; try again."
            )
        try:
            yield
        finally:
            self._turn.release()

    def _write_engine(self) -> Engine:
        return self.engine.execution_options(oobctl_write=True)

    def close(self) -> None:
        self.engine.dispose()


def _driver(url: str) -> str:
    """The database's kind, as the URL names it. Raises ConfigurationError, which does not repeat a password."""
    try:
        name = make_url(url).drivername
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(f"OOBCTL_DATABASE_URL is no address of a database. {_URLS}") from error
    if name not in _DRIVERS:
        raise ConfigurationError(f"OOBCTL_DATABASE_URL names {name!r}, which oobctl does not work on. {_URLS}")
    return name


def _engine(url: str, is_sqlite: bool) -> Engine:
    if not is_sqlite:
        return postgresql.engine_of(url)
    engine = create_engine(url, connect_args={"timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False}, pool_size=10)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("oobctl_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def said(error: DBAPIError) -> str:
    """What the database itself said, on one line and without its last full stop."""
    return " ".join(str(error.orig).split()).rstrip(".?")


def _commit(session: Session) -> None:
    """Raises StoreUnavailable where the answer to COMMIT got lost: the database may have written it all the same."""
    try:
        session.commit()
    except DBAPIError as error:
        if _is_away(error):
            raise _unavailable(
                "The database did not say whether it took it: it may have been written. "
                "Repeat the request with the same Idempotency-Key, or look whether it is there before you do",
                error,
            ) from error
        raise


def _is_away(error: DBAPIError) -> bool:
    return error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError"}


def _unavailable(sentence: str, error: DBAPIError) -> StoreUnavailable:
    """What anybody may read; the database's own words, which name its address, go to the log and to `cause`."""
    cause = said(error)
    if monotonic() - _logged.get(cause, -_SAY_SECONDS) >= _SAY_SECONDS:
        if len(_logged) > _MOST_CAUSES:
            _logged.clear()
        _logged[cause] = monotonic()
        log.warning("the database is away: %s", cause)
    return StoreUnavailable(f"{sentence}.", cause=cause)


@contextmanager
def _understood() -> Iterator[None]:
    """A database that is away, locked or full becomes StoreUnavailable; what it refuses for a reason stays as it is."""
    try:
        yield
    except DBAPIError as error:
        if _is_away(error):
            raise _unavailable(
                "The database did not take it. Nothing was written; try again, and if it goes on, "
                "check the disk and the database server",
                error,
            ) from error
        raise
    except PoolTimeout as error:
        raise StoreUnavailable(
            "All of this process's connections to the database were busy for too long. Nothing was written; try again."
        ) from error


_current: Database | None = None


def database() -> Database:
    """The database of this process, opened at the first call."""
    global _current
    if _current is None:
        _current = Database(settings().database)
    return _current


def use(other: Database | None) -> None:
    """Work on another database from now on (None: open the configured one again). For tests and `oobctl demo`."""
    global _current
    _current = other
