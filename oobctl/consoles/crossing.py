"""From the thread that hears a port into the event loop: in order, and in bounded space."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from oobctl.errors import OobctlError

MOST_BYTES = 1 << 20  # that wait while the event loop stands still


class Crossing:
    """One port's. `put` and `end` are for its thread; the others are called in the event loop.

    heard: bytes. lost: how many came while there was no room. ended: once.
    """

    def __init__(
        self,
        heard: Callable[[bytes], None],
        lost: Callable[[int], None],
        ended: Callable[[OobctlError | None], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard, self._lost, self._ended = heard, lost, ended
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._size = self._dropped = 0

    def put(self, data: bytes) -> None:
        """What came. Returns at once."""
        with self._lock:
            idle = not self._waiting and not self._dropped
            if self._size + len(data) > MOST_BYTES:
                self._dropped += len(data)
            else:
                self._waiting.append(data)
                self._size += len(data)
        if idle:
            self._call(self._hand_over)

    def end(self, why: OobctlError | None) -> None:
        """Nothing more comes."""
        self._call(lambda: self._ended(why))

    def _call(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody is there any more
            self._loop.call_soon_threadsafe(call)

    def _hand_over(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            dropped, self._dropped = self._dropped, 0
            self._size = 0
        if waiting:
            self._heard(b"".join(waiting))
        if dropped:
            self._lost(dropped)
