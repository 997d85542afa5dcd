"""The listener of the names for BMCs' own consoles: what is no request is answered with nothing of it."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

KEEP_ALIVE_SECONDS = 20.0
"""For so long a connection may be there without a whole request."""
_LARGEST_FIELD = 1 << 20  # all cookies that a browser keeps for one site: pages of BMCs set some for all names of it
_BAD = "That is no request that a browser sends here.\n"


class _Handler(RequestHandler):
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp's own words quote the request: a page could read its cookie there."""
        return super().handle_error(request, status, exc, _BAD if message is not None else None)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


def runner_of(handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> web.ServerRunner:
    """One that serves nothing but `handle`, whatever is asked for."""
    kwargs: dict[str, Any] = {"access_log": None, "keepalive_timeout": KEEP_ALIVE_SECONDS}
    server = _Server(handle, max_field_size=_LARGEST_FIELD, **kwargs)
    return web.ServerRunner(server, shutdown_timeout=5.0)
