"""A server's screen: one connection to its BMC, shown to all who look (docs/decisions/0014)."""

import asyncio
import contextlib
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from oobctl.consoles.rfb.client_messages import ClientMessages, Input, UpdateRequest
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.greeting import Greeting, resized, server_init, told
from oobctl.consoles.rfb.keys import Pressed
from oobctl.consoles.rfb.server_messages import Bell, Part, Resized, ServerMessages, Told, UpdateBegins, UpdateEnds
from oobctl.consoles.rfb.words import ASKED_FOR, PIXEL_FORMAT, RAW_ASKED_FOR, ClientMessage, Encoding
from oobctl.consoles.seats import Seat, Seats
from oobctl.consoles.words import FINAL, screen_words
from oobctl.errors import BmcBadAnswer, NotSupported, OobctlError

log = structlog.get_logger()

MOST_WAITING = 4 << 20
"""Bytes that wait for a slow viewer before updates pass it by."""
_MOST_OF_ALL = 48 << 20  # of an update that is under way while others are faster: a whole picture, and some more
_SLOW_SECONDS = 20.0  # a viewer that takes nothing for so long is let go
_TAKEN_LOOK = 0.002
_LINGER_SECONDS = 5.0  # a page that is loaded again finds its screen open
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0  # between two tries to open the screen again
_CHUNK = 1 << 18
_MOST_INPUT_WAITING = 1 << 16  # bytes: a BMC that takes no input gets none that is old


