"""Writing what was read: all polls since the last time in one transaction, then the readings in batches."""

import contextlib
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from oobctl import readings
from oobctl.constants import POLLED
from oobctl.errors import StoreUnavailable
from oobctl.jobs import progress
from oobctl.monitor.polls import Poll
from oobctl.readings import Taken
from oobctl.store import Server, database

log = structlog.get_logger()
T = TypeVar("T")

_BATCH = 64
_AT_MOST_SECONDS = 1.0  # then the heartbeat and the polls come first again


class Writing:
    """Two queues that other threads fill. Used by one thread."""

    def __init__(self) -> None:
        self.polls: SimpleQueue[Poll] = SimpleQueue()
        self.taken: SimpleQueue[Taken] = SimpleQueue()
        self._waiting: list[Taken] = []  # what the database was away for

    def write(self) -> None:
        """Polls are read again where the database is away; readings, which are rarer, wait. Raises StoreUnavailable."""
        self._write_polls()
        until = time.monotonic() + _AT_MOST_SECONDS
        self._waiting = _newest(self._waiting + _drained(self.taken))
        while self._waiting and time.monotonic() < until:
            _keep(self._waiting[:_BATCH])
            self._waiting = self._waiting[_BATCH:]

    def _write_polls(self) -> None:
        polls = _drained(self.polls)
        if not polls:
            return
        with database().write() as session:
            for poll in sorted(polls, key=lambda poll: (poll.server_id, poll.at)):  # rows lock in order
                _store(session, poll)


def _drained(queue: "SimpleQueue[T]") -> list[T]:
    found: list[T] = []
    with contextlib.suppress(Empty):
        while True:
            found.append(queue.get_nowait())
    return found


def _newest(taken: Sequence[Taken]) -> list[Taken]:
    """The last of each. A later reading of an event log has what the ones before it have: none of them was kept."""
    return list({(one.server_id, one.capability): one for one in taken}.values())


def _keep(batch: Sequence[Taken]) -> None:
    """Keep a batch; where one of it can't be kept, the others are all the same. Raises StoreUnavailable."""
    try:
        with database().write() as session:
            readings.keep_all(session, batch)
    except StoreUnavailable:
        raise
    except Exception as error:
        if len(batch) == 1:
            log.exception("a reading could not be kept", server=batch[0].server_id, capability=batch[0].capability)
            return
        log.warning("a batch of readings could not be kept; each is kept alone", because=type(error).__name__)
        for one in batch:
            _keep([one])


def _store(session: Session, poll: Poll) -> None:
    server = session.get(Server, poll.server_id, with_for_update=True, populate_existing=True)
    if server is None or server.lifecycle not in POLLED:
        return
    if poll.state is not None:
        progress.keep_power(session, server, poll.state, poll.at)
    elif server.power_read_at is None or server.power_read_at <= poll.at:  # else a job has heard from it since
        server.silent_since = server.silent_since or poll.at
        server.silent_because = poll.because
