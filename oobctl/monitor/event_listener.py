"""Where BMCs send their events: an address for each that cannot be guessed; what comes is thrown away unread."""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import secrets
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from oobctl.config import Settings, settings
from oobctl.drivers.redfish.loop import loop
from oobctl.errors import ConfigurationError

log = structlog.get_logger()


def _is_ours(line: logging.LogRecord) -> bool:
    """Not of what is no HTTP: anybody could fill the disk, and a part of an address, a secret, would stand there."""
    return not (line.exc_info and isinstance(line.exc_info[1], HttpProcessingError))


_http_log = logging.getLogger(f"{__name__}.http")
_http_log.addFilter(_is_ours)

PREFIX = "/events"
MOST_BYTES = 64 * 1024
_MOST_AT_ONCE = 256
_MOST_CONNECTIONS = 256  # polls need the process's other sockets; one that sends nothing is closed after _IDLE_SECONDS
_IDLE_SECONDS = 5.0
_BODY_SECONDS = 10.0
_END_SECONDS = 2.0
_EVERYWHERE = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 - compared with, not bound to


class EventListener:
    """Open where the installation says where (OOBCTL_EVENTS_LISTEN). told: called with the BMC's id; must not block."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._guard = threading.Lock()
        self._tokens: dict[str, str] = {}
        self._whose: dict[bytes, tuple[str, str]] = {}  # by a hash, so that how long a look-up takes tells nothing
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._address = ""
        self._at_once = 0

    @property
    def is_open(self) -> bool:
        return self._runner is not None

    def open(self) -> None:
        """Listen. A port that is taken is said, and the monitor goes on without: it polls anyway.

        Raises ConfigurationError where the settings are wrong.
        """
        if not settings().events_listen:
            return
        address, port, tls = _checked(settings())
        self._address = settings().events_address
        try:
            self._runner = loop().result(self._listening(address, port, tls))
        except OSError as error:
            log.error(
                "the monitor cannot listen for events and reads BMCs at their intervals alone: free the port, or set "
                "OOBCTL_EVENTS_LISTEN to another, and start the monitor again",
                listen=settings().events_listen,
                because=error.strerror,
            )

    async def _listening(self, address: str, port: int, tls: ssl.SSLContext | None) -> web.AppRunner:
        service = web.Application(client_max_size=MOST_BYTES)
        service.router.add_post(f"{PREFIX}/{{token}}", self._event)
        # A log of requests would hold the tokens.
        runner = web.AppRunner(
            service,
            access_log=None,
            logger=_http_log,
            keepalive_timeout=_IDLE_SECONDS,
            shutdown_timeout=_END_SECONDS,
        )
        await runner.setup()
        try:
            admitted = partial(_admitted, runner)
            self._server = await asyncio.get_running_loop().create_server(admitted, address, port, ssl=tls)
        except OSError:
            await runner.cleanup()
            raise
        return runner

    def address_of(self, bmc_id: str) -> str | None:
        """Where this BMC is to send its events; None where nothing listens. The address is a secret."""
        if not self.is_open:
            return None
        with self._guard:
            if bmc_id not in self._tokens:
                token = self._tokens[bmc_id] = secrets.token_urlsafe(32)
                self._whose[_hashed(token)] = (token, bmc_id)
            return f"{self._address}{PREFIX}/{self._tokens[bmc_id]}"

    def forget(self, bmc_id: str) -> None:
        """What comes to its address from now on is nobody's."""
        with self._guard:
            token = self._tokens.pop(bmc_id, None)
            if token is not None:
                del self._whose[_hashed(token)]

    def close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            with contextlib.suppress(Exception):
                loop().result(asyncio.wait_for(self._ending(runner), 2 * _END_SECONDS))

    async def _ending(self, runner: web.AppRunner) -> None:
        if self._server is not None:
            self._server.close()
        await runner.cleanup()

    # --- what comes

    async def _event(self, request: web.Request) -> web.StreamResponse:
        bmc_id = self._bmc_of(request.match_info["token"])
        if bmc_id is None:
            return _refused(404)
        if self._at_once >= _MOST_AT_ONCE:
            return _refused(503)
        self._at_once += 1
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                if not await _drained(request):
                    return _refused(413)
        except TimeoutError:
            return _refused(408)
        finally:
            self._at_once -= 1
        self._told(bmc_id)
        return web.Response(status=204)

    def _bmc_of(self, token: str) -> str | None:
        found = self._whose.get(_hashed(token))
        return found[1] if found is not None and hmac.compare_digest(found[0].encode(), token.encode()) else None


class _Closed(asyncio.Protocol):
    """A connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _admitted(runner: web.AppRunner) -> asyncio.Protocol:
    """What serves a new connection."""
    server = runner.server
    return server() if server is not None and len(server.connections) < _MOST_CONNECTIONS else _Closed()


async def _drained(request: web.Request) -> bool:
    """Take the body off the line. False where it is too large."""
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            return False
    return True


def _refused(status: int) -> web.Response:
    """What else comes over that connection is not waited for."""
    answer = web.Response(status=status)
    answer.force_close()
    return answer


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _checked(found: Settings) -> tuple[str, int, ssl.SSLContext | None]:
    """Where to listen, and with what certificate. Raises ConfigurationError."""
    address, _, port = found.events_listen.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConfigurationError(
            f"The monitor cannot listen for events at {found.events_listen!r}: that is no ADDRESS:PORT. Set "
            "OOBCTL_EVENTS_LISTEN."
        )
    if address in _EVERYWHERE and not found.events_url:
        raise ConfigurationError(
            f"The monitor listens for events at {found.events_listen}, which says to no BMC where that is. Set "
            "OOBCTL_EVENTS_URL to the address that they reach."
        )
    return address.strip("[]"), int(port), _certificate(found)


def _certificate(found: Settings) -> ssl.SSLContext | None:
    if found.events_certificate is None:
        return None
    context: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(found.events_certificate, found.events_key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"The certificate of the monitor's listener cannot be used: {error.strerror or error}. Set "
            "OOBCTL_EVENTS_CERTIFICATE and OOBCTL_EVENTS_KEY to PEM files that belong together."
        ) from error
    made: ssl.SSLContext = context
    return made
