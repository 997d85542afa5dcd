"""What the benchmark of consoles runs beside itself: screens that answer at once, and the gateway's own stream.

python -m tests.benchmarks.screens bmc PORT, and ... gateway PORT PORT_OF_THE_SCREENS; recording instead of gateway: all
that it shows is recorded too. They end when they are ended.
"""

import asyncio
import contextlib
import itertools
import os
import struct
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import uvloop
from aiohttp import WSMsgType, web
from nacl.public import PrivateKey

from oobctl.consoles.recording import kept
from oobctl.consoles.recording.kept import Subject
from oobctl.consoles.recording.recorder import Recorder
from oobctl.consoles.recording.sealed import Writer
from oobctl.consoles.rfb.client_messages import ClientMessages, Input, UpdateRequest
from oobctl.consoles.rfb.greeting import Greeting, server_init
from oobctl.consoles.screens import Screen
from oobctl.consoles.seats import Seat
from oobctl.constants import ConsoleKind
from oobctl.drivers.rfb.handshake import shake_hands
from oobctl.gateway.connection import _show
from oobctl.gateway.places import Place

_SUBJECT = Subject("server", "screen", None, ConsoleKind.GRAPHICAL)
WIDTH, HEIGHT = 1920, 1080
_SIZE = WIDTH * HEIGHT * 4
_NOISE = os.urandom(1 << 16)
PICTURE = struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + (_NOISE * (_SIZE // len(_NOISE) + 1))[:_SIZE]
ECHO = struct.pack(">BxHHHHHi", 0, 1, 0, 0, 8, 16, 7) + b"\x80abc"
"""What a key puts on the screen: a filled rectangle."""
HELLO = b"RFB 003.008\n\x01\x01"
HANDSHAKE_BYTES = len(b"RFB 003.008\n\x01\x01\0\0\0\0" + server_init(WIDTH, HEIGHT, "screen"))
ASK = struct.pack(">BBHHHH", 3, 0, 0, 0, WIDTH, HEIGHT)
KEY = struct.pack(">BBxxI", 4, 1, 0x61)


async def _bmc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A whole picture for each that is asked for, an echo for each key."""
    greeting, messages, greeted = Greeting(), ClientMessages(), False
    writer.write(greeting.first)
    with contextlib.suppress(ConnectionError):
        while content := await reader.read(1 << 16):
            if not greeted:
                writer.write(greeting.feed(content))
                greeted = greeting.done
                writer.write(server_init(WIDTH, HEIGHT, "screen") if greeted else b"")
                content = greeting.left if greeted else b""
            for message in messages.feed(content):
                if isinstance(message, UpdateRequest) and not message.incremental:
                    writer.write(PICTURE)
                    await writer.drain()
                elif isinstance(message, Input):
                    writer.write(ECHO)
    writer.close()


async def _serve_screens(port: int) -> None:
    server = await asyncio.start_server(_bmc, "127.0.0.1", port, limit=1 << 16, backlog=2000)
    await server.serve_forever()


class _Gateway:
    """The gateway's way of a console, without its keys and records: one screen for each websocket."""

    def __init__(self, screens: int, *, records: bool) -> None:
        self._screens, self._records = screens, records

    async def open(self) -> Any:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._screens, limit=1 << 18)
        size = await shake_hands(reader, writer, "", "The screen")

        async def close() -> None:
            writer.transport.abort()

        return SimpleNamespace(reader=reader, writer=writer, size=size, close=close)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20, compress=False, heartbeat=20.0)
        await socket.prepare(request)
        screen, seat = Screen("screen", self.open), Seat("one", "one", may_control=True)
        recorder = Recorder(screen, _SUBJECT, "gateway") if self._records else None
        screen.join(seat)
        place = Place(cast(Any, None), seat, screen, None)
        tasks = [asyncio.create_task(screen.run()), asyncio.create_task(_show(socket, place))]
        tasks += [asyncio.create_task(recorder.run())] if recorder is not None else []
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                place.heard(message.data)
        screen.leave(seat)
        if recorder is not None:
            recorder.stop("It is over.")
            await asyncio.wait(tasks[2:], timeout=10)
        for task in tasks:
            task.cancel()
        return socket


def _without_records(folder: Path) -> None:
    """Recordings have a file, and no row."""
    key = PrivateKey.generate().public_key.encode()
    numbers = itertools.count()

    def begin(_subject: Subject, _gateway: str) -> tuple[str, Writer]:
        name = f"recording-{next(numbers)}"
        return name, Writer(folder / name, {"id": name, "kind": "graphical", "began_at": ""}, key)

    kept.begin = begin  # type: ignore[assignment]
    kept.close = lambda closed: None


async def _serve_gateway(port: int, screens: int, *, records: bool) -> None:
    service = web.Application()
    service.router.add_get("/", _Gateway(screens, records=records).handle)
    runner = web.AppRunner(service, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2000).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    what, *ports = sys.argv[1:]
    if what == "bmc":
        uvloop.run(_serve_screens(int(ports[0])))
    with tempfile.TemporaryDirectory() as folder:
        _without_records(Path(folder))
        uvloop.run(_serve_gateway(int(ports[0]), int(ports[1]), records=what == "recording"))
