"""A screen in front of a BMC that a test plays, and the people who look at it."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from oobctl.consoles.screens import Screen
from oobctl.consoles.seats import Seat
from oobctl.drivers.rfb.handshake import Size
from oobctl.errors import OobctlError

FILL = struct.pack(">HHHHi", 0, 0, 64, 48, 7) + b"\x80"
HELLO = b"RFB 003.008\n\x01\x01"
WHOLE = struct.pack(">BBHHHH", 3, 0, 0, 0, 64, 48)
MORE = struct.pack(">BBHHHH", 3, 1, 0, 0, 64, 48)
A_DOWN = struct.pack(">BBxxI", 4, 1, 0x61)
A_UP = struct.pack(">BBxxI", 4, 0, 0x61)
Story = Callable[["Stage"], Awaitable[None]]


def picture(colour: bytes) -> bytes:
    return struct.pack(">BxH", 0, 1) + FILL + colour * 3


@dataclass
class Connection:
    """As drivers.rfb gives it, after the handshake."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    size: Size

    async def close(self) -> None:
        self.writer.transport.abort()


class Stage:
    """A screen in front of a BMC that a test plays: what it hears, and what it sends."""

    def __init__(self) -> None:
        self.screen = Screen("web01", self.open)
        self.heard = bytearray()
        self.bmc: asyncio.StreamWriter | None = None
        self.size = Size(64, 48)
        self.refusal: OobctlError | None = None
        self.opened = 0
        self._address: tuple[str, int] = ("", 0)

    async def play(self, story: Story) -> None:
        server = await asyncio.start_server(self._bmc, "127.0.0.1", 0)
        self._address = server.sockets[0].getsockname()
        running = asyncio.create_task(self.screen.run())
        try:
            await asyncio.wait_for(story(self), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            server.close()

    async def open(self) -> Connection:
        if self.refusal is not None:
            raise self.refusal
        self.opened += 1
        return Connection(*await asyncio.open_connection(*self._address), self.size)

    async def _bmc(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.bmc = writer
        try:
            while content := await reader.read(65536):
                self.heard += content
        except ConnectionError:
            pass
        writer.close()

    async def look(self, name: str, *, control: bool = True) -> "Person":
        person = Person(self, Seat(name, name, may_control=control))
        self.screen.join(person.seat)
        self.screen.heard(person.seat, HELLO)
        await until(lambda: b"web01" in person.seen())
        person.forget()
        return person

    async def shows(self, content: bytes) -> None:
        await until(lambda: self.bmc is not None)
        assert self.bmc is not None
        self.bmc.write(content)
        await self.bmc.drain()

    async def hears(self, content: bytes) -> None:
        await until(lambda: content in self.heard)
        self.heard.clear()


class Person:
    """Somebody's browser: takes nothing by itself."""

    def __init__(self, stage: Stage, seat: Seat) -> None:
        self.seat, self._stage = seat, stage
        self._seen, self.told = bytearray(), list[dict[str, object]]()

    def sends(self, content: bytes) -> None:
        self._stage.screen.heard(self.seat, content)

    def seen(self) -> bytes:
        """All that it was shown up to now."""
        while self.seat._queue:
            found = self.seat._queue.popleft()
            if isinstance(found, bytes):
                self.seat.waiting -= len(found)
                self._seen += found
            else:
                self.told.append(found)
        return bytes(self._seen)

    def forget(self) -> None:
        self._seen.clear()


async def until(what: Callable[[], bool]) -> None:
    while not what():
        await asyncio.sleep(0.005)


def on_stage(story: Story) -> None:
    asyncio.run(Stage().play(story))
