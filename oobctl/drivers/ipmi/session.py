"""Commands to one BMC over IPMI, from any thread: the session opens when needed, readings repeat, writes are fenced."""

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from oobctl.constants import SessionPurpose
from oobctl.drivers import loops
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.lan import Answer, LanSession, Request, SessionFailed, Target
from oobctl.drivers.ipmi.loop import loop
from oobctl.drivers.login import Login
from oobctl.drivers.slots import forget
from oobctl.drivers.unsent import surely_not_sent
from oobctl.errors import (
    BmcAuthFailed,
    BmcError,
    BmcTimeout,
    BmcUnreachable,
    OobctlError,
    OutcomeUnknown,
    StoreUnavailable,
)

_log = logging.getLogger(__name__)
_GRACE = 2.0  # seconds that the loop may be late with an answer's time-out
_FRESH = 5.0  # seconds after an answer for which the session is taken to be alive
_LOGOUT_SECONDS = 3.0
_DEAD_AFTER = 3.0  # seconds of silence, the question repeated meanwhile, after which a session is taken for dead
_suites: dict[tuple[str, int], int] = {}  # the cipher suite that worked last, per address and port


class IpmiSession:
    """Opened at the first command. Used by one task at a time (it locks), closed for certain by `close`."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = loops.Lock()
        self._lan: LanSession | None = None
        self._answered_at = 0.0
        self.logins = 0
        self.known: dict[str, bytes] = {}  # what the BMC said of itself over the present login

    @property
    def where(self) -> str:
        return f"{self._login.endpoint.address}, UDP port {self._login.endpoint.port}"

    @property
    def login(self) -> Login:
        return self._login

    def read(self, netfn: int, command: int, data: bytes = b"", *, what: str) -> bytes:
        """Ask something that changes nothing; asked again over a new session where the old one died.

        `what` completes "asked to". Raises BmcError's subclasses.
        """
        return codes.check(self.exchange(netfn, command, data, what=what), what)

    def exchange(self, netfn: int, command: int, data: bytes = b"", *, what: str, lun: int = 0) -> Answer:
        """As `read`, with the completion code unjudged."""
        with self._lock:
            seconds = self._login.profile.timeouts.answer
            if self._lan is not None:
                # It may have died at the BMC: a person does not wait for that the whole time. A poll does: over a line
                # that loses packets a session is harder to open than to keep.
                polls = self._login.slot.purpose is SessionPurpose.POLL
                with contextlib.suppress(SessionFailed):
                    limit = seconds if polls else min(seconds, _DEAD_AFTER)
                    return self._send(Request(netfn, command, data, 0.0, reads=True, lun=lun), limit)
            try:
                return self._send(Request(netfn, command, data, 0.0, reads=True, lun=lun), seconds)
            except SessionFailed as failure:
                raise codes.silence(failure, self.where, f"the request to {what}") from failure

    def write(self, netfn: int, command: int, data: bytes, fence: Fence, *, what: str) -> bytes:
        """Change something that a repeat does not harm: sent again where the session had died, with a new fence.

        Raises LeaseLost from the fence, and BmcError's subclasses; with the detail `sent` False where surely nothing
        went out.
        """
        with self._lock:
            tries = [Request(netfn, command, data, 0.0) for _ in range(1 if self._lan is None else 2)]
            try:
                answer = self._answer_of(tries, fence, what)
            except BmcError as error:
                if not any(request.sent for request in tries):
                    error.details["sent"] = False
                raise
        return codes.check(answer, what)

    def _answer_of(self, tries: list[Request], fence: Fence, what: str) -> Answer:
        """The answer to the first of the requests that gets one, each over a session of its own."""
        for request in tries:
            try:
                return self._fenced(request, fence)
            except SessionFailed as failure:
                if request is tries[-1]:
                    raise codes.silence(failure, self.where, f"the request to {what}") from failure
        raise AssertionError("there is no request")

    def write_once(self, netfn: int, command: int, data: bytes, fence: Fence, *, what: str) -> None:
        """Send what may not be repeated: one packet, whatever happens to it.

        Raises OutcomeUnknown where it was sent and no clear answer came; a BmcError with the detail `sent` False where
        it surely was not.
        """
        with self._lock:
            request = Request(netfn, command, data, 0.0, once=True)
            with surely_not_sent():
                lan = self._ready()
            try:
                answer = self._granted(lan, request, fence)
            except SessionFailed as failure:
                if not request.sent:
                    raise BmcTimeout(
                        f"The session with the BMC at {self.where} ended just before the command to {what}, and the "
                        "command was not sent. Try again.",
                        sent=False,
                    ) from failure
                raise OutcomeUnknown(
                    f"The BMC at {self.where} was sent the command to {what} once, and no answer came. It may have "
                    "been carried out: look at the server before you ask again."
                ) from failure
        if answer.code in codes.UNCLEAR:
            raise OutcomeUnknown(
                f"The BMC at {self.where} was sent the command to {what} once and answered 0x{answer.code:02X}: "
                f"{codes.words(answer.code)}. It may have been carried out: look at the server before you ask again.",
                completion_code=answer.code,
            )
        codes.check(answer, what)

    def begin(self) -> LanSession:
        """A session behind which the right server answers, for what lives as long as it does. Raises what `read` and
        the check raise."""
        with self._lock:
            return self._ready()

    def ask_over(self, lan: LanSession, netfn: int, command: int, data: bytes, seconds: float, *, what: str) -> Answer:
        """Ask over this session, or not at all. Raises BmcError's subclasses; the completion code is unjudged."""
        with self._lock:
            try:
                return self._ask(lan, Request(netfn, command, data, time.monotonic() + seconds))
            except SessionFailed as failure:
                raise codes.silence(failure, self.where, f"the request to {what}") from failure

    def _fenced(self, request: Request, fence: Fence) -> Answer:
        return self._granted(self._ready(), request, fence)

    def _ready(self) -> LanSession:
        """A session that is alive, and behind which the right server answers."""
        if self._lan is not None and time.monotonic() - self._answered_at > _FRESH:
            self.exchange(0x06, 0x01, what="say that it is there")
        self._open()
        self._login.check_who()
        assert self._lan is not None  # it has just answered
        return self._lan

    def _granted(self, lan: LanSession, request: Request, fence: Fence) -> Answer:
        """Ask the fence, then send at once over this session or not at all: another was not asked who it is."""
        limit = self._login.profile.timeouts.longest_send
        request.deadline = time.monotonic() + limit
        fence(limit)
        return self._ask(lan, request)

    def _send(self, request: Request, seconds: float) -> Answer:
        lan = self._open()
        request.deadline = time.monotonic() + seconds
        return self._ask(lan, request)

    def _ask(self, lan: LanSession, request: Request) -> Answer:
        self._hand_in(lan, request)
        try:
            answer: Answer = loops.result(request.answer, request.deadline - time.monotonic() + _GRACE)
        except SessionFailed:
            self._lost()
            raise
        except FutureTimeout as error:
            request.sent = not request.answer.cancel()  # what was not sent by now never is
            self._lost()
            raise SessionFailed("timeout", heard=True, garbage=0) from error
        self._answered_at = time.monotonic()
        return answer

    @staticmethod
    def _hand_in(lan: LanSession, request: Request) -> None:
        owner = loop()
        if owner.inside():  # a reading of the loop's own, which is never in the middle of the library's work
            lan.ask(request)
        else:
            owner.call(lambda: lan.ask(request))

    # --- opening and closing

    def _open(self) -> LanSession:
        slot = self._login.slot
        if self._lan is not None and self._lan.alive:
            if slot.holds():
                return self._lan
            _log.warning(
                "Our session at %s was given away while this process stood still: it logs in anew.", self.where
            )
        return loops.aside(self._open_anew, long=True)

    def _open_anew(self) -> LanSession:
        slot = self._login.slot
        self._lose()
        self._login.begin()
        leftovers = slot.claim()
        try:
            lan = self._lan = self._get_in()
        except BaseException as error:
            self._came_to_nothing(error)
            raise
        self.logins += 1
        self.known.clear()
        self._answered_at = time.monotonic()
        try:
            slot.answered()
            slot.opened(lan.native_id)
        except OobctlError:  # a session without a row would be one that nobody counts
            self._lost()
            raise
        self._login.let_in()
        for leftover in leftovers:  # an idle IPMI session ends by itself within a minute (IPMI 2.0, section 6.12.15)
            if not leftover.line:  # who opens the line has to know that it is ours
                forget(leftover.id)
        return lan

    def _came_to_nothing(self, error: BaseException) -> None:
        """The slot goes back, also where the database is away: else we would hold it as long as this process lives."""
        slot = self._login.slot
        try:
            if isinstance(error, BmcUnreachable):
                slot.unanswered()
            else:
                slot.answered()
            slot.release()
        finally:
            slot.give_back()
        if isinstance(error, BmcAuthFailed):
            self._login.refused(error)

    def _get_in(self) -> LanSession:
        """With the secret that holds; while it is rotated, also with the other one where that is refused."""
        while True:
            try:
                return self._log_in()
            except BmcAuthFailed:
                if not self._login.goes_on():
                    raise

    def _log_in(self) -> LanSession:
        target = self._target()
        seconds = self._login.profile.timeouts.connect
        opened: Future[int] = Future()
        made: list[LanSession] = []
        started = time.monotonic()
        deadline = started + seconds
        loop().call(_guarded(lambda: made.append(LanSession(loop(), target, opened, deadline)), opened))
        try:
            suite = opened.result(seconds + _GRACE)
        except SessionFailed as failure:
            raise codes.login_error(failure, target, time.monotonic() - started) from failure
        except FutureTimeout as error:  # the loop stood still: it may open all the same, and nobody would close it
            loop().call(lambda: _close(made))
            raise BmcTimeout(f"The BMC at {self.where} did not let us in within {seconds:.0f} s.") from error
        _suites[target.address, target.port] = suite
        return made[0]

    def _target(self) -> Target:
        endpoint, ipmi = self._login.endpoint, self._login.profile.ipmi
        address = self._numeric(endpoint.address, endpoint.port)
        worked = _suites.get((address, endpoint.port))
        suites = sorted(ipmi.cipher_suites, key=lambda suite: suite != worked)  # the one that worked goes first
        secret = self._login.secret
        return Target(
            address, endpoint.port, secret.user.encode(), secret.password.encode(), tuple(suites), ipmi.privilege
        )

    @staticmethod
    def _numeric(address: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise BmcUnreachable(f"The BMC's address {address} has no meaning here: {error}.") from error
        return str(found[0][4][0])

    def _lost(self) -> None:
        loops.aside(self._lose, long=True)

    def _lose(self) -> None:
        """The session is dead: its slot goes back, the next command opens another."""
        if self._lan is not None:
            lan, self._lan = self._lan, None
            self._log_out(lan)

    def _log_out(self, lan: LanSession) -> None:
        done: Future[None] = Future()
        deadline = time.monotonic() + _LOGOUT_SECONDS
        ended = lan.alive
        loop().call(_guarded(lambda: lan.close(done, deadline), done))
        try:
            done.result(_LOGOUT_SECONDS + _GRACE)
        except (SessionFailed, FutureTimeout) as error:
            _log.info("The BMC at %s did not confirm the logout (%s); it ends the session itself.", self.where, error)
            ended = False
        slot = self._login.slot
        with contextlib.suppress(StoreUnavailable):  # nobody beats for the row any more, so it is nobody's before long
            if ended or slot.purpose is not SessionPurpose.SOL:
                slot.release()
            else:  # the BMC may hold the serial line for it until it ends
                slot.abandon()

    def give_up(self) -> None:
        """The BMC restarts and forgets the session: so do we, without a packet."""
        with self._lock:
            lan, self._lan = self._lan, None
            if lan is not None:
                loop().call(lan.forget)
                loops.aside(self._login.slot.release)

    def close(self) -> None:
        """Log out. Never raises."""
        with self._lock:
            try:
                self._lost()
            except Exception:
                _log.exception("Closing the IPMI session at %s failed.", self.where)


def _close(made: list[LanSession]) -> None:
    """In the loop's thread. Nobody waits for the end."""
    for lan in made:
        lan.close(Future(), time.monotonic() + _LOGOUT_SECONDS)


def _guarded(call: Callable[[], object], waiting: "Future[Any]") -> Callable[[], None]:
    """A call for the loop whose failure reaches the thread that waits for it."""

    def run() -> None:
        try:
            call()
        except Exception as error:
            if not waiting.done():
                waiting.set_exception(
                    error if isinstance(error, BmcError) else SessionFailed(str(error), heard=False, garbage=0)
                )

    return run