class Connection(Protocol):
    """drivers.rfb.ScreenConnection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def size(self) -> "Size": ...

    async def close(self) -> None: ...


class Size(Protocol):
    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


Open = Callable[[], Awaitable[Connection]]


@dataclass
class _Look:
    """What one viewer has said and seen of the protocol."""

    greeting: Greeting = field(default_factory=Greeting)
    messages: ClientMessages = field(default_factory=ClientMessages)
    pressed: Pressed = field(default_factory=Pressed)
    greeted: bool = False  # it has had ServerInit
    size: tuple[int, int] = (0, 0)  # of the screen, as it was told
    wants: bool = False  # it has asked for an update since the last one
    whole: bool = True  # it needs the whole picture next
    passing: bool = True  # the update under way passes it by
    taken: int = 0  # bytes, when it was last seen to take some
    taken_at: float = field(default_factory=time.monotonic)
    inputs: int = 0


class Screen:
    """In one event loop. `run` holds the connection while somebody is there; it ends when the last has left."""

    def __init__(self, name: str, open_it: Open) -> None:
        self._name, self._open = name, open_it
        self.seats = Seats()
        self._looks: dict[str, _Look] = {}
        self._connection: Connection | None = None
        self._messages: ServerMessages | None = None
        self._told: dict[Encoding, bytes] = {}  # what joiners have to be told as well
        self._asked = self._asked_whole = False  # an update, or a whole picture, is on its way
        self._in_update = False
        self._raw = 0  # how many want raw pixels
        self._size = (0, 0)  # as far as its events were told: more of the stream may have been read
        self._away: dict[str, object] | None = {"type": "opening"}
        self._stopped = asyncio.Event()
        self.takes_input = True
        self.typed_at = float("-inf")  # by time.monotonic(), when somebody last did

    @property
    def over(self) -> bool:
        """It is opened no more: who comes now begins another one."""
        return self._stopped.is_set()

    # --- who is there

    def join(self, seat: Seat) -> None:
        self._looks[seat.id] = _Look()
        self.seats.join(seat)
        if self._away is not None:
            seat.tell(self._away)
        seat.show(self._looks[seat.id].greeting.first)

    def record(self, seat: Seat) -> None:
        """As `join`, without a greeting: the first that it is shown is ServerInit. `ask` for updates."""
        look = self._looks[seat.id] = _Look()
        look.greeting.done = True
        self.seats.join(seat)
        if self._away is not None:
            seat.tell(self._away)
        self._greet(seat, look)

    def ask(self, seat: Seat, *, whole: bool) -> None:
        """A viewer wants an update. whole: the whole picture."""
        look = self._looks.get(seat.id)
        if look is not None:
            look.wants, look.whole = True, look.whole or whole
            self._ask()

    @contextlib.contextmanager
    def raw(self) -> Iterator[None]:
        """Meanwhile the BMC is asked for raw pixels alone: everybody is shown them, which is right for all."""
        self._raw += 1
        self._ask_for_encodings()
        try:
            yield
        finally:
            self._raw -= 1
            self._ask_for_encodings()

    def _ask_for_encodings(self) -> None:
        wanted = RAW_ASKED_FOR if self._raw else ASKED_FOR
        self._write(struct.pack(f">BxH{len(wanted)}i", ClientMessage.SET_ENCODINGS, len(wanted), *wanted))

    def leave(self, seat: Seat) -> int:
        """Returns how many keys and pointer moves of theirs were passed on."""
        look = self._looks.pop(seat.id, None)
        if look is not None:
            self._write(look.pressed.release())
        self.seats.leave(seat)
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._stop_where_nobody_is)
        return look.inputs if look is not None else 0

    def _stop_where_nobody_is(self) -> None:
        if not len(self.seats):
            self._stopped.set()

    def take_over(self, seat: Seat, message: str) -> None:
        """Raises NotAllowed."""
        before = self.seats.controller
        self.seats.take_over(seat, message)
        if before is not None and before is not seat:
            self._write(self._looks[before.id].pressed.release())

    def heard(self, seat: Seat, content: bytes) -> bool:
        """What a viewer's browser sent; whether they typed. Raises BrokenStream: then they are to be let go."""
        typed = False
        look = self._looks[seat.id]
        if not look.greeting.done:
            answer = look.greeting.feed(content)
            if answer:
                seat.show(answer)
            content = look.greeting.left if look.greeting.done else b""
            self._greet(seat, look)
        for message in look.messages.feed(content):
            if isinstance(message, UpdateRequest):
                self.ask(seat, whole=not message.incremental)
            elif isinstance(message, Input) and seat.has_control and self.takes_input:
                typed = True
                self.typed_at = time.monotonic()
                self._pass_input(look, message)
        return typed

    def press(self, keysym: int) -> bool:
        """Press and release a key (X11's keysym), for nobody who is here. False where no screen is there now."""
        if self._connection is None or not self.takes_input:
            return False
        for down in (True, False):
            self._write(struct.pack(">BBxxI", ClientMessage.KEY_EVENT, down, keysym))
        return True

    def _pass_input(self, look: _Look, message: Input) -> None:
        if self._connection is None:
            return
        if self._connection.writer.transport.get_write_buffer_size() > _MOST_INPUT_WAITING:
            return
        look.pressed.note(message.content)
        look.inputs += 1
        self._write(message.content)

    def _greet(self, seat: Seat, look: _Look) -> None:
        """ServerInit, as soon as both the viewer and the screen are there."""
        if look.greeting.done and not look.greeted and self._messages is not None:
            look.greeted, look.size = True, self._size
            seat.show(server_init(*self._size, self._name))
            if self._told:
                seat.show(told(list(self._told.values())))

    # --- the connection

    async def run(self) -> None:
        """Hold the screen open until nobody is there any more. Raises what a defect of ours raises, and ends all."""
        tasks = [asyncio.create_task(work) for work in (self._go_on(), self._mind_the_slow(), self._stopped.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            for seat in self.seats:
                seat.end("The gateway has stopped showing this screen. Open it again.")
        for one in ended:
            if isinstance(one, Exception):
                raise one

    async def _go_on(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            why = await self._hold()
            self._tell_away(why)
            if isinstance(why, (*FINAL, NotSupported)):
                return self._end(why)
            pause = _FIRST_PAUSE if time.monotonic() - began > _LONGEST_PAUSE else min(_LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(pause)

    async def _hold(self) -> OobctlError:
        """Open the screen and read it until it ends; returns why."""
        try:
            connection = await self._open()
        except OobctlError as error:
            return error
        try:
            self._begin(connection)
            while content := await connection.reader.read(_CHUNK):
                assert self._messages is not None
                for event in self._messages.feed(content):
                    self._take(event)
                while self._all_are_behind():
                    await asyncio.sleep(_TAKEN_LOOK)
            return BmcBadAnswer("The BMC closed the screen.")
        except BrokenStream as error:
            log.warning("a BMC broke the stream of its screen", server=self._name, because=str(error))
            return BmcBadAnswer("The BMC sent something that is no picture, so the screen was opened anew.")
        except OSError as error:
            return BmcBadAnswer(f"The connection to the screen broke: {error.strerror or error}.")
        finally:
            self._connection = None
            await asyncio.shield(connection.close())

    def _begin(self, connection: Connection) -> None:
        size = connection.size
        self._size = (size.width, size.height)
        self._connection, self._messages = connection, ServerMessages(size.width, size.height)
        self._asked = self._asked_whole = self._in_update = False
        self._away = None
        self._write(struct.pack(">Bxxx", ClientMessage.SET_PIXEL_FORMAT) + PIXEL_FORMAT)
        self._ask_for_encodings()
        for seat in self.seats:
            look = self._looks[seat.id]
            look.whole, look.pressed = True, Pressed()
            seat.tell({"type": "open"})
            self._tell_size(seat, look)
            self._greet(seat, look)
        self._ask()

    def _end(self, error: OobctlError) -> None:
        for seat in self.seats:
            seat.end(screen_words(error))

    def _tell_away(self, error: OobctlError) -> None:
        log.info("a screen is away", server=self._name, code=error.code, because=error.message)
        self._away = {"type": "away", "code": error.code, "because": screen_words(error)}
        for seat in self.seats:
            seat.tell(self._away)
            if self._in_update and not self._looks[seat.id].passing:  # what comes next would be taken for its rest
                seat.tell({"type": "again"})
                seat.end("The screen broke off in the middle of a picture.")

    # --- updates

    def _take(self, event: object) -> None:
        match event:
            case Part(content):
                for seat in self.seats:
                    if not self._looks[seat.id].passing:
                        self._show(seat, content)
            case UpdateBegins():
                self._begin_update()
            case UpdateEnds():
                self._asked = self._asked_whole = self._in_update = False
                self._ask()
            case Told(encoding, rectangle):
                self._told[encoding] = rectangle
            case Resized(width, height):
                self._size = (width, height)
                for look in self._looks.values():
                    look.whole = True
                    look.size = look.size if look.passing else self._size
            case Bell():
                for seat in self.seats:
                    if self._looks[seat.id].greeted:
                        seat.show(b"\x02")

    def _begin_update(self) -> None:
        self._in_update = True
        for seat in self.seats:
            look = self._looks[seat.id]
            look.passing = not look.greeted or seat.waiting > MOST_WAITING
            look.wants = look.wants and look.passing
            look.whole = look.whole or look.passing  # it misses this one
            if not look.passing:
                self._tell_size(seat, look)

    def _tell_size(self, seat: Seat, look: _Look) -> None:
        """To who missed the update that said it."""
        if look.greeted and look.size != self._size:
            look.size = self._size
            seat.show(resized(*self._size))

    def _show(self, seat: Seat, content: bytes) -> None:
        if seat.waiting > _MOST_OF_ALL:
            seat.end("Your connection is too slow for this screen: a whole picture waited for it.")
        seat.show(content)

    def _all_are_behind(self) -> bool:
        """Nobody takes the picture as fast as it comes: then the BMC waits, and memory does not grow."""
        taking = [seat for seat in self.seats if not self._looks[seat.id].passing and seat.ended is None]
        return bool(taking) and all(seat.waiting > MOST_WAITING for seat in taking)

    def _ask(self) -> None:
        """For the next update, where somebody wants one and can take it, and none is on its way.

        A whole picture is asked for also while a change is waited for: that may be long in coming.
        """
        ready = [
            look
            for seat in self.seats
            if (look := self._looks[seat.id]).greeted and look.wants and seat.waiting <= MOST_WAITING
        ]
        whole = any(look.whole for look in ready)
        if self._messages is None or not ready or (self._asked_whole if whole else self._asked):
            return
        for look in ready:
            look.whole = False
        self._asked, self._asked_whole = True, whole
        size = (self._messages.width, self._messages.height)
        self._write(struct.pack(">BBHHHH", ClientMessage.FRAMEBUFFER_UPDATE_REQUEST, not whole, 0, 0, *size))

    async def _mind_the_slow(self) -> None:
        """Who was behind and has caught up is asked for again; who takes nothing for long is let go."""
        while True:
            await asyncio.sleep(1.0)
            self._ask()
            now = time.monotonic()
            for seat in self.seats:
                look, taken = self._looks[seat.id], seat.shown - seat.waiting
                if taken != look.taken or not seat.waiting:
                    look.taken, look.taken_at = taken, now
                elif now - look.taken_at > _SLOW_SECONDS:
                    seat.end("Your connection is too slow for this screen: it took nothing for 20 s.")

    def _write(self, content: bytes) -> None:
        if content and self._connection is not None:
            self._connection.writer.write(content)
