"""A server's serial line: opened once, seen by many, typed at by one, and opened again when it ends."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from oobctl.consoles.crossing import Crossing
from oobctl.consoles.pacing import Pacing, Port
from oobctl.consoles.scrollback import Scrollback
from oobctl.consoles.seats import Seat, Seats
from oobctl.consoles.words import FINAL
from oobctl.drivers.serial import BYTES_PER_SECOND
from oobctl.errors import (
    BmcBadAnswer,
    NotAllowed,
    NotSupported,
    OobctlError,
    WrongState,
)

_log = logging.getLogger(__name__)
MOST_WAITING = 1 << 20
"""Bytes that wait for a slow viewer before they are let go."""
_BY_HAND_EVERY_SECONDS = 2.0
_GRACE_SECONDS = 10.0  # a page that is loaded again finds its line open
_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the line is opened again; the last one from then on
_TOO_SLOW = "Your connection is too slow for this line: it took nothing of the last megabyte. Open it again."
_STOPPED = "The gateway has stopped showing this line. Open it again."

Heard = Callable[[bytes], None]


class Open(Protocol):
    """drivers.serial.open_serial, for one server."""

    def __call__(
        self, *, heard: Heard, ended: Callable[[OobctlError | None], None], deactivate_others: bool
    ) -> Port: ...


class Line:
    """In one event loop. `run` holds the line while somebody is there; it ends when the last has left.

    Beside what seats.py says, viewers are told `opening`, `open`, `away` (with a `code`, and `because`) and `lost` (how
    many `bytes`), each in its place among what the server writes. words: what they are told of an error. rate: bytes
    per second that are typed. grace: seconds for which the line stays open when nobody is there. pauses: seconds.
    """

    def __init__(
        self,
        open_it: Open,
        *,
        words: Callable[[OobctlError], str] = lambda error: error.message,
        rate: float = BYTES_PER_SECOND,
        grace: float = _GRACE_SECONDS,
        pauses: tuple[float, ...] = _PAUSES,
    ) -> None:
        self._open, self._words, self._grace, self._pauses = open_it, words, grace, pauses
        self.seats = Seats()
        self.takes_input = True
        self._port: Port | None = None
        self._away: dict[str, Any] | None = {"type": "opening"}
        self._scrollback = Scrollback()
        self._pacing = Pacing(lambda: self._port, rate)
        self._typed: Counter[str] = Counter()  # bytes, by seat
        self._typist: Seat | None = None  # whose text is being typed; control ends before it does
        self._by_hand = asyncio.Event()
        self._tried_by_hand = float("-inf")
        self._deactivate_others = False
        self._left = asyncio.Event()
        self._over = self._was_open = False

    @property
    def over(self) -> bool:
        """It is opened no more: who comes now begins another one."""
        return self._over

    # --- who is there

    def join(self, seat: Seat) -> None:
        self.seats.join(seat)
        if shown := self._scrollback.text():
            seat.show(shown)
        if self._away is not None:
            seat.tell(self._away)

    def leave(self, seat: Seat) -> int:
        """Returns how many bytes that they typed were passed on, or are about to be."""
        if self._typist is seat:
            self._pacing.forget()
            self._typist = None
        self.seats.leave(seat)
        self._look_later()
        return self._typed.pop(seat.id, 0)

    def take_over(self, seat: Seat, message: str = "") -> None:
        """This one types from now on; what is left of another's paste is not typed. Raises NotAllowed."""
        before = self.seats.controller
        self.seats.take_over(seat, message)
        if before is not seat:
            self._pacing.forget()

    def forget(self) -> None:
        """What was written up to now is shown to nobody who comes: the server is another tenant's."""
        self._scrollback.clear()

    def record(self, seat: Seat) -> None:
        """As `join`."""
        self.join(seat)

    def ask(self, seat: Seat, *, whole: bool) -> None:
        """All that is written is shown, asked for or not."""

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(self._grace, self._stop_where_nobody_is)

    def _stop_where_nobody_is(self) -> None:
        if not self._wanted:
            self._left.set()

    @property
    def _wanted(self) -> bool:
        return not self._over and len(self.seats) > 0

    # --- what is typed

    def heard(self, seat: Seat, content: bytes) -> bool:
        """What a viewer's browser sent is typed, paced. True: they typed.

        Raises NotAllowed from who has no control, WrongState where it goes nowhere, TooManyRequests for a paste that is
        too long: nothing of it is typed then.
        """
        self._check(seat)
        self._typist = seat
        self._pacing.type(content)
        self._typed[seat.id] += len(content)
        return True

    def send_break(self, seat: Seat) -> None:
        """After what was typed before. Raises NotAllowed, WrongState, NotSupported."""
        self._check(seat)
        if self._port is not None and not self._port.breaks:
            raise NotSupported("The BMC carries this line in a way that has no break.")
        self._pacing.send_break()

    def _check(self, seat: Seat) -> None:
        if not seat.has_control:
            holder = self.seats.controller
            who = f"{holder.name} has control of this line." if holder else "Nobody has control of this line."
            raise NotAllowed(f"{who} Nothing that you type reaches it, unless you take it over.")
        if self._port is None:
            raise WrongState("The line is away, so what you typed went nowhere.")
        if not self.takes_input:
            raise WrongState("It is not known just now whether you may type here, so nothing was typed. Try again.")

    # --- the line

    async def run(self) -> None:
        """Hold the line open until nobody is there any more, or trying again would do harm."""
        try:
            while self._wanted:
                self._left.clear()
                await self._hold_until_all_left()
        finally:
            for seat in self.seats:
                seat.end(_STOPPED)

    async def _hold_until_all_left(self) -> None:
        tasks = [asyncio.create_task(work) for work in (self._go_on(), self._left.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self._scrollback.clear()  # whoever comes next may be another tenant
            self._away, self._was_open = {"type": "opening"}, False
        for one in ended:
            if isinstance(one, Exception):
                raise one

    async def _go_on(self) -> None:
        tried = 0
        while True:
            began = time.monotonic()
            why = await self._hold()
            if self._is_final(why):
                self._end(why)
                return
            self._tell_away(why)
            tried = 0 if time.monotonic() - began > self._pauses[-1] else tried
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._by_hand.wait(), self._pauses[min(tried, len(self._pauses) - 1)])
            self._by_hand.clear()
            tried += 1

    async def _hold(self) -> OobctlError:
        """Open the line and hold it until it ends; returns why."""
        over: asyncio.Future[OobctlError | None] = asyncio.get_running_loop().create_future()

        def ended(why: OobctlError | None) -> None:
            if not over.done():
                over.set_result(why)

        crossing = Crossing(self._show, self._lose, ended)
        try:
            port = await self._opened(crossing)
        except OobctlError as why:
            return why
        self._begin(port)
        try:
            return await over or BmcBadAnswer("The BMC ended the serial line without a reason.")
        finally:
            self._port = None
            self._pacing.forget()
            await asyncio.shield(asyncio.to_thread(port.close))

    async def _opened(self, crossing: Crossing) -> Port:
        """Who is cancelled meanwhile leaves no open port behind."""
        deactivate_others, self._deactivate_others = self._deactivate_others, False
        attempt = _Attempt(partial(self._open, heard=crossing.put, ended=crossing.end))
        try:
            return await asyncio.to_thread(attempt.run, deactivate_others)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(attempt.give_up))
            raise

    def _begin(self, port: Port) -> None:
        self._port, self._away, self._was_open = port, None, True
        for seat in self.seats:
            seat.tell({"type": "open"})

    def _is_final(self, why: OobctlError) -> bool:
        """Whether trying again would do harm, or never help. A BMC that starts may not know yet what it supports."""
        kinds = FINAL if self._was_open else (*FINAL, NotSupported)
        return isinstance(why, kinds) and not why.retryable

    def _end(self, why: OobctlError) -> None:
        _log.warning("A serial line is not opened again: %s", why.message)
        self._over = True
        for seat in self.seats:
            seat.end(self._words(why))

    def _tell_away(self, why: OobctlError) -> None:
        """Once for each reason."""
        away = {"type": "away", "code": why.code, "because": self._words(why)}
        if away != self._away:
            _log.info("A serial line is away: %s", why.message)
            self._away = away
            for seat in self.seats:
                seat.tell(away)

    def try_now(self, *, deactivate_others: bool = False) -> None:
        """While the line is away: open it at once. deactivate_others: also where somebody else has it at the BMC.

        Not more often than every few seconds, and nothing is kept of it while the line is there.
        """
        now = time.monotonic()
        if self._port is None and now - self._tried_by_hand > _BY_HAND_EVERY_SECONDS:
            self._tried_by_hand = now
            self._deactivate_others = deactivate_others
            self._by_hand.set()

    # --- what the server writes

    def _show(self, content: bytes) -> None:
        """To all. Who takes too little is let go, and slows no other."""
        self._scrollback.add(content)
        for seat in self.seats:
            if seat.waiting + len(content) > MOST_WAITING:
                seat.end(_TOO_SLOW)
            seat.show(content)

    def _lose(self, count: int) -> None:
        for seat in self.seats:
            seat.tell({"type": "lost", "bytes": count})


class _Attempt:
    """To open a port in a thread, and to close it there where nobody waits for it any more."""

    def __init__(self, open_it: Callable[..., Port]) -> None:
        self._open = open_it
        self._lock = threading.Lock()
        self._port: Port | None = None
        self._given_up = False

    def run(self, deactivate_others: bool) -> Port:
        port = self._open(deactivate_others=deactivate_others)
        with self._lock:
            self._port = port
            given_up = self._given_up
        if given_up:
            port.close()
        return port

    def give_up(self) -> None:
        """Waits for the port's end where it is open; one that is being opened is closed as soon as it is."""
        with self._lock:
            self._given_up = True
            port = self._port
        if port is not None:
            port.close()
