"""A serial line over one session: one packet under way at a time, what is lost is sent again, silence ends it."""

import contextlib
import time
from collections import deque
from collections.abc import Callable

from oobctl.drivers import loops
from oobctl.drivers.ipmi import sol_packets as packets
from oobctl.drivers.ipmi.lan import Answer, LanSession, Request
from oobctl.drivers.ipmi.loop import Loop
from oobctl.drivers.loops import Pending

_RESEND_SECONDS = 1.0
_UNANSWERED_SECONDS = 10.0  # for so long a packet is sent again: the BMC answers, but the line takes nothing
_REFUSED_SECONDS = 0.1  # before what the BMC had no room for is sent again
_QUIET_SECONDS = 5.0  # after so long without a word the BMC is asked whether the line is still ours
_ANSWER_SECONDS = 5.0  # for that question
_LONGEST = 200  # bytes in a packet, whatever a BMC says that it takes
_MOST_WAITING = 1 << 20
_SESSION_ID = 4
BREAK = None  # in the queue, between bytes


class LineEnded(Exception):
    """The BMC said that the line is not ours any more. `taken`: it deactivated it; else it took no byte for long."""

    def __init__(self, words: str, *, taken: bool) -> None:
        super().__init__(words)
        self.taken = taken


class Sol:
    """Everything happens in the loop's thread, `heard` and `ended` too; `type` and `send_break` are for any thread.

    ended: given SessionFailed or LineEnded, once; never after `stop`. `longest`: bytes that the BMC takes in a packet.
    still_ours: asked now and then whether the session's slot is ours; it may wait.
    """

    def __init__(
        self,
        loop: Loop,
        lan: LanSession,
        heard: Callable[[bytes], None],
        ended: Callable[[Exception], None],
        still_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        self._loop, self.lan, self._heard, self._ended, self._still_ours = loop, lan, heard, ended, still_ours
        self._over = self._running = False
        self._queue: deque[bytes | None] = deque()
        self._packet = b""  # what the BMC has not answered yet
        self._bytes = b""  # what of it are data
        self._number = self._last = self._last_size = 0
        self._first_sent = self._spoke_at = 0.0
        self._longest = 1
        self.waiting = 0  # bytes that the BMC has not taken yet; the loop writes it, anybody reads it

    def run(self, longest: int) -> None:
        """The line is active: what was typed goes out from now on."""
        self._running, self._longest = True, max(1, min(longest, _LONGEST))
        self._spoke_at = time.monotonic()
        self._loop.call_later(_QUIET_SECONDS, self._look)
        self._next()

    def stop(self) -> None:
        """Nothing is sent or told any more."""
        self._over = True
        self.lan.line = None
        self._queue.clear()
        self.waiting = 0

    # --- what is typed

    def type(self, data: bytes) -> None:
        """Send this, after what was typed before. More than the queue takes is dropped."""
        self._loop.call(lambda: self._put(data))

    def send_break(self) -> None:
        """After what was typed before."""
        self._loop.call(lambda: self._put(BREAK))

    def _put(self, item: bytes | None) -> None:
        if self._over or self.waiting + len(item or b"") > _MOST_WAITING:
            return
        self._queue.append(item)
        self.waiting += len(item or b"")
        self._next()

    def _next(self) -> None:
        """The next packet, where none is under way."""
        if self._packet or not self._queue or self._over or not self._running:
            return
        self._number = packets.after(self._number)
        if self._queue[0] is BREAK:
            self._queue.popleft()
            self._bytes, self._packet = b"", packets.break_signal(self._number)
        else:
            self._bytes = self._gather()
            self._packet = packets.typed(self._number, self._bytes)
        self._first_sent = time.monotonic()
        self._send(self._number, self._first_sent)

    def _gather(self) -> bytes:
        """As much of what was typed as goes into a packet."""
        gathered = b""
        while self._queue and self._queue[0] is not BREAK and len(gathered) < self._longest:
            item = self._queue.popleft() or b""
            room = self._longest - len(gathered)
            gathered += item[:room]
            if item[room:]:
                self._queue.appendleft(item[room:])
        return gathered

    def _send(self, number: int, first: float) -> None:
        """And again, until it is answered."""
        if self._over or not self._packet or (number, first) != (self._number, self._first_sent):
            return
        if time.monotonic() - first > _UNANSWERED_SECONDS:
            self._end(LineEnded(f"it answered none of what was typed for {_UNANSWERED_SECONDS:.0f} s", taken=False))
            return
        self.lan.send_line(self._packet)
        self._loop.call_later(_RESEND_SECONDS, lambda: self._send(number, first))

    # --- what the BMC says

    def take(self, payload: bytes) -> None:
        """loop.Line: a packet of the BMC."""
        heard = packets.read(payload)
        if heard is None or self._over:
            return
        self._spoke_at = time.monotonic()
        if heard.number:
            self._show(heard)
        if heard.answers == self._number and self._packet:
            self._answered(heard)
        if heard.deactivated:
            self._end(LineEnded("it deactivated the line", taken=True))

    def _show(self, heard: packets.Heard) -> None:
        """New data; a packet that came before is told again, and can have more at its end (IPMI 2.0, section 15.11)."""
        known = self._last_size if heard.number == self._last else 0
        self._last, self._last_size = heard.number, len(heard.data)
        self.lan.send_line(packets.acknowledgement(heard.number, len(heard.data)))
        if heard.data[known:]:
            self._heard(heard.data[known:])

    def _answered(self, heard: packets.Heard) -> None:
        """It took all of the packet, or a part: the rest goes first into the next one.

        What a server that is off does not take is dropped, as on a real line: nobody wants it typed hours later.
        """
        rest = self._bytes[heard.accepted :] if heard.refused else b""
        self.waiting -= len(self._bytes) - len(rest)
        self._packet = self._bytes = b""
        if heard.off and rest:
            self._queue.clear()
            self.waiting, rest = 0, b""
        if rest:
            self._queue.appendleft(rest)
            self._loop.call_later(_REFUSED_SECONDS, self._next)
        else:
            self._next()

    # --- whether it is still there

    def _look(self) -> None:
        if self._over:
            return
        self._loop.call_later(_QUIET_SECONDS, self._look)
        loops.start(self._loop, self._look_up)
        if time.monotonic() - self._spoke_at >= _QUIET_SECONDS:
            deadline = time.monotonic() + _ANSWER_SECONDS  # not answered by then, the session ends: see `lost`
            request = Request(0x06, 0x4B, bytes((1, 1)), deadline, reads=True)
            request.answer.add_done_callback(self._owned)
            self.lan.ask(request)

    def _look_up(self) -> None:
        """As a reading: the database may be asked. While it is away the line goes on."""
        with contextlib.suppress(Exception):
            if not self._still_ours():
                self._loop.call(lambda: self._end(LineEnded("our session's slot was given away", taken=False)))

    def _owned(self, pending: Pending[Answer]) -> None:
        """Get Payload Instance Info (IPMI 2.0, section 24.5): which session has the line. A BMC may not tell."""
        if self._over or pending.exception() is not None:
            return
        owners = owners_of(pending.result())
        if owners and self.lan.native_id not in owners:
            self._end(LineEnded("another session has the line", taken=True))

    def lost(self, failure: Exception) -> None:
        """loop.Line: the session has ended."""
        self._end(failure)

    def _end(self, why: Exception) -> None:
        if not self._over:
            self.stop()
            self._ended(why)


def owners_of(answer: Answer) -> tuple[str, ...]:
    """The session that has the line, as `LanSession.native_id` writes it, in both byte orders: BMCs differ.

    Empty where the BMC does not tell; all zeros where nobody has the line.
    """
    if answer.code or len(answer.data) < _SESSION_ID:
        return ()
    said = answer.data[:_SESSION_ID]
    return said[::-1].hex(), said.hex()
