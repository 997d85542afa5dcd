"""The one ASGI application: streams natively, everything else through Flask on a bounded pool of threads."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from a2wsgi import WSGIMiddleware

from oobctl.access import identify
from oobctl.config import settings
from oobctl.errors import NotFound, NotSignedIn, OobctlError
from web.app import create_app
from web.bodies import with_body
from web.characters import is_storable
from web.identity import presented
from web.problems import MEDIA_TYPE, Problem, of_error, unexpected
from web.security import is_our_name, security_headers
from web.streams.table import ROUTES, Message, Receive, Route, Scope, Send

log = logging.getLogger("oobctl.web")

THREADS = 16
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Application:
    """Dispatches by path: the routes of the table first, then Flask."""

    def __init__(self, wsgi: Wsgi) -> None:
        middleware: Any = WSGIMiddleware  # its own types of ASGI are narrower than everybody's
        self._flask = middleware(_reading_chunks(wsgi), workers=THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = with_readable_cookies(scope)
            if settings().behind_proxy:
                scope = behind_proxy(scope)
            for route in ROUTES:
                parameters = route.match(scope["path"])
                if parameters is not None and scope["method"] == route.method:
                    await _answer(route, parameters, scope, receive, send)
                    return
            # Before a thread is taken: a few slow senders would have them all.
            scope, receive = await with_body(scope, receive)
        await self._flask(scope, receive, send)


def with_readable_cookies(scope: Scope) -> Scope:
    """The scope without the cookies that are no UTF-8: nobody of ours set them, and Werkzeug fails at them."""
    headers = [(name, _readable(value) if name == b"cookie" else value) for name, value in scope["headers"]]
    return {**scope, "headers": headers}


def _readable(cookies: bytes) -> bytes:
    return b";".join(cookie for cookie in cookies.split(b";") if _is_text(cookie))


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def behind_proxy(scope: Scope) -> Scope:
    """The scope with the address and scheme that the one proxy in front of us saw."""
    headers = dict(scope["headers"])
    changed = dict(scope)
    address = headers.get(b"x-forwarded-for", b"").decode("latin1").rpartition(",")[2].strip()
    scheme = headers.get(b"x-forwarded-proto", b"").decode("latin1").rpartition(",")[2].strip()
    if address:
        changed["client"] = (address[:64], 0)
    if scheme in {"http", "https"}:
        changed["scheme"] = scheme
    return changed


async def _answer(route: Route, parameters: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
    """Run the route. An error before its first byte is answered as a problem; after that the stream just ends."""
    started = False

    async def watched(message: Message) -> None:
        nonlocal started
        started = True
        await send(message)

    try:
        await _check_and_run(route, parameters, scope, receive, watched)
        return
    except OobctlError as error:
        problem = of_error(error, staff=False)
    except (OSError, TimeoutError):
        log.info("the reader of %s went away", scope["path"])
        return
    except Exception:
        problem = unexpected(f"{scope['method']} {scope['path']}")
    if not started:
        await _send_problem(problem, send)


async def _check_and_run(route: Route, parameters: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
    headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
    if not is_our_name(headers.get("host")):
        await _send_problem(Problem(400, "bad_request", "The panel is not known by that name."), send)
        return
    client = scope.get("client")
    brought = presented(lambda name: headers.get(name.lower()), client[0] if client else None)
    if not is_storable(scope["path"]):
        raise NotFound("There is nothing at this address: it has a character that no name has.")
    # A live page that connects again is no sign of its person: the session goes on ageing.
    actor = await asyncio.to_thread(identify, brought, touch=False)
    if actor is None:
        raise NotSignedIn("This needs a bearer token or a signed-in session, and none that is valid came along.")
    await route.handler(scope, receive, send, actor, brought, parameters)


async def _send_problem(problem: Problem, send: Send) -> None:
    headers = {**security_headers(), **problem.headers, "Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": json.dumps(problem.to_json(), default=str).encode()})


def _reading_chunks(wsgi: Wsgi) -> Wsgi:
    """Werkzeug takes a body without Content-Length for empty, unless it is told that the server ends it."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            environ["wsgi.input_terminated"] = True
        return wsgi(environ, start_response)

    return application


app = Application(create_app().wsgi_app)
