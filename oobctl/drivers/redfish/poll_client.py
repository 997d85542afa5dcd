"""HTTP to one BMC for the monitor: as http.Client, over the loop; what has not changed is not sent again."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from requests.exceptions import SSLError, TooManyRedirects
from yarl import URL

from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.redfish.aio_tls import check_of
from oobctl.drivers.redfish.conditional import AS_IT_IS, Conditional
from oobctl.drivers.redfish.event_stream import SILENT_SECONDS, RedfishEventStream
from oobctl.drivers.redfish.http import MOST_BYTES, OtherAuthority, OtherCertificate, TooMuch, Wire, authority
from oobctl.drivers.redfish.loop import loop
from oobctl.drivers.redfish.tls import Limit

_KEEPALIVE_SECONDS = 90.0  # longer than a round of the monitor: a TLS handshake costs a BMC a second
_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class PollClient:
    """One connection to one endpoint. From any thread, one request at a time."""

    def __init__(self, endpoint: EndpointAddress, limit: Limit) -> None:
        self._base, self._limit = f"https://{authority(endpoint)}", limit
        self._tls = check_of(endpoint)
        self._headers: dict[str, str] = {}
        self._conditional = Conditional()
        self._session: aiohttp.ClientSession | None = None
        self._stream: RedfishEventStream | None = None

    def set_session_key(self, token: str | None) -> None:
        self._set("X-Auth-Token", token)

    def set_authorization_key(self, basic: str | None) -> None:
        self._set("Authorization", basic)

    def _set(self, name: str, value: str | None) -> None:
        self._headers.pop(name, None)
        if value is not None:
            self._headers[name] = value

    def send(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float, *, follow: bool) -> Wire:
        """As http.Client.send; raises what failed, as aiohttp has it, and http's own exceptions."""
        return loop().result(self._send(method, path, body, headers, timeout, follow=follow and method == "GET"))

    async def _send(
        self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float, *, follow: bool
    ) -> Wire:
        asked = {**self._headers, **headers}
        if method == "GET" and not AS_IT_IS.items() <= headers.items():
            asked |= self._conditional.headers(path)
        try:
            with _tls_failures():
                wire = await self._followed(method, self._base + path, body, asked, timeout, follow)
        except aiohttp.ClientConnectorError:
            self._limit.sent = False
            raise
        if method == "GET":
            wire = Wire(*self._conditional.answer(path, wire.status, wire.headers, wire.body))
        return wire

    async def _followed(
        self, method: str, url: str, body: Any, headers: dict[str, str], timeout: float, follow: bool
    ) -> Wire:
        for _ in range(_MOST_REDIRECTS + 1):
            wire = await self._once(method, url, body, headers, timeout)
            location = wire.headers.get("location")
            if not follow or wire.status not in _REDIRECTS or not location:
                return wire
            url = urljoin(url, location)
            parts = urlsplit(url)
            if f"{parts.scheme}://{parts.netloc}" != self._base:
                raise OtherAuthority(f"{parts.scheme}://{parts.netloc}")
        raise TooManyRedirects(url)

    async def _once(self, method: str, url: str, body: Any, headers: dict[str, str], timeout: float) -> Wire:
        if self._session is None:
            self._session = self._made()
        self._limit.sent = True
        limit = aiohttp.ClientTimeout(total=timeout)
        request = self._session.request(
            method, URL(url, encoded=True), json=body, headers=headers, timeout=limit, allow_redirects=False
        )
        async with request as response:
            content = await _body(response)
            return Wire(response.status, {name.lower(): value for name, value in response.headers.items()}, content)

    def _made(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=1, ssl=self._tls, keepalive_timeout=_KEEPALIVE_SECONDS)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "Accept": "application/json", "OData-Version": "4.0"},
        )

    # --- events

    def stream(self, path: str, seconds: float) -> RedfishEventStream | Wire:
        """Open a stream of events with what authenticates us now, or what was answered in place of one.

        seconds: until it is open. It is closed with `forget`. Raises as `send` does.
        """
        return loop().result(self._opened(path, seconds))

    async def _opened(self, path: str, seconds: float) -> RedfishEventStream | Wire:
        asked = {**self._headers, "Accept": "text/event-stream"}
        client = self._made()
        limit = aiohttp.ClientTimeout(total=None, sock_read=SILENT_SECONDS)
        url = URL(self._base + path, encoded=True)
        try:
            async with asyncio.timeout(seconds):
                with _tls_failures():
                    response = await client.get(url, headers=asked, timeout=limit, allow_redirects=False)
                if response.status != 200 or response.content_type != "text/event-stream":
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    wire = Wire(response.status, headers, await _body(response))
                    await client.close()
                    return wire
            if self._headers.get("X-Auth-Token") != asked.get("X-Auth-Token"):
                raise aiohttp.ClientConnectionError("the session has ended meanwhile")
        except BaseException:
            await client.close()
            raise
        self._end_stream()
        self._stream = RedfishEventStream(client, response, self._base.removeprefix("https://"))
        return self._stream

    def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    # --- the end

    def forget(self) -> None:
        """Close all connections, and keep nothing that authenticates us, nor what it gave."""
        self._headers.clear()
        self._end_stream()
        self._conditional = Conditional()
        self.drop()

    def drop(self) -> None:
        """Close the connection."""
        session, self._session = self._session, None
        if session is not None:
            loop().begin(session.close())


@contextmanager
def _tls_failures() -> Iterator[None]:
    """Those of a connection that is not whom it should be with, in http's words."""
    try:
        yield
    except aiohttp.ServerFingerprintMismatch as error:
        raise OtherCertificate(error.got.hex()) from error
    except (aiohttp.ClientConnectorSSLError, ssl.SSLError) as error:
        raise SSLError(error) from error


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """All of it, up to the limit of size."""
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise TooMuch(f"more than {MOST_BYTES} bytes")
    return b"".join(pieces)
