"""The one thread of this process that reads Redfish services: an asyncio loop, with what waits in it."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from oobctl.drivers import loops

T = TypeVar("T")


class RedfishLoop:
    """loops.Loop over asyncio. Nothing that it runs may block."""

    def __init__(self) -> None:
        self._asyncio = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="redfish", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._asyncio)
        self._asyncio.run_forever()

    def call(self, call: loops.Call) -> None:
        """Run `call` in the loop's thread as soon as it can. From any thread; returns at once."""
        if self.inside():
            self._asyncio.call_soon(call)
        else:
            self._asyncio.call_soon_threadsafe(call)

    def call_later(self, seconds: float, call: loops.Call) -> None:
        """Run `call` after so many seconds. From the loop's thread alone."""
        self._asyncio.call_later(seconds, call)

    def inside(self) -> bool:
        """Whether the caller is the loop's own thread."""
        return threading.current_thread() is self._thread

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, run in this loop and waited for as the caller can, in whatever thread."""
        if self.inside():
            found: T = loops.result(self._asyncio.create_task(work))
        else:
            found = loops.result(asyncio.run_coroutine_threadsafe(work, self._asyncio))
        return found

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine for which nobody waits. What it raises is lost."""

        async def quiet() -> None:
            with contextlib.suppress(Exception):
                await work

        asyncio.run_coroutine_threadsafe(quiet(), self._asyncio)


_current: RedfishLoop | None = None
_lock = threading.Lock()


def loop() -> RedfishLoop:
    """The loop of this process, started at the first call."""
    global _current
    with _lock:
        if _current is None:
            _current = RedfishLoop()
        return _current


def _forget() -> None:
    """A forked child has none of its parent's threads: it starts anew."""
    global _current, _lock
    _current, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
