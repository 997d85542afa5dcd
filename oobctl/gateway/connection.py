"""One browser's websocket: its key first, then the stream in binary frames and what is about it in text frames."""

import asyncio
import contextlib
import time
from functools import partial
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from oobctl.consoles import ending, tokens
from oobctl.consoles.lines import Line
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.tokens import Ticket
from oobctl.errors import OobctlError, StoreUnavailable
from oobctl.gateway.entrance import Entrance, Pace, Redeem, client_address, close, end, message_of, websocket
from oobctl.gateway.places import Place, Places

log = structlog.get_logger()

PATH = "/console"
_BREAK_EVERY_SECONDS = 1.0
_TELL_WITHIN_SECONDS = 3.0
_REFUSED_EVERY_SECONDS = 1.0
_LONGEST_WORD = 200  # of somebody who takes over


class Connections:
    """The websocket's handler."""

    def __init__(self, gateway: str, places: Places, site_id: str, entrance: Entrance) -> None:
        self._places, self._entrance = places, entrance
        self._redeem: Redeem[Ticket] = partial(tokens.redeem, gateway=gateway, site_id=site_id)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Whoever has no business here gets an answer of HTTP; all else is said over the websocket."""
        refusal = self._entrance.refusal(request)
        if refusal is not None:
            return refusal
        socket = await websocket(request)
        try:
            ticket = await self._entrance.let_in(request, socket, self._redeem)
        except OobctlError as error:
            await end(socket, error.code, error.message)
            return socket
        if ticket is not None:
            await self._serve(socket, ticket, client_address(request))
        await close(request, socket)
        return socket

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
                    _obey(place, message_of(message.data))
            except BrokenStream as error:
                log.warning("a viewer broke its stream", console=place.ticket.console_id, because=str(error))
                place.seat.end("Your browser sent something that is no console's.")
                return
            except OobctlError as error:
                if time.monotonic() - refused_at > _REFUSED_EVERY_SECONDS:
                    refused_at = time.monotonic()
                    place.seat.tell({"type": "refused", "code": error.code, "because": error.message})


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
        await end(socket, "ended", place.seat.ended or "")
