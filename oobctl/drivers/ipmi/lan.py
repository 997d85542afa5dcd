"""One RMCP+ session: the IPMI library's, made to never block, never log in again by itself and never replay."""

import collections
import contextlib
import logging
import random
import socket
import time
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyghmi.ipmi.private import session as library

from oobctl.drivers.ipmi.loop import Line, Loop
from oobctl.drivers.ipmi.packets import SECURED, SECURED_LINE, Codec, answered, message
from oobctl.drivers.loops import Pending

_log = logging.getLogger(__name__)
_SUITES = {17: 256, 3: 1}  # cipher suite (IPMI 2.0, table 22-20) -> the library's name of its hash
_IPMI, _LINE = 0x00, 0x01  # payload types (IPMI 2.0, table 13-16)
_NUMBERS = 64  # of requests, before one comes again (IPMI 2.0, section 13.8)
_LATE_SECONDS = 30.0  # for so long a second answer to a question that was sent twice may come
_LAST_SEQUENCE = 0xFFFFFFFF
_RMCP = b"\xff\x07"  # RMCP: no acknowledge, class IPMI (IPMI 2.0, section 13.1.3)
_PRIVILEGES = {"administrator": 4, "operator": 3}
_RESEND_AFTER = 0.5  # seconds, of a BMC of which nothing is known
_RESEND_AT_LEAST_AFTER, _RESEND_AT_MOST_EVERY = 0.2, 2.0
_KEEPALIVE_SECONDS = 10.0
_IDLE_SECONDS = library.MAX_IDLE - 5.0  # then the BMC hears of us, before it takes the session for dead


class Answer(NamedTuple):
    """A completion code (IPMI 2.0, table 5-2) and the bytes after it."""

    code: int
    data: bytes


class SessionFailed(Exception):
    """The session could not be opened, or ended. `words`: the library's; `heard`: whether IPMI came back at all;
    `garbage`: how many packets came that were no IPMI."""

    def __init__(self, words: str, *, heard: bool, garbage: int) -> None:
        super().__init__(words)
        self.words, self.heard, self.garbage = words, heard, garbage


@dataclass(eq=False)
class Request:
    """A command to send before `deadline` (time.monotonic) and to answer by then. `once`: never send it again.

    `reads`: it changes nothing, so it is sent again soon where the BMC is a fast one: what acts is given time, for a
    packet that arrives late acts again. `lun`: which logical unit of the BMC is to answer. The data may be a password:
    it prints as nothing.
    """

    netfn: int
    command: int
    data: bytes = field(repr=False)
    deadline: float
    once: bool = False
    reads: bool = False
    lun: int = 0
    sent: bool = False
    answer: Pending[Answer] = field(default_factory=Pending)


@dataclass(frozen=True)
class Target:
    """Where to log in and how. `address` is numeric: the loop must not wait for names."""

    address: str
    port: int
    user: bytes = field(repr=False)
    password: bytes = field(repr=False)
    suites: tuple[int, ...]
    privilege: str


