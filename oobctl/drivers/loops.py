"""Driver code in a loop: each reading waits there for its answer without a thread of its own.

The same code runs in a thread, where it blocks, and as a `Reading`, a greenlet that gives the loop back while it waits.
So a capability is written once, plainly, and thousands of BMCs are read by one thread.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
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


class Pending(Generic[T]):
    """As concurrent.futures.Future, and ten times as light: one is made for each packet.

    It ends once: with a result, an error, or `cancel`, which is for what was not begun (`begin`).
    """

    __slots__ = ("_begun", "_calls", "_error", "_over", "_value")
    _guard = threading.Lock()  # of all: it is held for an instant

    def __init__(self) -> None:
        self._begun = self._over = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._calls: list[Callable[[Pending[T]], object]] = []

    def begin(self) -> bool:
        """It can be cancelled no more. False where it was."""
        with self._guard:
            self._begun = not self._over
            return self._begun

    def cancel(self) -> bool:
        """False where it was begun, or is over."""
        with self._guard:
            if self._begun or self._over:
                return False
        return self._end(None, CancelledError())

    def set_result(self, value: T) -> bool:
        """False where it was over already, and stays as it was."""
        return self._end(value, None)

    def set_exception(self, error: BaseException) -> bool:
        """As `set_result`."""
        return self._end(None, error)

    def _end(self, value: T | None, error: BaseException | None) -> bool:
        with self._guard:
            if self._over:
                return False
            self._value, self._error, self._over = value, error, True
            calls, self._calls = self._calls, []
        for call in calls:
            call(self)
        return True

    def done(self) -> bool:
        return self._over

    def exception(self) -> BaseException | None:
        """Of what is over."""
        return self._error

    def add_done_callback(self, call: Callable[["Pending[T]"], object]) -> None:
        """Run `call` when it is over, in the thread that ends it; at once where it is."""
        with self._guard:
            if not self._over:
                self._calls.append(call)
                return
        call(self)

    def result(self, timeout: float | None = None) -> T:
        """Waits as a thread does. Raises TimeoutError."""
        if not self._over:
            over = threading.Event()
            self.add_done_callback(lambda _self: over.set())
            if not over.wait(timeout):
                raise TimeoutError
        if self._error is not None:
            raise self._error
        found: T = self._value  # type: ignore[assignment]  # it is over, and no error
        return found


class Lock:
    """A reentrant lock of threads and readings alike. Who waits has it in turn."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: object = None
        self._depth = 0
        self._waiting: deque[tuple[object, Pending[None]]] = deque()

    def __enter__(self) -> Self:
        me = task()
        with self._guard:
            if self._owner is None or self._owner is me:
                self._owner = me
                self._depth += 1
                return self
            turn: Pending[None] = Pending()
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
