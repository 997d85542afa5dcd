"""A monitor in a thread of the test's own process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from oobctl.config import settings
from oobctl.monitor import Monitor
from tests.installation import eventually


@contextmanager
def running(site_id: str) -> Iterator[Monitor]:
    """It reads until the end of the block, and has ended then, what it had under way as well.

    A process that ends takes its readings with it. In a test's they would go on in its loops, and use the database of
    the next test.
    """
    settings.cache_clear()
    monitor, stop = Monitor(site_id), threading.Event()
    thread = threading.Thread(target=monitor.run, args=(stop,))
    thread.start()
    try:
        yield monitor
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        eventually(lambda: is_over(monitor), patience=60)


def is_over(monitor: Monitor) -> bool:
    """Nothing of it is under way any more, in loops or in the threads that took its leave."""
    watches = [*monitor._watches.values(), *monitor._leaving.values()]
    leaving = any(thread.name == "monitor-end" for thread in threading.enumerate())
    return not leaving and not monitor._swept and all(watch.over for watch in watches)
