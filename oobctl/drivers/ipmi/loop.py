"""The one thread of this process that owns the IPMI library: sockets, timers, and calls handed in by other threads."""

import collections
import contextlib
import heapq
import itertools
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from typing import Protocol as Interface

from pyghmi.ipmi.private import session as library

_log = logging.getLogger(__name__)
_LONGEST_SLEEP = 60.0
_RESEND_LOOK = 0.05  # seconds between two looks for packets that were not answered: the library has no order of them
_KEEPALIVE_LOOK = 1.0
_LONGEST_PACKET, _SHORTEST_PACKET = 3000, 4
_PACKETS_AT_ONCE = 1000  # of one socket: what floods it must not keep all else waiting
_ids = itertools.count()

Call = Callable[[], object]


class Open(Interface):
    """An open session, as the loop sees it."""

    idle_until: float  # time.monotonic
    keep_alive: Call

    def take(self, packet: bytes) -> bool:
        """A packet from its BMC. False where it is one for the library."""
        ...

    def unanswered(self, now: float) -> None:
        """It was due to hear something (`Loop.waiting`)."""
        ...


class Line(Interface):
    """What has an open session's serial line (Serial over LAN), as the session sees it."""

    def take(self, payload: bytes) -> None:
        """A packet of the line."""
        ...

    def lost(self, failure: Exception) -> None:
        """The session has ended; why."""
        ...


class Loop:
    """Runs calls and timers in a thread of its own, between packets. Nothing that it runs may block.

    The library keeps its state in module globals and brings a second thread that can lose a wake-up for a second.
    Here it gets no thread: `_wait` takes the place of its waiting, and everything happens in one place, in order.
    """

    def __init__(self) -> None:
        self._calls: collections.deque[Call] = collections.deque()
        self._timers: list[tuple[float, int, Call]] = []
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._asleep = False
        self._resend_at = self._keepalive_at = 0.0
        self.waiting: dict[Open, float] = {}  # open sessions that asked, and when each looks after its question
        self.open: dict[Open, None] = {}  # what is to be kept alive
        self._poll = select.poll()
        self._sockets: dict[int, tuple[Any, int]] = {}  # of the library: by descriptor, with the port
        self._poll.register(self._wake_out, select.POLLIN)
        self._thread = threading.Thread(target=self._run, name="ipmi", daemon=True)
        self._thread.start()

    def call(self, call: Call) -> None:
        """Run `call` in the loop's thread as soon as it can. From any thread; returns at once."""
        self._calls.append(call)
        if self._asleep:
            with contextlib.suppress(BlockingIOError):  # full of wake-ups: it will wake
                self._wake_in.send(b"\x01")

    def call_at(self, when: float, call: Call) -> None:
        """Run `call` at `when` (time.monotonic). From the loop's thread alone."""
        heapq.heappush(self._timers, (when, next(_ids), call))

    def call_later(self, seconds: float, call: Call) -> None:
        """As `call_at`, so many seconds from now."""
        self.call_at(time.monotonic() + seconds, call)

    def inside(self) -> bool:
        """Whether the caller is the loop's own thread."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        library.iothread = self._thread  # it needs no thread of its own: it starts one where this is None
        library.iothreadready = True
        library._io_wait = self._wait
        while True:
            self._run_due()
            try:
                self._wait(_LONGEST_SLEEP)
                self._hand_out()
                self._look()
            except Exception:  # whatever one BMC's packets did to the library, the others go on
                _log.exception("The IPMI library failed between two packets; the loop goes on.")

    @staticmethod
    def _hand_out() -> None:
        """What came, to the sessions that it is for."""
        while library.sessionqueue:
            library.sessionqueue.popleft().process_pktqueue()

    def _look(self) -> None:
        """What the library's own loop does at each packet for all sessions, and costs the more the more there are."""
        now = time.monotonic()
        if now >= self._resend_at and self._unanswered():
            self._resend_at = now + _RESEND_LOOK
            for session in [session for session, due in self.waiting.items() if due <= now]:
                session.unanswered(now)
            self._look_for_the_library()
        if now >= self._keepalive_at:
            self._keepalive_at = now + _KEEPALIVE_LOOK
            for session in [session for session in self.open if session.idle_until <= now]:
                session.keep_alive()

    def _unanswered(self) -> bool:
        return bool(self.waiting or library.Session.waiting_sessions)

    @staticmethod
    def _look_for_the_library() -> None:
        """For the sessions that are not open yet."""
        held, now = library.Session.waiting_sessions, library._monotonic_time()
        for session in [session for session, due in held.items() if due["timeout"] < now]:
            held.pop(session, None)
            session._timedout()

    def _run_due(self) -> None:
        """All calls handed in and all timers due. One that fails harms no other."""
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            self._guard(heapq.heappop(self._timers)[2])
        for _ in range(len(self._calls)):
            self._guard(self._calls.popleft())

    @staticmethod
    def _guard(call: Call) -> None:
        try:
            call()
        except Exception:
            _log.exception("A call in the IPMI loop failed; the loop goes on.")

    def _sleep_time(self, wanted: float) -> float:
        if self._calls:
            return 0.0
        wanted = min(wanted, _KEEPALIVE_LOOK)
        if self._unanswered():
            wanted = min(wanted, max(0.0, self._resend_at - time.monotonic()))
        if self._timers:
            wanted = min(wanted, self._timers[0][0] - time.monotonic())
        return max(0.0, min(wanted, _LONGEST_SLEEP))

    def _wait(self, timeout: float, _address: Any = None, _events: Any = None) -> None:
        """Stands in for the library's own waiting: until a packet, a call, a timer, or `timeout` seconds."""
        if len(library.iosockets) != len(self._sockets):
            self._watch_sockets()
        self._asleep = True  # before the last look at the calls: none may slip in unseen
        try:
            ready = self._poll.poll(self._sleep_time(timeout) * 1000)
        finally:
            self._asleep = False
        for descriptor, _ in ready:
            if descriptor in self._sockets:
                _receive(*self._sockets[descriptor])
            else:
                with contextlib.suppress(BlockingIOError):
                    self._wake_out.recv(4096)

    def _watch_sockets(self) -> None:
        """The library opens one now and then, and closes none."""
        for sock in library.iosockets:
            if sock.fileno() not in self._sockets:
                self._sockets[sock.fileno()] = (sock, sock.getsockname()[1])
                self._poll.register(sock, select.POLLIN)


def _receive(sock: Any, port: int) -> None:
    """What waits at a socket, each packet to the session of its address."""
    handlers = library.Session.bmc_handlers
    for _ in range(_PACKETS_AT_ONCE):
        try:
            packet, address = sock.recvfrom(_LONGEST_PACKET, socket.MSG_DONTWAIT)
        except OSError:  # nothing more; or a BMC's port is closed, which its silence will tell
            return
        session = handlers.get(address, {}).get(port)
        if session is not None and len(packet) >= _SHORTEST_PACKET and not session.take(packet):
            session.pktqueue.append((packet, address, sock, True))
            library.sessionqueue.append(session)


_current: Loop | None = None
_lock = threading.Lock()


def loop() -> Loop:
    """The loop of this process, started at the first call."""
    global _current
    with _lock:
        if _current is None:
            _current = Loop()
        return _current


def _forget() -> None:
    """A forked child has none of its parent's threads: it starts anew."""
    global _current, _lock
    _current, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
