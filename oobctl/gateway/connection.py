"""One browser's websocket: its key first, then the stream in binary frames and what is about it in text frames."""

import asyncio
import contextlib
import json
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
_LONGEST_MESSAGE = 1 << 20
_LONGEST_WORD = 200  # of somebody who takes over
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Connections:
    """The websocket's handler."""

    def __init__(self, gateway: str, places: Places) -> None:
        self._gateway, self._places = gateway, places
        self._guesses = Guesses()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """403 for pages that are not the panel's, 429 for who guesses keys; all else is said over the websocket."""
        if not comes_from_panel(request.headers.get("Origin")):
            log.warning("a console was asked for by another page", origin=str(request.headers.get("Origin"))[:200])
            return web.Response(status=403, text="Consoles are opened from the panel's own pages.\n")
        address = client_address(request)
        if self._guesses.too_many(address):
            return web.Response(status=429, text="Too many wrong keys came from your address. Wait a minute.\n")
        socket = web.WebSocketResponse(max_msg_size=_LONGEST_MESSAGE, compress=False, heartbeat=_PING_SECONDS)
        await socket.prepare(request)
        try:
            ticket = await self._let_in(request, socket, address)
        except OobctlError as error:
            await _end(socket, error.code, error.message)
            return socket
        if ticket is not None:
            await self._serve(socket, ticket, address)
        return socket

    async def _let_in(self, request: web.Request, socket: web.WebSocketResponse, address: str) -> Ticket | None:
        """Raises NotAllowed and what may be wrong with the server. None where the browser went away."""
        try:
            first = await socket.receive(_KEY_WITHIN_SECONDS)
        except TimeoutError:
            raise NotAllowed("No key came. Open the console from its page.") from None
        if first.type is not WSMsgType.TEXT:
            return None
        key = _message(first.data).get("token")
        cookie = _cookie(request)
        same_name = urlsplit(settings().url).hostname == urlsplit(settings().gateway_address).hostname
        try:
            return await asyncio.to_thread(
                tokens.redeem, str(key), gateway=self._gateway, cookie=cookie, same_name=same_name, address=address
            )
        except NotAllowed:
            self._guesses.add(address)
            raise

    async def _serve(self, socket: web.WebSocketResponse, ticket: Ticket, address: str) -> None:
        place = self._places.sit(ticket, address)
        showing = asyncio.create_task(_show(socket, place))
        hearing = asyncio.create_task(self._hear(socket, place))
        try:
            await asyncio.wait({showing, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            because = place.seat.ended
            place.seat.end("The browser left.")
            used = self._places.rise(place)
            hearing.cancel()
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(asyncio.gather(showing, hearing, return_exceptions=True), 5.0)
            if used is not None:
                await asyncio.shield(asyncio.to_thread(_note_end, ticket.console_id, because, used))
            await socket.close()

    async def _hear(self, socket: web.WebSocketResponse, place: Place) -> None:
        """Until the browser goes, or sends what no browser of ours does."""
        async for message in socket:
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
                place.seat.tell({"type": "refused", "code": error.code, "because": error.message})


def _obey(place: Place, message: dict[str, Any]) -> None:
    """Raises NotAllowed, WrongState."""
    line = place.shared if isinstance(place.shared, Line) else None
    match message.get("type"):
        case "take_over":
            place.shared.take_over(place.seat, str(message.get("message", ""))[:_LONGEST_WORD])
        case "break" if line is not None:
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


def _note_end(console_id: str, because: str | None, used: ending.Used) -> None:
    try:
        ending.left(console_id, because, used)
    except StoreUnavailable as error:
        log.warning("the end of a console is noted later", console=console_id, because=error.message)


def comes_from_panel(origin: str | None) -> bool:
    """Whether a page of the panel's asks; programs, which name no page, bring a key all the same."""
    if origin is None:
        return True
    panel, page = urlsplit(settings().url), urlsplit(origin)
    if (page.scheme, page.port) != (panel.scheme, panel.port):
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
