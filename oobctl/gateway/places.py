"""The consoles that are open at this gateway: who sits where, and the screens and lines that they share."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from oobctl.consoles import admission
from oobctl.consoles.ending import Used
from oobctl.consoles.lines import Line
from oobctl.consoles.pacing import Port
from oobctl.consoles.recording.policy import Rule
from oobctl.consoles.screens import Screen
from oobctl.consoles.seats import Seat, Seats
from oobctl.consoles.tokens import Ticket
from oobctl.consoles.words import away_words
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.drivers.rfb import ScreenConnection, open_screen
from oobctl.drivers.serial import open_serial
from oobctl.errors import BmcSessionsExhausted, OobctlError, StoreUnavailable, WrongServer
from oobctl.gateway.recordings import Key, Recordings, tell
from oobctl.ids import new_id
from oobctl.jobs.quarantine import quarantine

log = structlog.get_logger()


End = tuple[str, str | None, Used, bool]
"""That somebody left a console, as ending.left takes it."""


class Shared(Protocol):
    """A screen, or a serial line: what several people are at."""

    takes_input: bool
    seats: Seats

    @property
    def over(self) -> bool: ...

    def join(self, seat: Seat) -> None: ...
    def record(self, seat: Seat) -> None: ...
    def ask(self, seat: Seat, *, whole: bool) -> None: ...
    def leave(self, seat: Seat) -> int: ...
    def take_over(self, seat: Seat, message: str) -> None: ...
    def heard(self, seat: Seat, content: bytes) -> bool: ...
    async def run(self) -> None: ...


@dataclass
class Place:
    """One open console: whose it is, their seat, and what it is at."""

    ticket: Ticket
    seat: Seat
    shared: Shared
    address: str | None
    typed: Callable[[bytes], None] = field(default=lambda _content: None)
    began: float = field(default_factory=time.monotonic)
    input_at: float = field(default_factory=time.monotonic)
    touched_at: float = 0.0  # when their panel session last heard that somebody is there
    break_at: float = float("-inf")

    @property
    def acts(self) -> bool:
        """Whether who is idle here for too long is let go."""
        return self.seat.has_control

    def end(self, because: str) -> None:
        self.seat.end(because)

    def heard(self, content: bytes) -> None:
        """What their browser sent. Raises BrokenStream."""
        if self.shared.heard(self.seat, content):
            self.input_at = time.monotonic()
            self.typed(content)

    def used(self, keys: int) -> Used:
        return Used(time.monotonic() - self.began, self.seat.shown, keys)


class Places:
    """In one event loop. A server's screen is opened for the first who comes, and shared by all."""

    def __init__(self, holder: str) -> None:
        self._holder = holder
        self.recordings = Recordings(holder)
        self._open: dict[str, Place] = {}
        self._shared: dict[Key, Shared] = {}
        self._rules: dict[Key, Rule] = {}  # whose each server is, and who is recorded there
        self.to_note: deque[End] = deque()
        """Ends that are still to be written down."""
        self._running: set[asyncio.Task[None]] = set()
        self.takes_input = True

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._open.values()))

    def sit(self, ticket: Ticket, address: str | None) -> Place:
        """A console that is open in another window already is ended there."""
        before = self._open.get(ticket.console_id)
        if before is not None:
            before.seat.end("You opened this console in another window.")
        key = (ticket.server_id, ticket.kind)
        shared = self.hold(key, ticket.server_name)
        self._follow(key, shared, ticket.rule)
        seat = Seat(new_id(), ticket.actor.name, may_control=ticket.mode is ConsoleMode.CONTROL)
        typed = partial(self.recordings.typed, key, ticket.actor.name)
        place = self._open[ticket.console_id] = Place(ticket, seat, shared, address, typed)
        self._record(key)  # before anything is shown to them
        shared.join(seat)
        seat.tell(self.recordings.light(key))
        return place

    def keep_rules(self, rules: Mapping[str, Rule]) -> None:
        """Who is recorded, and whose each server is, as they are now: by the server's id."""
        for key, shared in list(self._shared.items()):
            if key[0] in rules:
                self._follow(key, shared, rules[key[0]])
                self._record(key)

    @property
    def servers(self) -> set[str]:
        """Those whose screens or lines are open."""
        return {server_id for server_id, _ in self._shared}

    def _record(self, key: Key) -> None:
        shared, before = self._shared[key], self.recordings.light(key)
        there = [place.ticket for place in self if place.shared is shared]
        self.recordings.keep(key, shared, there, self._rules[key])
        if self.recordings.light(key) != before:
            tell(shared.seats, self.recordings.light(key))

    def _follow(self, key: Key, shared: Shared, rule: Rule) -> None:
        """Staff who stay at a line while its server changes hands keep it open; what was written before goes."""
        before = self._rules.setdefault(key, rule)
        if before.account_id != rule.account_id and isinstance(shared, Line):
            shared.forget()
        self._rules[key] = rule

    def rise(self, place: Place) -> Used:
        """Leave; returns what was used."""
        if self.has(place):
            del self._open[place.ticket.console_id]
        used = place.used(place.shared.leave(place.seat))
        key = (place.ticket.server_id, place.ticket.kind)
        if self._shared.get(key) is place.shared:
            self._record(key)
        return used

    def has(self, place: Place) -> bool:
        """False where the console is open in another window by now."""
        return self._open.get(place.ticket.console_id) is place

    def let_input(self, passes: bool) -> None:
        """False: what is typed is not passed on, because it is not known whether it may be."""
        self.takes_input = passes
        for shared in self._shared.values():
            shared.takes_input = passes

    async def close(self) -> None:
        """The gateway ends: so does everything that is open."""
        for place in self:
            place.seat.end("The gateway is being stopped. Open the console again in a minute.")
        await self.recordings.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def hold(self, key: Key, server_name: str) -> Shared:
        """The screen or line, opened where it is not. Who joins it keeps it open."""
        shared = self._shared.get(key)
        return self._begin(key, server_name) if shared is None or shared.over else shared

    def _begin(self, key: Key, server_name: str) -> Shared:
        shared = self._make(*key, server_name)
        shared.takes_input = self.takes_input
        self._shared[key] = shared
        task = asyncio.create_task(self._run(key, shared))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return shared

    def _make(self, server_id: str, kind: ConsoleKind, server_name: str) -> Shared:
        if kind is ConsoleKind.SERIAL:
            return Line(partial(self._open_serial, server_id), words=away_words)
        return Screen(server_name, lambda: self._open_screen(server_id))

    async def _open_screen(self, server_id: str) -> ScreenConnection:
        try:
            return await open_screen(server_id, holder=self._holder)
        except BmcSessionsExhausted as error:
            await asyncio.to_thread(name_holders, error, server_id, ConsoleKind.GRAPHICAL)
            raise
        except WrongServer as error:
            await asyncio.to_thread(quarantine, server_id, error)
            raise

    def _open_serial(
        self,
        server_id: str,
        *,
        heard: Callable[[bytes], None],
        ended: Callable[[OobctlError | None], None],
        deactivate_others: bool,
    ) -> Port:
        try:
            return open_serial(
                server_id, holder=self._holder, heard=heard, ended=ended, deactivate_others=deactivate_others
            )
        except BmcSessionsExhausted as error:
            name_holders(error, server_id, ConsoleKind.SERIAL)
            raise
        except WrongServer as error:
            quarantine(server_id, error)
            raise

    async def _run(self, key: Key, shared: Shared) -> None:
        try:
            await shared.run()
        except Exception:
            log.exception("a console failed", server=key[0], kind=key[1])
        finally:
            self.recordings.end(key, shared)
            if self._shared.get(key) is shared:
                del self._shared[key]
                self._rules.pop(key, None)


def name_holders(error: BmcSessionsExhausted, server_id: str, kind: ConsoleKind) -> None:
    """Whoever is told that there is no place is told who has them."""
    with contextlib.suppress(StoreUnavailable):
        error.details["people"] = admission.people_at(server_id, kind, error.details.get("holders", []))
