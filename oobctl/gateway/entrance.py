"""How a browser gets in: from the panel's own page, with a key as its first message; guessers are not listened to."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import structlog
from aiohttp import WSMsgType, web

from oobctl.access.cookie import session_cookie
from oobctl.config import settings
from oobctl.errors import NotAllowed
from oobctl.gateway.guesses import Guesses, guesser

log = structlog.get_logger()

T = TypeVar("T", covariant=True)  # what a key opens

_KEY_WITHIN_SECONDS = 10.0
_PING_SECONDS = 20.0
_MOST_KEYLESS, _MOST_KEYLESS_OF_ONE = 500, 50
_LOOKED_UP_AT_ONCE = 8
_PORTS = {"http": 80, "https": 443}
_LONGEST_MESSAGE = 1 << 16
_MOST_BYTES, _MOST_MESSAGES = 1 << 18, 1000  # of one browser in a second
_CLOSE_WITHIN_SECONDS = 3.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Redeem(Protocol[T]):
    """consoles.tokens.redeem, for one gateway. Raises NotAllowed and what may be wrong with what it opens."""

    def __call__(self, key: str, *, cookie: str | None, same_name: bool, address: str) -> T: ...


class Entrance:
    """One for all that the gateway opens: keys are guessed at all of it together."""

    def __init__(self) -> None:
        self._guesses = Guesses()
        self._keyless: Counter[str] = Counter()  # that have not brought a key yet, by address
        self._looking_up = asyncio.Semaphore(_LOOKED_UP_AT_ONCE)

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        """403 for pages that are not the panel's, 429 for who guesses keys, 503 where too many come."""
        if not comes_from_panel(request.headers.get("Origin")):
            log.warning("a console was asked for by another page", origin=str(request.headers.get("Origin"))[:200])
            return web.Response(status=403, text="Consoles are opened from the panel's own pages.\n")
        address = client_address(request)
        if self._guesses.too_many(address):
            return web.Response(status=429, text="Too many wrong keys came from your address. Wait a minute.\n")
        if self._keyless.total() >= _MOST_KEYLESS or self._keyless[guesser(address)] >= _MOST_KEYLESS_OF_ONE:
            return web.Response(status=503, text="Too many consoles are being opened at once. Try again in seconds.\n")
        return None

    async def let_in(self, request: web.Request, socket: web.WebSocketResponse, redeem: Redeem[T]) -> T | None:
        """What the key opens. None where the browser went away. Raises NotAllowed, and what `redeem` raises."""
        address = client_address(request)
        first = await self._first(socket, address)
        if first is None:
            return None
        key, cookie = message_of(first).get("token"), _cookie(request)
        same_name = urlsplit(settings().url).hostname == urlsplit(settings().gateway_address).hostname
        return await self.open_with(key, cookie, address, redeem, same_name=same_name)

    async def open_with(
        self, key: object, cookie: str | None, address: str, redeem: Redeem[T], *, same_name: bool = False
    ) -> T:
        """What a key opens. Raises NotAllowed, and what `redeem` raises."""
        async with self._looking_up:  # those that come at once are counted too
            if self._guesses.too_many(address):
                raise NotAllowed("Too many wrong keys came from your address. Wait a minute.")
            try:
                if not isinstance(key, str) or not key.isascii():
                    raise NotAllowed("That is no key. Open the console from its page.")
                return await asyncio.to_thread(redeem, key, cookie=cookie, same_name=same_name, address=address)
            except NotAllowed:
                self._guesses.add(address)
                raise

    @contextlib.contextmanager
    def without_key(self, address: str) -> Iterator[None]:
        """Somebody is there who has not brought a key yet: `refusal` counts them."""
        here = guesser(address)
        self._keyless[here] += 1
        try:
            yield
        finally:
            self._keyless[here] -= 1
            if not self._keyless[here]:
                del self._keyless[here]

    async def _first(self, socket: web.WebSocketResponse, address: str) -> str | None:
        with self.without_key(address):
            try:
                async with asyncio.timeout(_KEY_WITHIN_SECONDS):
                    first = await socket.receive()
            except TimeoutError:
                raise NotAllowed("No key came. Open the console from its page.") from None
        return first.data if first.type is WSMsgType.TEXT else None


class Pace:
    """How fast one browser is heard: so many bytes and messages a second. What is more waits, and so it does."""

    def __init__(self) -> None:
        self._since, self._bytes, self._messages = time.monotonic(), 0, 0

    async def take(self, size: int) -> None:
        self._bytes += size
        self._messages += 1
        if self._bytes <= _MOST_BYTES and self._messages <= _MOST_MESSAGES:
            return
        await asyncio.sleep(max(0.0, self._since + 1.0 - time.monotonic()))
        self._since, self._bytes, self._messages = time.monotonic(), 0, 0


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """The browser's, ready."""
    socket = web.WebSocketResponse(max_msg_size=_LONGEST_MESSAGE, compress=False, heartbeat=_PING_SECONDS)
    await socket.prepare(request)
    return socket


async def end(socket: web.WebSocketResponse, code: str, because: str) -> None:
    """Tell the browser why it is over."""
    with contextlib.suppress(ConnectionError):
        await socket.send_json({"type": "end", "code": code, "because": because})
        await socket.close()


async def close(request: web.Request, socket: web.WebSocketResponse) -> None:
    """Also of a browser that takes nothing any more."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_CLOSE_WITHIN_SECONDS):
            await socket.close()
    if request.transport is not None:
        request.transport.abort()


def comes_from_panel(origin: str | None) -> bool:
    """Whether a page of the panel's asks; programs, which name no page, bring a key all the same."""
    if origin is None:
        return True
    panel, page = urlsplit(settings().url), urlsplit(origin)
    try:
        here, there = (page.port or _PORTS.get(page.scheme)), (panel.port or _PORTS.get(panel.scheme))
        if (page.scheme, here) != (panel.scheme, there):
            return False
    except ValueError:  # a port that is none
        return False
    same = page.hostname == panel.hostname
    return same or (page.hostname in _LOOPBACK and panel.hostname in _LOOPBACK)


def client_address(request: web.BaseRequest) -> str:
    """The browser's, as the one proxy in front of us saw it where there is one."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return (forwarded if settings().behind_proxy and forwarded else request.remote or "")[:64]


def message_of(text: str) -> dict[str, Any]:
    """A message of the browser's; empty where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _cookie(request: web.Request) -> str | None:
    """The secret of the panel session that the browser has."""
    with contextlib.suppress(CookieError):
        found = SimpleCookie(request.headers.get("Cookie", "")).get(session_cookie())
        return found.value if found is not None else None
    return None
