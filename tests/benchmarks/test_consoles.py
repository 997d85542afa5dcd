"""Consoles beside websockify: a stream at full speed, what idle ones cost, and how late a typed key's echo is."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path

import aiohttp
import pytest
import uvloop

from tests.benchmarks import report
from tests.benchmarks.screens import ASK, ECHO, HANDSHAKE_BYTES, HELLO, KEY, PICTURE
from tests.installation import eventually, free_port

CONSOLES = int(os.environ.get("OOBCTL_BENCH_CONSOLES", "500"))
_SECONDS = 5.0
_KEYS_PER_SECOND = 5.0
_AT_ONCE = 50  # handshakes
_TWO = ("ours", "websockify")


class Peers:
    """The screens, the gateway's stream in front of them, and websockify in front of them."""

    def __init__(self) -> None:
        screens = free_port()
        self.ports = {"ours": free_port(), "websockify": free_port(), "ours, recorded": free_port()}
        self._processes = [
            self._start("-m", "tests.benchmarks.screens", "bmc", str(screens)),
            self._start("-m", "tests.benchmarks.screens", "gateway", str(self.ports["ours"]), str(screens)),
            self._start("-m", "websockify", f"127.0.0.1:{self.ports['websockify']}", f"127.0.0.1:{screens}"),
            self._start("-m", "tests.benchmarks.screens", "recording", str(self.ports["ours, recorded"]), str(screens)),
        ]
        for port in (screens, *self.ports.values()):
            eventually(partial(_answers, port))

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, *arguments], stderr=subprocess.DEVNULL)

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(20)

    def resident(self, name: str) -> int:
        """Bytes of memory that are its own: of the one process, or of websockify's children too."""
        first = self._processes[list(self.ports).index(name) + 1].pid
        return sum(_own_memory(pid) for pid in [first, *_children(first)])


def _own_memory(pid: int) -> int:
    """Private bytes: what forked processes share is counted for none of them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def peers() -> Iterator[Peers]:
    found = Peers()
    yield found
    found.close()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Browser:
    """One websocket, past its handshake."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self.received = 0

    async def shake_hands(self) -> "Browser":
        await self._ws.send_bytes(HELLO)
        await self.until(HANDSHAKE_BYTES)
        return self

    async def until(self, count: int) -> None:
        """Until so many bytes have come, all in all."""
        while self.received < count:
            message = await self._ws.receive()
            self.received += len(message.data) if message.type is aiohttp.WSMsgType.BINARY else 0
            assert not self._ws.closed

    async def send(self, content: bytes) -> None:
        await self._ws.send_bytes(content)


async def _browsers(stack: AsyncExitStack, port: int, count: int) -> list[Browser]:
    connector = aiohttp.TCPConnector(limit=0)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one() -> Browser:
        async with gate:
            ws = await session.ws_connect(f"http://127.0.0.1:{port}/", max_msg_size=0, protocols=("binary",))
            return await Browser(ws).shake_hands()

    return list(await asyncio.gather(*(one() for _ in range(count))))


def _with(port: int, count: int, story: Callable[[list[Browser]], Awaitable[None]]) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            await story(await _browsers(stack, port, count))

    uvloop.run(run())


def _speed(port: int) -> float:
    """Megabytes of whole raw pictures per second, each asked for when the one before is there."""
    found = []

    async def story(browsers: list[Browser]) -> None:
        (browser,), began, pictures = browsers, time.monotonic(), 0
        start = browser.received
        while time.monotonic() - began < _SECONDS:
            await browser.send(ASK)
            pictures += 1
            await browser.until(start + pictures * len(PICTURE))
        found.append((browser.received - start) / (time.monotonic() - began) / 1e6)

    _with(port, 1, story)
    return found[0]


def _echoes(port: int, count: int) -> list[float]:
    """Seconds from a key to its echo, of all who type at once."""
    found: list[float] = []

    async def story(browsers: list[Browser]) -> None:
        async def types(number: int, browser: Browser) -> None:
            await asyncio.sleep(number / count / _KEYS_PER_SECOND)
            until = time.monotonic() + _SECONDS
            while (began := time.monotonic()) < until:
                await browser.send(KEY)
                await browser.until(browser.received + len(ECHO))
                found.append(time.monotonic() - began)
                await asyncio.sleep(max(0.0, 1 / _KEYS_PER_SECOND - found[-1]))

        await asyncio.gather(*(types(number, browser) for number, browser in enumerate(browsers)))

    _with(port, count, story)
    return found


def _idle(peers: Peers, name: str) -> float:
    """KB of memory that each of them costs above what the process had before they came."""
    found = []

    async def story(_browsers: list[Browser]) -> None:
        await asyncio.sleep(2)
        found.append(peers.resident(name))

    before = peers.resident(name)
    _with(peers.ports[name], CONSOLES, story)
    return (found[0] - before) / CONSOLES / 1024


def test_consoles_beside_websockify(peers: Peers) -> None:
    report.head(f"Consoles, beside websockify {version('websockify')}")
    for name in _TWO:  # before anything else: a process keeps the memory that it had once
        print(f"{CONSOLES} idle consoles, {name}: {_idle(peers, name):.0f} KB each above the base")
    for name in _TWO:
        what = f"{CONSOLES} typing at {_KEYS_PER_SECOND:g} Hz, key to echo, {name}"
        report.milliseconds(what, _echoes(peers.ports[name], CONSOLES))
    speeds = {name: max(_speed(port), _speed(port)) for name, port in peers.ports.items()}
    theirs = speeds["websockify"]
    for name in ("ours", "ours, recorded"):
        ratio = speeds[name] / theirs
        print(f"one stream of 1920 x 1080 raw pictures, {name}: {speeds[name]:.0f} MB/s, {ratio:.2f} x of {theirs:.0f}")
