"""What a BMC's web server may do to the browser of who opened its console: pages and websockets, carried to and fro."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from oobctl import profiles
from oobctl.access import SYSTEM
from oobctl.consoles.tokens import Ticket
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.drivers.launch import Launched
from oobctl.drivers.launch.session import _client
from oobctl.drivers.redfish.http import authority
from oobctl.gateway import launch_pages, launch_proxy
from oobctl.gateway.launch_session import Session
from oobctl.profiles import launch as launches
from tests.webserver import served

PASSWORD = "Sesame-1234"
LAUNCH = launches.build({
    "name": "wicked", "requests": [], "pages": ["/a"], "paths": ["/**"], "websockets": ["/ws"],
    "token_in_browser": False, "subprotocols": ["binary"],
})  # fmt: skip
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Front:
    """The gateway's side: a browser's requests go through it to the BMC."""

    def __init__(self, session: Session, url: str, client: aiohttp.ClientSession) -> None:
        self.session, self.url, self.client = session, url, client
        self.passes = True

    async def get(self, target: str = "/a", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        async with self.client.get(self.url + target, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers, await answer.read()


def played(folder: Path, handler: Handler, story: Callable[[Front], Awaitable[None]]) -> None:
    async def run() -> None:
        bmc = web.Application()
        bmc.router.add_route("*", "/{path:.*}", handler)
        async with served(folder, bmc) as endpoint, asyncio.timeout(30), aiohttp.ClientSession() as client:
            slot = cast(Any, SimpleNamespace(release=lambda: None, abandon=lambda: None))
            upstream = _client(endpoint)
            base = f"https://{authority(endpoint)}"
            launched = Launched(endpoint, LAUNCH, "/a", {}, (PASSWORD,), upstream, base, {"X-Token": "t1"}, {}, slot)
            limits = profiles.find("generic-redfish").consoles
            kind, mode = ConsoleKind.OEM, ConsoleMode.CONTROL
            ticket = Ticket("console", "server", "app01", None, kind, mode, SYSTEM, None, limits)
            session = Session(ticket, launched, "http://c-1.consoles.localhost", "127.0.0.1")
            service, runner = web.Application(client_max_size=1 << 20), None
            front = Front(session, "", client)

            async def carry(request: web.Request) -> web.StreamResponse:
                return await launch_proxy.carry(request, session, lambda: front.passes)

            service.router.add_route("*", "/{path:.*}", carry)
            runner = web.AppRunner(service, shutdown_timeout=0.2)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                await story(front)
            finally:
                await runner.cleanup()
                await launched.close()

    asyncio.run(run())


def says(text: str = "", **more: Any) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, **more)

    return answer


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "http://127.0.0.1/"]
)
def test_it_sends_the_browser_nowhere_else(tmp_path: Path, away: str) -> None:
    async def story(front: Front) -> None:
        status, headers, body = await front.get()
        assert status == 502
        assert "Location" not in headers
        assert away.encode() not in body

    played(tmp_path, says(status=302, headers={"Location": away}), story)


def test_its_cookies_stay_here_and_go_back_to_it_alone(tmp_path: Path) -> None:
    heard = []

    async def handler(request: web.Request) -> web.Response:
        heard.append(dict(request.headers))
        answer = web.Response(text="page", headers={"WWW-Authenticate": 'Basic realm="x"', "X-Powered-By": "y"})
        answer.set_cookie("SESSION", "s1", path="/", secure=True)
        answer.set_cookie("__Host-oobctl-console", "mine", path="/", secure=True)
        return answer

    async def story(front: Front) -> None:
        for _ in range(2):
            _, headers, _ = await front.get(Cookie="__Host-oobctl-console=secret; evil=1", Authorization="Basic eA==")
            assert not {"Set-Cookie", "WWW-Authenticate", "X-Powered-By"} & set(headers)

    played(tmp_path, handler, story)
    assert "Cookie" not in heard[0]
    assert "SESSION=s1" in heard[1]["Cookie"]
    assert all("secret" not in str(one) and "Authorization" not in one and one["X-Token"] == "t1" for one in heard)


def test_its_address_and_its_password_are_in_no_piece_of_a_body(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/javascript"})
        await answer.prepare(request)
        port = request.url.port
        text = f"const a = 'https://127.0.0.1:{port}/x', p = '{PASSWORD}', b = 'wss:\\/\\/127.0.0.1:{port}';" * 50
        for sign in range(0, len(text), 7):
            await answer.write(text[sign : sign + 7].encode())
        return answer

    async def story(front: Front) -> None:
        _, _, body = await front.get()
        assert b"127.0.0.1" not in body
        assert PASSWORD.encode() not in body
        assert body.count(b"'http://c-1.consoles.localhost/x'") == 50

    played(tmp_path, handler, story)


def test_what_comes_packed_is_rewritten_too(tmp_path: Path) -> None:
    content = gzip.compress(b"at 127.0.0.1")
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/html"}

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=content, headers=headers)

    async def story(front: Front) -> None:
        status, told, body = await front.get()
        assert (status, body) == (200, b"at c-1.consoles.localhost")
        assert "Content-Encoding" not in told

    played(tmp_path, handler, story)


def test_a_body_that_breaks_off_does_not_look_whole(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return answer

    async def story(front: Front) -> None:
        with pytest.raises(aiohttp.ClientError):
            await front.get()

    played(tmp_path, handler, story)


def test_garbage_is_answered_with_words_that_name_no_address(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        cast(Any, request.transport).write(b"\x00garbage 127.0.0.1\r\n\r\n")
        request.transport.close()
        return web.Response()

    async def story(front: Front) -> None:
        status, _, body = await front.get()
        assert status == 502
        assert b"127.0.0.1:" not in body.replace(b"http://127.0.0.1:8080", b"")

    played(tmp_path, handler, story)


@pytest.mark.parametrize("name", ["X-A", "Content-Type", "Accept", "X-Requested-With"])
def test_a_header_that_is_long_or_strange_is_not_passed_on(tmp_path: Path, name: str) -> None:
    heard: list[Mapping[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        heard.append(request.headers.copy())
        return web.Response()

    async def story(front: Front) -> None:
        await front.get(**{name: "x" * 2000})
        await front.get(**{name: "é"})

    played(tmp_path, handler, story)
    assert len(heard) == 2
    assert all(one.get(name) in {None, "*/*", "application/octet-stream"} for one in heard)


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    async def story(front: Front) -> None:
        async with front.client.post(f"{front.url}/a", data=b"x" * (2 << 20)) as answer:
            assert answer.status == 413

    played(tmp_path, says(), story)


def test_nothing_goes_through_while_nobody_knows_whether_it_may(tmp_path: Path) -> None:
    async def story(front: Front) -> None:
        front.passes = False
        assert (await front.get())[0] == 503

    played(tmp_path, says("page"), story)


async def echo(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse(protocols=("binary",))
    await socket.prepare(request)
    await socket.send_str(f"you are at 127.0.0.1 with {request.headers.get('Origin')}")
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


def test_a_websocket_carries_both_ways_and_ends_with_its_session(tmp_path: Path) -> None:
    async def story(front: Front) -> None:
        origin = {"Origin": front.session.origin}
        async with front.client.ws_connect(f"{front.url}/ws", headers=origin, protocols=("binary", "evil")) as socket:
            assert socket.protocol == "binary"
            first = await socket.receive_str()
            assert first.startswith("you are at c-1.consoles.localhost with http://c-1.consoles.localhost")
            await socket.send_bytes(b"\x00\x01127.0.0.1")
            assert await socket.receive_bytes() == b"\x00\x01127.0.0.1"  # what is no text stays as it is
            assert (front.session.busy, front.session.messages) == (True, 1)
            front.session.end("It was ended.")
            assert (await socket.receive(5)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
        async with asyncio.timeout(5):
            while front.session.busy:
                await asyncio.sleep(0.01)

    played(tmp_path, echo, story)


def test_a_bmc_that_ends_a_websocket_ends_the_browsers(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close()
        return socket

    async def story(front: Front) -> None:
        async with front.client.ws_connect(f"{front.url}/ws", headers={"Origin": front.session.origin}) as socket:
            assert (await socket.receive(5)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}

    played(tmp_path, handler, story)


def test_a_stream_that_is_under_way_is_cut_off_at_the_end(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"more" * 100)
            await asyncio.sleep(0.01)

    async def story(front: Front) -> None:
        async with front.client.get(f"{front.url}/a") as answer:
            await answer.content.readany()
            front.session.end("It was ended.")
            with pytest.raises(aiohttp.ClientError):
                async with asyncio.timeout(5):
                    await answer.read()

    played(tmp_path, handler, story)


@pytest.mark.parametrize("kind", ["unknown/unknown", "html", "", "application/x-json", "multipart/x-mixed-replace"])
def test_what_a_browser_may_take_for_a_page_is_rewritten_whatever_it_is_called(tmp_path: Path, kind: str) -> None:
    async def story(front: Front) -> None:
        _, _, body = await front.get()
        assert body == b"<html>c-1.consoles.localhost ******"

    content = f"<html>127.0.0.1 {PASSWORD}".encode()
    played(tmp_path, says_bytes(content, {"Content-Type": kind}), story)


@pytest.mark.parametrize(
    ("content", "kind"),
    [("<html>127.0.0.1".encode("utf-16"), "text/html"), ("<html>".encode("utf-16-le"), "text/html; charset=utf-16le")],
)
def test_what_cannot_be_looked_through_is_not_let_through(tmp_path: Path, content: bytes, kind: str) -> None:
    async def story(front: Front) -> None:
        try:
            status, _, body = await front.get()
        except aiohttp.ClientError:
            return
        assert status == 502
        assert content not in body

    played(tmp_path, says_bytes(content, {"Content-Type": kind}), story)


def test_headers_bear_its_address_no_more_than_pages_do(tmp_path: Path) -> None:
    told = {
        "ETag": f'"127.0.0.1 {PASSWORD}"',
        "Content-Language": "127.0.0.1",
        "Content-Type": f'text/html; a="{PASSWORD}"',
    }

    async def story(front: Front) -> None:
        _, headers, _ = await front.get()
        assert "127.0.0.1" not in str(headers)
        assert PASSWORD not in str(headers)
        assert headers["Content-Language"] == "c-1.consoles.localhost"

    played(tmp_path, says_bytes(b"", told), story)


def says_bytes(content: bytes, headers: Mapping[str, str]) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers=headers)

    return answer


@pytest.mark.parametrize("status", [600, 999])
def test_a_status_that_is_none_is_not_passed_on(tmp_path: Path, status: int) -> None:
    async def story(front: Front) -> None:
        assert (await front.get())[0] == 502

    played(tmp_path, says(status=status), story)


def test_much_text_over_a_websocket_holds_nobody_up(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await socket.send_str("127.0.0.1 " * 200_000)
        await socket.send_str("x" * (5 << 20))
        await socket.receive()
        return socket

    async def story(front: Front) -> None:
        longest, going = 0.0, True

        async def watch() -> None:
            nonlocal longest
            loop = asyncio.get_running_loop()
            while going:
                began = loop.time()
                await asyncio.sleep(0.01)
                longest = max(longest, loop.time() - began)

        watching = asyncio.create_task(watch())
        headers = {"Origin": front.session.origin}
        async with front.client.ws_connect(f"{front.url}/ws", headers=headers, max_msg_size=0) as socket:
            text = await socket.receive_str(timeout=20)
            assert text == "c-1.consoles.localhost " * 200_000
            assert (await socket.receive(10)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
        going = False
        await watching
        print(f"longest {longest:.2f} s")

    played(tmp_path, handler, story)


def test_what_is_typed_waits_while_nobody_knows_whether_it_may_pass(tmp_path: Path) -> None:
    async def story(front: Front) -> None:
        origin = {"Origin": front.session.origin}
        async with front.client.ws_connect(f"{front.url}/ws", headers=origin, protocols=("binary",)) as socket:
            await socket.receive_str()
            front.passes = False
            await socket.send_bytes(b"typed")
            await asyncio.sleep(0.5)
            assert front.session.messages == 0
            front.passes = True
            assert await socket.receive_bytes(timeout=5) == b"typed"

    played(tmp_path, echo, story)


def test_a_page_that_needs_a_token_says_so(tmp_path: Path) -> None:
    says_so = "A short-lived BMC token reaches this browser."
    for needs in (True, False):
        page = launch_pages.opening("https://c-1.consoles.example", "/a?t=1", "app01", token_in_browser=needs)
        assert (says_so in (page.text or "")) is needs
