"""PostgreSQL: connections that wait for no server that has stopped answering, however alive its computer is."""

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url

T = TypeVar("T")

_LOCK_WAIT_SECONDS = 10
_CONNECT_SECONDS = 5
_DEAF_SECONDS = 10  # a database server that is cut off says nothing at all, and TCP by itself waits for a quarter hour
_SILENT_SECONDS = 15.0  # longer than a wait for a lock; a server that hangs acknowledges all, and so TCP waits for good
_REST_SECONDS = 5.0  # else all threads of a process would be waiting for connections, one after the other
_IDLE_TRANSACTION_SECONDS = 30  # PostgreSQL ends the connection of a process that does nothing in a transaction


class Impatient(psycopg.Connection[Any]):
    """A connection that closes itself, raising OperationalError, where the server is silent for too long."""

    silent_seconds = _SILENT_SECONDS

    def wait(self, gen: Generator[Any, Any, T], *more: Any, **named: Any) -> T:
        return super().wait(self._heard(gen), *more, **named)

    def _heard(self, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """The same steps. The library asks for the next one several times a second, also while nothing comes."""
        heard = monotonic()
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if ready:
                    heard = monotonic()
                elif monotonic() - heard > self.silent_seconds:
                    self.close()
                    raise psycopg.OperationalError(f"The server took it and was silent for {self.silent_seconds:.0f} s")
                wanted = steps.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result


class _Door:
    """Opens connections. After one that was not answered none is tried for a while: all are refused at once."""

    def __init__(self) -> None:
        self._shut_until = 0.0

    def open(self, _dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        if monotonic() < self._shut_until:
            raise psycopg.OperationalError("The server did not answer a moment ago, and is asked again in seconds")
        try:
            return Impatient.connect(*arguments, **named)
        except psycopg.errors.ConnectionTimeout:
            self._shut_until = monotonic() + _REST_SECONDS
            raise


def engine_of(url: str) -> Engine:
    """An engine whose waits all end; what the address says itself about them holds."""
    patience = {
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": _DEAF_SECONDS * 1000,
        "keepalives_idle": _DEAF_SECONDS,
        "keepalives_interval": _DEAF_SECONDS // 2,
    }
    arguments = {name: value for name, value in patience.items() if name not in make_url(url).query}
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_size=10, max_overflow=20)
    event.listen(engine, "do_connect", _Door().open)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:  # a process that stands still in a transaction must not stop the others
            cursor.execute(f"SET lock_timeout = '{_LOCK_WAIT_SECONDS}s'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_TRANSACTION_SECONDS}s'")
        connection.commit()

    return engine


@contextmanager
def patient(connection: Connection) -> Iterator[None]:
    """For a statement that may take minutes, as one that makes tables does."""
    used = connection.connection.driver_connection
    if not isinstance(used, Impatient):
        yield
        return
    used.silent_seconds = math.inf
    try:
        yield
    finally:
        del used.silent_seconds
