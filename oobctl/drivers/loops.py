"""Driver code in a loop: each reading waits there for its answer without a thread of its own.

The same code runs in a thread, where it blocks, and as a `Reading`, a greenlet that gives the loop back while it waits.
So a capability is written once, plainly, and thousands of BMCs are read by one thread.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar
from typing import Protocol as Interface

import structlog
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

log = structlog.get_logger()

T = TypeVar("T")
Call = Callable[[], object]

_SHORT_THREADS = 32  # for the database
_LONG_THREADS = 256  # for logins, which wait for a BMC
_local = threading.local()


class Loop(Interface):
    """A thread that runs what it is given, bit by bit. Nothing that it runs may block."""

    def call(self, call: Call) -> None:
        """Run `call` in the loop's thread as soon as it can. From any thread; returns at once."""
        ...

    def call_later(self, seconds: float, call: Call) -> None:
        """Run `call` after so many seconds. From the loop's thread alone."""
        ...


class Reading(greenlet):  # type: ignore[misc]  # the library has no types
    """One piece of driver code in a loop. To be made in the loop's thread."""

    def __init__(self, loop: Loop, run: Call) -> None:
        super().__init__(run)
        self.loop = loop


def start(loop: Loop, run: Call) -> None:
    """Run this in a loop, as a reading. From any thread; returns at once. What it raises is logged."""

    def guarded() -> None:
        try:
            run()
        except Exception:
            log.exception("a reading in a loop failed")

    loop.call(lambda: Reading(loop, guarded).switch())


def result(future: Any, timeout: float | None = None) -> Any:
    """The result of a future of any kind, waited for as the caller can. Raises what it holds, TimeoutError.

    timeout: seconds; for threads alone. Who reads in a loop sees to it that the future ends.
    """
    me = getcurrent()
    if not isinstance(me, Reading):
        return future.result(timeout)
    if not future.done():
        future.add_done_callback(lambda _future: me.loop.call(me.switch))
        _give_way(me)
    return future.result()


def sleep(seconds: float) -> None:
    """Wait, without holding up others."""
    me = getcurrent()
    if isinstance(me, Reading):
        me.loop.call_later(seconds, me.switch)
        _give_way(me)
    else:
        time.sleep(seconds)


def aside(call: Callable[[], T], *, long: bool = False) -> T:
    """What `call` returns or raises; it may block, so a reading has a thread run it. long: it waits for a BMC."""
    me = getcurrent()
    if not isinstance(me, Reading):
        return call()
    found: T = result((_long if long else _short).submit(_on_behalf_of, me, call))
    return found


def task() -> object:
    """Who runs here: the reading, also while a thread runs something for it; else the thread."""
    return getattr(_local, "task", None) or getcurrent()


def _give_way(me: Reading) -> None:
    """Back to the loop, which goes on here when `switch` is called."""
    assert me.parent is not None
    me.parent.switch()


def _on_behalf_of(reading: Reading, call: Callable[[], T]) -> T:
    _local.task = reading
    try:
        return call()
    finally:
        del _local.task


class Lock:
    """A reentrant lock of threads and readings alike. Who waits has it in turn."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: object = None
        self._depth = 0
        self._waiting: deque[tuple[object, Future[None]]] = deque()

    def __enter__(self) -> Self:
        me = task()
        with self._guard:
            if self._owner is None or self._owner is me:
                self._owner = me
                self._depth += 1
                return self
            turn: Future[None] = Future()
            self._waiting.append((me, turn))
        result(turn)  # whoever leaves has made it ours
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._depth -= 1
            if self._depth:
                return
            self._owner = None
            if not self._waiting:
                return
            self._owner, turn = self._waiting.popleft()
            self._depth = 1
        turn.set_result(None)


_short = ThreadPoolExecutor(_SHORT_THREADS, "aside")
_long = ThreadPoolExecutor(_LONG_THREADS, "aside-long")
