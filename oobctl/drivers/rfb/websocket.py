"""RFB over a websocket of the BMC's own web server."""

import asyncio
import socket
import uuid
from dataclasses import dataclass

import aiohttp

from oobctl.drivers.login import Login
from oobctl.drivers.web_stream import WebStream, open_stream

_CHUNK = 1 << 16


@dataclass
class Websocket:
    """Way. What comes over the websocket is read from `reader`, as if it were TCP; `close` logs out."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    name: str
    _stream: WebStream
    _carrying: asyncio.Task[None]

    async def close(self) -> None:
        self.writer.transport.abort()
        self._carrying.cancel()
        await asyncio.gather(self._carrying, return_exceptions=True)
        await self._stream.leave()


async def open_websocket(login: Login) -> Websocket:
    """Raises what `open_stream` raises."""
    ways = login.profile.consoles.websocket
    assert ways is not None  # else there is no such way to the screen
    stream = await open_stream(login, ways.screen)
    reader, writer, carrying = await _carried(stream.socket)
    # Its own name the BMC tells nobody. What a killed gateway leaves ends there by itself; its place at the screen is
    # free with the connection. Whoever tidies up asks for this path, and finds no session.
    return Websocket(reader, writer, f"{ways.screen}#{uuid.uuid4().hex[:8]}", stream, carrying)


async def _carried(
    stream: aiohttp.ClientWebSocketResponse,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Task[None]]:
    """Both ends of what the websocket carries, with back-pressure both ways."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours, limit=_CHUNK)
    return reader, writer, asyncio.create_task(_carry(stream, theirs))


async def _carry(stream: aiohttp.ClientWebSocketResponse, end: socket.socket) -> None:
    """Until one side ends: then the other one does."""
    reader, writer = await asyncio.open_connection(sock=end, limit=_CHUNK)

    async def out() -> None:
        while content := await reader.read(_CHUNK):
            await stream.send_bytes(content)

    async def back() -> None:
        async for message in stream:
            if message.type is aiohttp.WSMsgType.BINARY:
                writer.write(message.data)
                await writer.drain()

    tasks = [asyncio.create_task(out()), asyncio.create_task(back())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
