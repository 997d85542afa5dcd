"""What a browser asks of a BMC's own console, carried to the BMC and back: as far as its profile lists it."""

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import WSMsgType, web

from oobctl.consoles.launch import headers
from oobctl.consoles.launch.rewriting import is_text, is_wide, names_wide
from oobctl.consoles.words import away_words
from oobctl.errors import BmcBadAnswer, BmcIdentityChanged, OobctlError
from oobctl.gateway import launch_pages
from oobctl.gateway.entrance import Pace
from oobctl.gateway.launch_session import Session

log = structlog.get_logger()

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOWEST, _HIGHEST = 200, 599  # of statuses that end a request
_SLICE = 1 << 16  # bytes that are rewritten at once: nobody else is served meanwhile
_LONGEST_TEXT = 1 << 22
_BODYLESS = frozenset({204, 304})
_PING_SECONDS = 20.0
_LONGEST_MESSAGE = 1 << 20
_LOOK_SECONDS = 0.1


async def carry(request: web.BaseRequest, session: Session, passes: Callable[[], bool]) -> web.StreamResponse:
    """One request of who has the session's cookie. passes: whether it is known now that they may."""
    target, websocket = request.raw_path, _wants_websocket(request)
    if not headers.from_own_page(request.headers, session.origin, websocket=websocket):
        return _refused(session, 403, "Another page asked for this.")
    if not passes():
        return _refused(session, 503, "The panel's database does not answer, so nothing is passed on now. Try again.")
    launched = session.launched
    if not (launched.allows_websocket(target) if websocket else launched.allows(request.method, target)):
        log.info("a part of a BMC was asked for that its profile does not list", path=target.partition("?")[0][:200])
        return _refused(session, 404, "This part of the BMC is not let through.")
    if not session.asked():
        return _refused(session, 503, "Too much is asked for at once.")
    try:
        if websocket:
            return await _websocket(request, session, passes)
        return await _answer(request, session)
    except BmcIdentityChanged as error:
        session.end(away_words(error))
        return _refused(session, 502, away_words(error))
    except OobctlError as error:
        log.info("a BMC's own console did not answer", because=error.message)
        return _refused(session, 502, away_words(error))
    except asyncio.CancelledError:
        if session.ended is None:
            raise
        return _refused(session, 410, session.ended)
    finally:
        session.answered()


def _refused(session: Session, status: int, says: str) -> web.Response:
    return launch_pages.refused(session.origin, status, HTTPStatus(status).phrase, says, session.ticket.console_id)


