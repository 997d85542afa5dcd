"""A monitor in a thread of the test's own process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from oobctl.config import settings
from oobctl.monitor import Monitor


@contextmanager
def running(site_id: str) -> Iterator[Monitor]:
    """It reads until the end of the block, and has ended then."""
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
