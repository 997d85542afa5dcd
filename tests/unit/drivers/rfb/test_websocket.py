"""What may go wrong on the way to a screen over the BMC's own web server, against a server that speaks TLS."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from oobctl import profiles
from oobctl.drivers.login import Login
from oobctl.drivers.rfb.websocket import Websocket, open_websocket
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcIdentityChanged, BmcRefused
from oobctl.vault import Secret
from tests.webserver import served

COOKIES = {"SESSION": "s" * 20, "XSRF-TOKEN": "t" * 20}
Story = Callable[[Login], Awaitable[None]]


class Bmc:
    """A web server as bmcweb: what it answers, and what it was asked."""

    def __init__(self) -> None:
        self.login_status, self.screen_status = 200, 101
        self.cookies = dict(COOKIES)
        self.asked: list[tuple[str, str]] = []
        self.says = b"RFB 003.008\n"
        self.hangs_up = False
        self.heard = bytearray()

    async def log_in(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, await request.text()))
        answer = web.Response(status=self.login_status)
        for name, value in self.cookies.items():
            answer.set_cookie(name, value)
        return answer

    async def log_out(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("X-XSRF-TOKEN", "")))
        return web.Response()

    async def screen(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers.get("Cookie", "")))
        if self.screen_status != 101:
            return web.Response(status=self.screen_status)
        socket = web.WebSocketResponse(protocols=(COOKIES["XSRF-TOKEN"],))
        await socket.prepare(request)
        await socket.send_bytes(self.says)
        if not self.hangs_up:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.heard += message.data
        await socket.close()
        return socket


def played(folder: Path, bmc: Bmc, story: Story, *, pin: str | None = None) -> None:
    async def run() -> None:
        service = web.Application()
        service.router.add_post("/login", bmc.log_in)
        service.router.add_post("/logout", bmc.log_out)
        service.router.add_get("/kvm/0", bmc.screen)
        slot = cast(Any, SimpleNamespace())
        async with served(folder, service, pin=pin) as endpoint, asyncio.timeout(20):
            await story(Login(endpoint, Secret("admin", "the password"), profiles.find("openbmc"), slot, lambda: None))

    asyncio.run(run())


async def opened(login: Login) -> Websocket:
    return await open_websocket(login)


def test_it_logs_in_shows_its_cookies_and_logs_out(tmp_path: Path) -> None:
    bmc = Bmc()

    async def story(login: Login) -> None:
        way = await opened(login)
        assert await way.reader.readexactly(12) == b"RFB 003.008\n"
        way.writer.write(b"RFB 003.008\n")
        while bmc.heard != b"RFB 003.008\n":
            await asyncio.sleep(0.01)
        await way.close()
        assert "the password" not in repr(way)
        assert COOKIES["SESSION"] not in repr(way)

    played(tmp_path, bmc, story)
    login, screen, logout = bmc.asked
    assert login == ("/login", '{"data": ["admin", "the password"]}')
    assert screen == ("/kvm/0", f"SESSION={COOKIES['SESSION']}; XSRF-TOKEN={COOKIES['XSRF-TOKEN']}")
    assert logout == ("/logout", COOKIES["XSRF-TOKEN"])


def test_a_refused_password_is_that_and_nothing_more_is_tried(tmp_path: Path) -> None:
    bmc = Bmc()
    bmc.login_status = 401

    async def story(login: Login) -> None:
        with pytest.raises(BmcAuthFailed, match="refused the user or the password"):
            await opened(login)

    played(tmp_path, bmc, story)
    assert [path for path, _ in bmc.asked] == ["/login"]


@pytest.mark.parametrize(
    ("screen", "error", "words"), [(403, BmcRefused, "lack the right"), (503, BmcRefused, "answered 503")]
)
def test_who_gets_no_screen_is_told_why_and_logged_out(
    tmp_path: Path, screen: int, error: type[Exception], words: str
) -> None:
    bmc = Bmc()
    bmc.screen_status = screen

    async def story(login: Login) -> None:
        with pytest.raises(error, match=words):
            await opened(login)

    played(tmp_path, bmc, story)
    assert [path for path, _ in bmc.asked] == ["/login", "/kvm/0", "/logout"]


def test_a_log_in_of_another_kind_is_said(tmp_path: Path) -> None:
    bmc = Bmc()
    del bmc.cookies["XSRF-TOKEN"]

    async def story(login: Login) -> None:
        with pytest.raises(BmcBadAnswer, match="without the cookies SESSION and XSRF-TOKEN"):
            await opened(login)

    played(tmp_path, bmc, story)


def test_another_certificate_is_sent_nothing(tmp_path: Path) -> None:
    bmc = Bmc()

    async def story(login: Login) -> None:
        with pytest.raises(BmcIdentityChanged, match="Nothing was sent"):
            await opened(login)

    played(tmp_path, bmc, story, pin="ab" * 32)
    assert bmc.asked == []


def test_one_that_hangs_up_ends_the_stream(tmp_path: Path) -> None:
    bmc = Bmc()
    bmc.hangs_up = True

    async def story(login: Login) -> None:
        way = await opened(login)
        assert await way.reader.read() == b"RFB 003.008\n"
        await way.close()

    played(tmp_path, bmc, story)
    assert bmc.asked[-1][0] == "/logout"


def test_nobody_there_is_an_error_of_the_network(tmp_path: Path) -> None:
    async def story(login: Login) -> None:
        away = replace(login, endpoint=replace(login.endpoint, port=9))
        with pytest.raises(OSError, match="Cannot connect"):
            await opened(away)

    played(tmp_path, Bmc(), story)
