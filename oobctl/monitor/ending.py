"""The monitor's end: logged out wherever that can be within a limit; what can't be is left to others to clear up."""

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

import structlog

from oobctl.drivers import slots
from oobctl.errors import OobctlError
from oobctl.jobs import recovery
from oobctl.monitor.watch import Watch

log = structlog.get_logger()

_THREADS = 256
_CLOSE_SECONDS = 12.0
_UNSUBSCRIBE_SECONDS = 4.0  # of these
_LEAVE_SECONDS = 3.0


def end(monitor_id: str, watches: Iterable[Watch], subscribed: Iterable[Watch], leave: Callable[[Watch], None]) -> None:
    """Close every connection and take the monitor's row away. Returns in time, whatever BMCs and the database do.

    subscribed: those where first `leave` is to be called. The process goes without the threads that still wait for a
    BMC then (cli/process.py). Never raises.
    """
    until = time.monotonic() + _CLOSE_SECONDS
    _within(_UNSUBSCRIBE_SECONDS, _each(subscribed, leave))
    if not _within(until - time.monotonic(), _each(watches, Watch.end)):
        log.warning("some BMCs did not let the monitor log out in time; who logs in next ends its sessions")
    if not _within(_LEAVE_SECONDS, [lambda: _leave(monitor_id)]):
        log.warning("the database did not take the monitor's leave in time; the next one clears up")


def _each(watches: Iterable[Watch], do: Callable[[Watch], None]) -> list[Callable[[], None]]:
    """Calls that together do that with all of the watches."""
    queue: SimpleQueue[Watch] = SimpleQueue()
    for watch in watches:
        queue.put(watch)

    def some() -> None:
        while True:
            try:
                watch = queue.get_nowait()
            except Empty:
                return
            do(watch)

    return [some] * min(_THREADS, queue.qsize())


def _leave(monitor_id: str) -> None:
    """First the sessions: a row of ours that stays says to whom they belonged."""
    try:
        slots.disown_all(monitor_id)
        recovery.leave(monitor_id)
    except OobctlError as error:
        log.warning("the monitor could not take its leave; the next one clears up", because=error.message)


def _within(seconds: float, calls: list[Callable[[], None]]) -> bool:
    """Run them side by side. Returns whether all ended in time; the others go on."""
    threads = [threading.Thread(target=call, name="monitor-end", daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
