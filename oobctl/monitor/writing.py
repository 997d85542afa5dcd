"""Writing what was read: all polls since the last time in one transaction, then the readings in batches."""

import contextlib
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from oobctl import readings
from oobctl.constants import POLLED, Capability, PowerState
from oobctl.errors import StoreUnavailable
from oobctl.jobs import contact, progress
from oobctl.monitor.polls import Poll
from oobctl.readings import Taken
from oobctl.store import Server, database

log = structlog.get_logger()
T = TypeVar("T")

_BATCH = 64
_STILL_AT_ONCE = 500
_STILL_SECONDS = 1.0  # between two times that readings are written which say nothing new
_HISTORIC = frozenset({Capability.SENSORS, Capability.POWER_METERING})
_MOST_WAITING = 4000  # readings for the history, each some 20 KB: about two rounds of 2,000 servers
_AT_MOST_SECONDS = 1.0  # then the heartbeat and the polls come first again


class Writing:
    """Two queues that other threads fill. Used by one thread."""

    def __init__(self) -> None:
        self.polls: SimpleQueue[Poll] = SimpleQueue()
        self.taken: SimpleQueue[Taken] = SimpleQueue()
        self._polls: dict[str, Poll] = {}  # what the database was away for: the newest of each server
        self._waiting: list[Taken] = []
        self._states: dict[str, PowerState | None] = {}  # what was last written; None: no reading
        self._polls_at = 0.0

    def write(self) -> None:
        """All of it. What the database is away for waits, in bounded space. Raises StoreUnavailable."""
        self._polls |= {poll.server_id: poll for poll in _drained(self.polls)}
        self._waiting = _bounded(self._waiting + _drained(self.taken))
        self._write_polls()
        until = time.monotonic() + _AT_MOST_SECONDS
        while self._waiting and time.monotonic() < until:
            _keep(self._waiting[:_BATCH])
            self._waiting = self._waiting[_BATCH:]

    def _write_polls(self) -> None:
        """Most say what is known already: of these a new time is written, now and then, in one statement."""
        polls = sorted(self._polls.values(), key=lambda poll: poll.server_id)  # rows lock in order
        still = [poll for poll in polls if poll.state is not None and self._states.get(poll.server_id) is poll.state]
        if len(still) == len(polls) and (not polls or time.monotonic() < self._polls_at):
            return
        with database().write() as session:
            kept = _keep_still(session, still)
            for poll in polls:
                if poll.server_id not in kept:
                    _store(session, poll)
        self._states |= {poll.server_id: poll.state for poll in polls}
        self._polls.clear()
        self._polls_at = time.monotonic() + _STILL_SECONDS


def _keep_still(session: Session, polls: Sequence[Poll]) -> set[str]:
    """The servers for which that was enough."""
    kept: set[str] = set()
    for start in range(0, len(polls), _STILL_AT_ONCE):
        some = polls[start : start + _STILL_AT_ONCE]
        for state in {poll.state for poll in some if poll.state is not None}:
            alike = [poll for poll in some if poll.state is state]
            first = min(poll.at for poll in alike)
            kept |= progress.keep_still(session, [poll.server_id for poll in alike], state, first)
    return kept


def _drained(queue: "SimpleQueue[T]") -> list[T]:
    found: list[T] = []
    with contextlib.suppress(Empty):
        while True:
            found.append(queue.get_nowait())
    return found


def _bounded(taken: list[Taken]) -> list[Taken]:
    """Of what waits long, the newest report and failure of each reading, and numbers for the history as long as they
    are few.

    A later reading of an event log has what the ones before it have: none of them was kept.
    """
    if len(taken) <= _BATCH:
        return taken
    newest = readings.newest_of_each(taken)
    chosen = {id(one) for one in newest}
    numbers = [one for one in taken if one.capability in _HISTORIC and id(one) not in chosen]
    return [*numbers[-_MOST_WAITING:], *newest]


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
    elif not progress.has_newer(server, poll.at):  # else a job has heard from it since
        contact.lost(session, server, poll.at, poll.code, poll.because)
