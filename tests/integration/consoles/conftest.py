"""The rack's servers with their screens, a panel and a gateway, and browsers that are programs."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from oobctl.lab.rack import RackInfo
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, endpoints_of, screen_of
from tests.profiles import QUICK, write_profiles

_RETURN, _SHIFT, _SHIFTED = 0xFF0D, 0xFFE1, '~!@#$%^&*()_+{}|:"<>?'
_SERVER_INIT_ENDS = 12 + 2 + 4 + 24  # before the name
HELLO = b"RFB 003.008\n\x01\x01"


class Site(Installation):
    """An installation with a worker, a panel and a gateway; `rack` is what its servers really are."""

    rack: RackInfo

    @property
    def gateway_url(self) -> str:
        return f"http://{self.variables['OOBCTL_GATEWAY_LISTEN']}/console"

    def opened(self, who: str = "customer", server: str = "app01", **body: str) -> dict[str, Any]:
        """What the API answers to who opens a console."""
        with self.client(who) as client:
            answer = client.post(f"/servers/{server}/consoles", json={"kind": "graphical", **body})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @asynccontextmanager
    async def viewer(self, who: str = "customer", server: str = "app01", **body: str) -> AsyncIterator["Viewer"]:
        """Somebody's view of a screen, as far as its first picture is asked for."""
        opened = await asyncio.to_thread(self.opened, who, server, **body)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(opened["websocket"], max_msg_size=0) as socket,
        ):
            await socket.send_json({"token": opened["token"]})
            viewer = Viewer(socket, opened["id"])
            reading = asyncio.create_task(viewer.read())
            await socket.send_bytes(HELLO)
            try:
                yield viewer
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)


class Viewer:
    """One websocket: all that came over it, and what it said in words."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, console: str) -> None:
        self.socket, self.console = socket, console
        self.shown, self.told = bytearray(), list[dict[str, Any]]()
        self.closed = False

    async def read(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.shown += message.data
            else:
                self.told.append(json.loads(message.data))
        self.closed = True

    async def until(self, what: Callable[[], object], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not what():
                await asyncio.sleep(0.02)

    async def asks(self, *, whole: bool = True) -> None:
        """For an update of the whole screen."""
        await self.socket.send_bytes(struct.pack(">BBHHHH", 3, not whole, 0, 0, *self.size()))

    def size(self) -> tuple[int, int]:
        """From ServerInit, which stands after version, security types and result."""
        width, height = struct.unpack_from(">HH", self.shown, 12 + 2 + 4)
        return width, height

    async def sees(self) -> None:
        """A picture that is asked for; that of a server that has just started is black, and small."""
        await self.until(lambda: len(self.shown) > _SERVER_INIT_ENDS)
        before = len(self.shown)
        await self.asks()
        await self.until(lambda: len(self.shown) > before)

    async def types(self, text: str) -> None:
        for sign in text:
            symbol = _RETURN if sign == "\n" else ord(sign)
            keys = [_SHIFT, symbol] if sign in _SHIFTED else [symbol]
            pressed = [(1, key) for key in keys] + [(0, key) for key in reversed(keys)]
            await self.socket.send_bytes(b"".join(struct.pack(">BBxxI", 4, down, key) for down, key in pressed))
            await asyncio.sleep(0.03)

    def ended(self) -> str | None:
        """Why it is over."""
        return next((str(one["because"]) for one in self.told if one["type"] == "end"), None)

    def people(self) -> list[dict[str, Any]]:
        return next((one["people"] for one in reversed(self.told) if one["type"] == "people"), [])


@pytest.fixture(scope="module")
def site(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("consoles")
    mend(rack)
    url = databases.migrated("sqlite")
    profiles = write_profiles(home / "hwprofiles", QUICK | {"boot.used_within": 2})
    with Site(guard, home, url, {"hwprofiles": str(profiles)}) as made:
        made.rack = rack
        made.initialise().add_people()
        for name, server in rack.servers.items():
            made.add_server(name, [*endpoints_of(server), screen_of(server)])
        made.start_worker()
        made.enroll()
        made.start_panel()
        made.start_gateway()
        yield made
    databases.drop(url)


def run(story: Callable[[], Awaitable[None]]) -> None:
    """A test's story, which waits for several at once."""

    async def bounded() -> None:
        async with asyncio.timeout(120):
            await story()

    asyncio.run(bounded())