def _wants_websocket(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


# --- pages ---


async def _answer(request: web.BaseRequest, session: Session) -> web.StreamResponse:
    """Raises BmcError's subclasses."""
    base = session.launched.base if "Origin" in request.headers else None
    content = await request.read() if request.body_exists else None
    sent = headers.to_bmc(request.headers.items(), base)
    async with await session.launched.request(request.method, request.raw_path, sent, content) as answer:
        if not _LOWEST <= answer.status <= _HIGHEST:
            raise BmcBadAnswer(f"The BMC's own console answered {answer.status}, which is none.")
        said = [(name, session.rewriter.whole(value.encode()).decode()) for name, value in _plain(answer)]
        told = headers.to_browser(said, session.origin)
        if names_wide(answer.headers.get("Content-Type")):
            raise BmcBadAnswer("The BMC's own console answered in an encoding that cannot be looked through.")
        if answer.status in _REDIRECTS:
            return web.Response(status=answer.status, headers={**told, "Location": _location(answer, session)})
        if request.method == "HEAD" or answer.status in _BODYLESS:
            return web.Response(status=answer.status, headers=told)
        return await _stream(request, answer, session, told)


def _plain(answer: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers.items() if value.isascii()]


def _location(answer: aiohttp.ClientResponse, session: Session) -> str:
    """Raises BmcBadAnswer where it leads away from the BMC."""
    found = headers.location(answer.headers.get("Location", ""), session.launched.origins)
    if found is None:
        raise BmcBadAnswer("The BMC's own console sends the browser to another host, which is not let through.")
    return session.rewriter.whole(found.encode()).decode()


async def _stream(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, session: Session, told: dict[str, str]
) -> web.StreamResponse:
    """The body, as fast as the browser takes it."""
    response = web.StreamResponse(status=answer.status, headers=told)
    pieces = session.rewriter.piecewise() if is_text(answer.headers.get("Content-Type")) else None
    await response.prepare(request)
    try:
        async for content in answer.content.iter_chunked(_SLICE):
            if pieces is not None and not session.shown and is_wide(content):
                raise BmcBadAnswer("The BMC's own console answered in an encoding that cannot be looked through.")
            passed = pieces.add(content) if pieces is not None else content
            session.shown += len(passed)
            if passed:
                await response.write(passed)
        if pieces is not None:
            await response.write(pieces.end())
        await response.write_eof()
    except (aiohttp.ClientError, OSError, TimeoutError, asyncio.CancelledError):
        if request.transport is not None:
            request.transport.abort()  # half of it must not look whole
        if session.ended is None and (task := asyncio.current_task()) is not None and task.cancelling():
            raise
    return response


# --- websockets ---


async def _websocket(request: web.BaseRequest, session: Session, passes: Callable[[], bool]) -> web.StreamResponse:
    """Raises BmcError's subclasses."""
    offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    protocols = tuple(one for one in offered if one in session.launched.launch.subprotocols)
    bmc = await session.launched.websocket(request.raw_path, protocols)
    try:
        browser = web.WebSocketResponse(
            protocols=(bmc.protocol,) if bmc.protocol else (), max_msg_size=_LONGEST_MESSAGE, compress=False,
            heartbeat=_PING_SECONDS,
        )  # fmt: skip
        await browser.prepare(request)
        to_bmc = asyncio.create_task(_to_bmc(browser, bmc, session, passes))
        to_browser = asyncio.create_task(_to_browser(bmc, browser, session))
        try:
            await asyncio.wait({to_bmc, to_browser}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if session.ended is None:
                raise
        finally:
            to_bmc.cancel()
            to_browser.cancel()
            await asyncio.gather(to_bmc, to_browser, return_exceptions=True)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(3.0):
                    await browser.close()
            if request.transport is not None:
                request.transport.abort()
        return browser
    finally:
        await bmc.close()


async def _to_bmc(
    browser: web.WebSocketResponse,
    bmc: aiohttp.ClientWebSocketResponse,
    session: Session,
    passes: Callable[[], bool],
) -> None:
    pace = Pace()
    async for message in browser:
        if message.type not in {WSMsgType.BINARY, WSMsgType.TEXT}:
            return
        await pace.take(len(message.data))
        while not passes():
            await asyncio.sleep(_LOOK_SECONDS)
        session.typed()
        with contextlib.suppress(ConnectionError):
            await (bmc.send_bytes if message.type is WSMsgType.BINARY else bmc.send_str)(message.data)


async def _to_browser(bmc: aiohttp.ClientWebSocketResponse, browser: web.WebSocketResponse, session: Session) -> None:
    async for message in bmc:
        session.shown += len(message.data) if isinstance(message.data, bytes | str) else 0
        with contextlib.suppress(ConnectionError):
            if message.type is WSMsgType.BINARY:
                await browser.send_bytes(message.data)
            elif message.type is WSMsgType.TEXT and len(message.data) <= _LONGEST_TEXT:
                await browser.send_str(await _rewritten(session, message.data))
            else:
                return


async def _rewritten(session: Session, text: str) -> str:
    content, pieces, found = text.encode("utf-8", "replace"), session.rewriter.piecewise(), []
    for start in range(0, len(content), _SLICE):
        found.append(pieces.add(content[start : start + _SLICE]))
        await asyncio.sleep(0)  # others are served in between
    return b"".join([*found, pieces.end()]).decode("utf-8", "replace")
