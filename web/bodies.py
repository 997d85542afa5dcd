"""Bodies of requests, read on the event loop: a client that is slow to send one holds no thread meanwhile."""

import asyncio
from http import HTTPStatus
from typing import Any

from web.security import MOST_BODY_BYTES
from web.streams.table import Message, Receive, Scope

BODY_SECONDS = 10.0
"""For the whole body, however it trickles in. It is no longer than a form or a small JSON document."""

_REFUSED = "oobctl.body_refused"


class _BodyRefused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


async def with_body(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """The request with its body in memory. Where that is too large or does not come: without one, marked as refused."""
    try:
        if _announced(scope) > MOST_BODY_BYTES:
            raise _BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = await asyncio.wait_for(_whole(receive), BODY_SECONDS)
    except _BodyRefused as refused:
        return {**scope, _REFUSED: refused.status}, _holding(b"", receive)
    except TimeoutError:
        return {**scope, _REFUSED: HTTPStatus.REQUEST_TIMEOUT}, _holding(b"", receive)
    return scope, _holding(body, receive)


def refusal(environ: dict[str, Any]) -> HTTPStatus | None:
    """Why the body of a request is not there, or None where it is: 408 or 413."""
    status: HTTPStatus | None = environ.get("asgi.scope", {}).get(_REFUSED)
    return status


async def _whole(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the connection ended before the body did
            raise _BodyRefused(HTTPStatus.REQUEST_TIMEOUT)
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            raise _BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not message.get("more_body", False):
            return bytes(body)


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


def _holding(body: bytes, receive: Receive) -> Receive:
    """Hands out the body once; what comes after it is the connection's."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def held() -> Message:
        return left.pop() if left else await receive()

    return held