class LanSession(library.Session):  # type: ignore[misc]  # the library has no types
    """To be made and used in the loop's thread alone; one request is under way at a time, in order.

    `opened` gets the cipher suite that worked, or SessionFailed.
    """

    logontries: int  # the library's
    line: Line | None = None

    def __new__(cls, loop: Loop, target: Target, opened: "Future[int]", deadline: float) -> "LanSession":
        self: LanSession = object.__new__(cls)
        self.forbidsock = list(_sockets_to(target))  # packets are told apart by address and our port alone
        return self

    def __init__(self, loop: Loop, target: Target, opened: "Future[int]", deadline: float) -> None:
        self._loop, self._target, self._opened = loop, target, opened
        self._queue: collections.deque[Request] = collections.deque()
        self._current: Request | None = None
        self._failed = False
        self._garbage = 0
        self._codec: Codec | None = None  # from the moment that the keys are agreed on: then the packets are ours
        self._heard_last = 0
        self._number, self._message = 0, b""  # of the current request
        self._repeated: dict[int, float] = {}  # numbers that were sent twice, and until when a late answer may come
        self._sent_at, self._resend_every, self._resent = 0.0, _RESEND_AFTER, False
        self._resend_after = _RESEND_AFTER  # shorter for a BMC that answers fast
        self.idle_until = 0.0
        self.errormsg = ""
        super().__init__(
            target.address,
            target.user,
            target.password,
            port=target.port,
            onlogon=lambda _response: None,
            privlevel=_PRIVILEGES[target.privilege],
        )
        self._deadline = deadline
        loop.call_at(deadline, self._give_up_opening)

    # --- what we ask of it

    @property
    def alive(self) -> bool:
        return not self._failed

    @property
    def native_id(self) -> str:
        """The BMC's own number of this session."""
        return f"{self.sessionid:08x}"

    def ask(self, request: Request) -> None:
        if self._failed:
            _fail(request.answer, self._failure("the session is closed"))
            return
        self._queue.append(request)
        self._next()

    def send_line(self, payload: bytes) -> None:
        """A packet of the serial line, which has its own way to find out that one was lost."""
        if not self._failed:
            self._put(payload, _LINE)

    def close(self, done: "Future[None]", deadline: float) -> None:
        """Log out: Close Session (IPMI 2.0, section 22.19) until the BMC confirms it or `deadline`; then forget it."""
        if self._failed or not self.logged:
            self._end("closed before it was open")
            done.set_result(None)
            return
        request = Request(0x06, 0x3C, self.sessionid.to_bytes(4, "little"), deadline)

        def closed(answer: Pending[Answer]) -> None:
            self._loop.call(lambda: self._end("closed"))
            done.set_result(None) if answer.exception() is None else done.set_exception(answer.exception())

        request.answer.add_done_callback(closed)
        self.ask(request)

    def forget(self) -> None:
        """End it here, without a packet."""
        self._end("given up")

    # --- sending, one at a time

    def _next(self) -> None:
        while self._current is None and self._queue and not self._failed:
            request = self._queue.popleft()
            if time.monotonic() >= request.deadline:
                _fail(request.answer, self._failure("it waited too long for its turn and was not sent"))
                continue
            self._transmit(request)

    def _transmit(self, request: Request) -> None:
        if not request.answer.begin():  # nobody waits for it any more
            return
        self._current = request
        request.sent = True
        self._number = self._next_number()
        self._message = message(request.netfn, request.lun, self._number, request.command, request.data)
        self._resent = False
        after = self._resend_after if request.reads else _RESEND_AFTER
        self._resend_every = after * (1 + random.random())  # noqa: S311 (a stagger, no secret)
        self._send(request)

    def _next_number(self) -> int:
        """The next one to which no late answer can come; where there is none, the one that waits the longest."""
        now = time.monotonic()
        for step in range(1, _NUMBERS):
            number = (self._number + step) % _NUMBERS
            if self._repeated.get(number, 0.0) <= now:
                break
        else:
            number = min(self._repeated, key=lambda one: self._repeated[one])
        self._repeated.pop(number, None)
        return number

    def _send(self, request: Request) -> None:
        """What a full socket does not take is a lost packet: it is sent again like one."""
        self._sent_at = now = time.monotonic()
        self.idle_until = now + _IDLE_SECONDS
        self._loop.waiting[self] = request.deadline if request.once else min(now + self._resend_every, request.deadline)
        self._put(self._message, _IPMI)

    def _put(self, payload: bytes, kind: int) -> None:
        assert self._codec is not None
        packet = self._codec.encode(payload, kind, self.sessionid, self.sequencenumber)
        self.sequencenumber += 1
        with contextlib.suppress(OSError):
            self.socket.sendto(packet, self.sockaddr)

    def take(self, packet: bytes) -> bool:
        """loop.Open: an answer of the open session, or what its serial line shows."""
        if self._codec is None or not packet.startswith((SECURED, SECURED_LINE)):
            return False
        found = self._codec.decode(packet)
        if found is None or found[0] != self.localsid:
            return True
        before = self._heard_last
        if found[1] < before != _LAST_SEQUENCE:  # it comes late
            return True
        self._heard_last = found[1]
        if packet.startswith(SECURED_LINE):
            if self.line is not None:
                self.line.take(found[2])
            return True
        request = self._current
        if request is not None:
            answer = answered(found[2], request.netfn, self._number, request.command)
            if answer is not None:
                self._answered(request, Answer(*answer))
        return True

    def _answered(self, request: Request, answer: Answer) -> None:
        self._current = None
        self._loop.waiting.pop(self, None)
        now = time.monotonic()
        if self._resent:  # it is not known which of the packets was answered
            self._repeated[self._number] = now + _LATE_SECONDS
        elif request.reads:
            self._resend_after = min(_RESEND_AFTER, max(_RESEND_AT_LEAST_AFTER, 3 * (now - self._sent_at)))
        request.answer.set_result(answer)
        if self._queue:
            self._next()

    def unanswered(self, now: float) -> None:
        """loop.Open: again, while the deadline allows."""
        request = self._current
        if request is None:
            self._loop.waiting.pop(self, None)
        elif now >= request.deadline:
            self._end("timeout")  # what comes late must not be taken for the next command's answer
        else:
            self._resent = True
            self._resend_every = min(self._resend_every * 1.5, _RESEND_AT_MOST_EVERY)
            self._send(request)

    def keep_alive(self) -> None:
        """loop.Open: nothing was asked for long."""
        if self._current is None and not self._queue:
            self.ask(Request(0x06, 0x01, b"", time.monotonic() + _KEEPALIVE_SECONDS, reads=True))

    # --- what the library calls, replaced

    def _initsession(self) -> None:
        self._codec = None
        self._heard_last = 0  # the number of the last packet
        reached = getattr(self, "attemptedhash", None)  # on a new try, a suite that was refused is not asked for again
        super()._initsession()
        self.localsid = random.getrandbits(31) | 1  # tells late answers apart
        self.attemptedhash = reached or _SUITES[self._target.suites[0]]

    def _open_rmcpplus_request(self) -> None:
        if self.attemptedhash not in {_SUITES[suite] for suite in self._target.suites}:
            self._end("No cipher suite match")
            return
        super()._open_rmcpplus_request()

    def _get_session_challenge(self) -> None:
        self._end("it speaks IPMI 1.5 alone")

    def _req_priv_level(self) -> None:
        """Set Session Privilege Level. The library's own waits here for the answer, and holds up every other BMC.

        From here on a silent BMC ends the session: nothing is ever replayed.
        """
        self._codec = Codec(bytes(self.aeskey), bytes(self.k1), self.currhashlib().name, self.currhashlen)
        self.logged = 1
        self.logoutexpiry = None
        self.idle_until = time.monotonic() + _IDLE_SECONDS * random.uniform(0.9, 1.0)  # noqa: S311 (a stagger)
        request = Request(0x06, 0x3B, bytes((self.privlevel,)), self._deadline)
        request.answer.add_done_callback(lambda answer: self._privileged(answer))
        self._loop.call(lambda: self.ask(request))

    def _privileged(self, answer: Pending[Answer]) -> None:
        if answer.exception() is not None:  # the session has ended, and said so
            return
        said = {"netfn": 0x07, "command": 0x3B, "code": answer.result().code, "data": answer.result().data}
        problem = library.get_ipmi_error(said)
        if problem:
            self._end(f"{problem} (while asking for the privilege {self._target.privilege})")
            return
        self.logging = False
        self._loop.open[self] = None
        suite = next(suite for suite, name in _SUITES.items() if name == self.attemptedhash)
        with contextlib.suppress(InvalidStateError):
            self._opened.set_result(suite)

    def onlogon(self, parameter: dict[str, Any]) -> None:
        if "error" in parameter:
            self._end(str(parameter["error"]))

    def _mark_broken(self, error: str | None = None) -> None:
        self._end(error or "timeout")

    def _timedout(self) -> None:
        """A packet of the login was not answered: here the library would start anew."""
        try:
            if self._spoke:  # it is there, and packets get lost: again, up to the deadline
                self.logontries = max(self.logontries, 1)
            super()._timedout()
        except Exception as error:
            _log.debug("IPMI session failed", exc_info=True)
            self._end(f"the library failed: {type(error).__name__}")

    def process_pktqueue(self) -> None:
        """What is for the library: while it logs in. Of a session that has ended it would begin another one."""
        if self._failed:
            self.pktqueue.clear()
        for packet in self.pktqueue:
            if packet[0][0] != 6 or packet[0][2:4] != _RMCP:
                self._garbage += 1
        while self.pktqueue:
            try:
                super().process_pktqueue()
            except Exception:  # random bytes that look like a header: count them, go on
                self._garbage += 1
                _log.debug("a packet that is no IPMI", exc_info=True)

    # --- the end

    def _give_up_opening(self) -> None:
        if not self._opened.done():
            self._end("timeout")

    def _failure(self, words: str) -> SessionFailed:
        return SessionFailed(words, heard=self.sockaddr is not None and self._spoke, garbage=self._garbage)

    @property
    def _spoke(self) -> bool:
        """Whether the BMC got further than the first question: garbage does not."""
        return bool(self.logged or self.sessioncontext is not None)

    def _end(self, words: str) -> None:
        """Forget the session, without a packet, and tell everybody who waits."""
        if self._failed:
            return
        self._failed = True
        failure = self._failure(words)
        self.logged = 0  # else the library would send a close, and wait
        self.logging = False
        library.Session.waiting_sessions.pop(self, None)
        self._loop.waiting.pop(self, None)
        self._loop.open.pop(self, None)
        self.logout(False)
        library.Session.socketpool[self.socket] += 1  # the library counts every end twice
        waiting, self._current = self._current, None
        _fail(self._opened, failure)
        if waiting is not None:
            _fail(waiting.answer, failure)
        while self._queue:
            _fail(self._queue.popleft().answer, failure)
        if self.line is not None:
            self.line.lost(failure)


def _fail(future: "Future[Any] | Pending[Any]", error: BaseException) -> None:
    with contextlib.suppress(InvalidStateError):
        future.set_exception(error)


def _sockets_to(target: Target) -> set[Any]:
    """Our sockets that already carry a session to this address: a second session needs another one."""
    found = set()
    for entry in socket.getaddrinfo(target.address, target.port, 0, socket.SOCK_DGRAM):
        plain = entry[4]
        for key in (plain, (f"::ffff:{plain[0]}", plain[1], 0, 0)):
            found |= {session.socket for session in library.Session.bmc_handlers.get(key, {}).values()}
    return found
