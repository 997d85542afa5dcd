"""One browser's websocket: its key first, then the stream in binary frames and what is about it in text frames."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import WSMsgType, web

from oobctl.access.cookie import session_cookie
from oobctl.config import settings
from oobctl.consoles import ending, tokens
from oobctl.consoles.lines import Line
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.tokens import Ticket
from oobctl.errors import NotAllowed, OobctlError, StoreUnavailable
from oobctl.gateway.guesses import Guesses
from oobctl.gateway.places import Place, Places

log = structlog.get_logger()

PATH = "/console"
_KEY_WITHIN_SECONDS = 10.0
_PING_SECONDS = 20.0
_MOST_KEYLESS, _MOST_KEYLESS_OF_ONE = 500, 50
_LOOKED_UP_AT_ONCE = 8
_BREAK_EVERY_SECONDS = 1.0
_PORTS = {"http": 80, "https": 443}
_LONGEST_MESSAGE = 1 << 16
_MOST_BYTES, _MOST_MESSAGES = 1 << 18, 1000  # of one browser in a second
_TELL_WITHIN_SECONDS = 3.0
_REFUSED_EVERY_SECONDS = 1.0
_LONGEST_WORD = 200  # of somebody who takes over
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Connections:
    """The websocket's handler."""

    def __init__(self, gateway: str, places: Places, site_id: str) -> None:
        self._gateway, self._places, self._site_id = gateway, places, site_id
        self._guesses = Guesses()
        self._keyless: Counter[str] = Counter()  # that have not brought a key yet, by address
        self._looking_up = asyncio.Semaphore(_LOOKED_UP_AT_ONCE)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """403 for pages that are not the panel's, 429 for who guesses keys; all else is said over the websocket."""
        if not comes_from_panel(request.headers.get("Origin")):
            log.warning("a console was asked for by another page", origin=str(request.headers.get("Origin"))[:200])
            return web.Response(status=403, text="Consoles are opened from the panel's own pages.\n")
        address = client_address(request)
        if self._guesses.too_many(address):
            return web.Response(status=429, text="Too many wrong keys came from your address. Wait a minute.\n")
        if self._keyless.total() >= _MOST_KEYLESS or self._keyless[address] >= _MOST_KEYLESS_OF_ONE:
            return web.Response(status=503, text="Too many consoles are being opened at once. Try again in seconds.\n")
        socket = web.WebSocketResponse(max_msg_size=_LONGEST_MESSAGE, compress=False, heartbeat=_PING_SECONDS)
        await socket.prepare(request)
        try:
            ticket = await self._let_in(request, socket, address)
        except OobctlError as error:
            await _end(socket, error.code, error.message)
            return socket
        if ticket is not None:
            await self._serve(socket, ticket, address)
        await _close(request, socket)
        return socket

    async def _let_in(self, request: web.Request, socket: web.WebSocketResponse, address: str) -> Ticket | None:
        """Raises NotAllowed and what may be wrong with the server. None where the browser went away."""
        self._keyless[address] += 1
        try:
            async with asyncio.timeout(_KEY_WITHIN_SECONDS):
                first = await socket.receive()
        except TimeoutError:
            raise NotAllowed("No key came. Open the console from its page.") from None
        finally:
            self._keyless[address] -= 1
            if not self._keyless[address]:
                del self._keyless[address]
        if first.type is not WSMsgType.TEXT:
            return None
        key, cookie = _message(first.data).get("token"), _cookie(request)
        same_name = urlsplit(settings().url).hostname == urlsplit(settings().gateway_address).hostname
        known = {"gateway": self._gateway, "site_id": self._site_id, "address": address}
        async with self._looking_up:  # those that come at once are counted too
            if self._guesses.too_many(address):
                raise NotAllowed("Too many wrong keys came from your address. Wait a minute.")
            try:
                if not isinstance(key, str) or not key.isascii():
                    raise NotAllowed("That is no key. Open the console from its page.")
                return await asyncio.to_thread(tokens.redeem, key, cookie=cookie, same_name=same_name, **known)
            except NotAllowed:
                self._guesses.add(address)
                raise

    async def _serve(self, socket: web.WebSocketResponse, ticket: Ticket, address: str) -> None:
        """Until the browser goes, or the seat has ended: from then on nothing of theirs is passed on."""
        place = self._places.sit(ticket, address)
        showing = asyncio.create_task(_show(socket, place))
        hearing = asyncio.create_task(self._hear(socket, place))
        over = asyncio.create_task(place.seat.over())
        try:
            await asyncio.wait({showing, hearing, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            because = place.seat.ended
            place.seat.end("The browser left.")
            elsewhere = not self._places.has(place)
            used = self._places.rise(place)
            hearing.cancel()
            over.cancel()
            await asyncio.wait({showing}, timeout=_TELL_WITHIN_SECONDS)  # who takes nothing is not told why
            showing.cancel()
            await asyncio.gather(showing, hearing, over, return_exceptions=True)
            await asyncio.shield(asyncio.to_thread(self._note_end, ticket.console_id, because, used, elsewhere))

    def _note_end(self, *end: Any) -> None:
        try:
            ending.left(*end[:3], elsewhere=end[3])
        except StoreUnavailable as error:
            self._places.to_note.append(end)
            log.warning("the end of a console is noted later", console=end[0], because=error.message)

    async def _hear(self, socket: web.WebSocketResponse, place: Place) -> None:
        """Until the browser goes, or sends what no browser of ours does. Who sends much is heard at a pace."""
        refused_at = float("-inf")
        pace = Pace()
        async for message in socket:
            await pace.take(len(message.data) if isinstance(message.data, bytes | str) else 0)
            if place.seat.ended is not None:
                return
            try:
                if message.type is WSMsgType.BINARY:
                    place.heard(message.data)
                elif message.type is WSMsgType.TEXT:
                    _obey(place, _message(message.data))
            except BrokenStream as error:
                log.warning("a viewer broke its stream", console=place.ticket.console_id, because=str(error))
                place.seat.end("Your browser sent something that is no console's.")
                return
            except OobctlError as error:
                if time.monotonic() - refused_at > _REFUSED_EVERY_SECONDS:
                    refused_at = time.monotonic()
                    place.seat.tell({"type": "refused", "code": error.code, "because": error.message})


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


def _obey(place: Place, message: dict[str, Any]) -> None:
    """Raises NotAllowed, WrongState."""
    line = place.shared if isinstance(place.shared, Line) else None
    match message.get("type"):
        case "take_over":
            place.shared.take_over(place.seat, str(message.get("message", ""))[:_LONGEST_WORD])
        case "break" if line is not None and time.monotonic() - place.break_at > _BREAK_EVERY_SECONDS:
            place.break_at = time.monotonic()
            line.send_break(place.seat)
        case "try" if line is not None and place.seat.has_control:
            line.try_now(deactivate_others=message.get("deactivate_others") is True)


async def _show(socket: web.WebSocketResponse, place: Place) -> None:
    """Until the seat has ended: then the browser is told why."""
    with contextlib.suppress(ConnectionError):
        while (content := await place.seat.next()) is not None:
            if isinstance(content, bytes):
                await socket.send_bytes(content)
            else:
                await socket.send_json(content)
        await _end(socket, "ended", place.seat.ended or "")


async def _end(socket: web.WebSocketResponse, code: str, because: str) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.send_json({"type": "end", "code": code, "because": because})
        await socket.close()


async def _close(request: web.Request, socket: web.WebSocketResponse) -> None:
    """Also of a browser that takes nothing any more."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_TELL_WITHIN_SECONDS):
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


def client_address(request: web.Request) -> str:
    """The browser's, as the one proxy in front of us saw it where there is one."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return (forwarded if settings().behind_proxy and forwarded else request.remote or "")[:64]


def _cookie(request: web.Request) -> str | None:
    """The secret of the panel session that the browser has."""
    with contextlib.suppress(CookieError):
        found = SimpleCookie(request.headers.get("Cookie", "")).get(session_cookie())
        return found.value if found is not None else None
    return None


def _message(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
