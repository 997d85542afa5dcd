"""What is no request, or no whole one, at the names of BMCs' own consoles."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from aiohttp import web

from oobctl.gateway import listener

Ask = Callable[[bytes], Awaitable[bytes]]


def served(story: Callable[[Ask], Awaitable[None]]) -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=f"{len(request.headers.get('Cookie', ''))} signs of cookies")

    async def run() -> None:
        runner = listener.runner_of(handle)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()

        async def ask(content: bytes) -> bytes:
            reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
            writer.write(content)
            found = b""
            with suppress(ConnectionResetError):  # what is left of a request is not read
                while piece := await reader.read(1 << 16):
                    found += piece
            writer.close()
            return found

        try:
            async with asyncio.timeout(20):
                await story(ask)
        finally:
            await runner.cleanup()

    asyncio.run(run())


def request(cookies: int) -> bytes:
    value = b"__Host-oobctl-console=secret; b=" + b"x" * cookies
    return b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: " + value + b"\r\n\r\n"


def test_all_cookies_that_a_page_can_set_keep_nobody_out() -> None:
    async def story(ask: Ask) -> None:
        assert b"signs of cookies" in await ask(request(700_000))

    served(story)


@pytest.mark.parametrize("content", [request(3_000_000), b"GET / HTTP/1.1\r\nCookie secret\r\n\r\n", b"secret\r\n\r\n"])
def test_nothing_of_a_request_is_quoted_in_its_refusal(content: bytes) -> None:
    async def story(ask: Ask) -> None:
        answer = await ask(content)
        assert not answer or answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
        assert b"secret" not in answer

    served(story)


@pytest.mark.parametrize("content", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_who_sends_no_whole_request_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 0.3)

    async def story(ask: Ask) -> None:
        await ask(content)  # it comes back: the connection was closed

    served(story)
