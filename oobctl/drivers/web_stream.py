"""The BMC's own web server (OpenBMC's bmcweb, and who builds on it): a log-in with cookies, and websockets after it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.login import Login
from oobctl.drivers.redfish.aio_tls import check_of
from oobctl.drivers.redfish.http import authority
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcIdentityChanged, BmcRefused
from oobctl.profiles.model import WebsocketConsole

LOGOUT_SECONDS = 3.0
_PING_SECONDS = 10.0  # a BMC that answers none for half of that is gone
_LARGEST_MESSAGE = 1 << 26  # a picture of the largest screen that is usual
_AUTH_STATUS = frozenset({401, 403})


@dataclass
class WebStream:
    """An open websocket. In the event loop that opened it."""

    socket: aiohttp.ClientWebSocketResponse
    _client: aiohttp.ClientSession
    _logout: str
    _headers: dict[str, str] = field(repr=False)

    async def leave(self) -> None:
        """Log out. Never raises: what cannot be ended now ends by itself at the BMC."""
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(LOGOUT_SECONDS):
                await self.socket.close()
        await asyncio.shield(_leave(self._client, self._logout, self._headers))


async def open_stream(login: Login, path: str) -> WebStream:
    """Log in, and open the websocket at that path.

    Raises BmcAuthFailed, BmcIdentityChanged, BmcRefused, BmcBadAnswer, and OSError (also of TLS).
    """
    ways, endpoint = login.profile.consoles.websocket, login.endpoint
    assert ways is not None  # else there is no such way
    base = f"https://{authority(endpoint)}"
    connector = aiohttp.TCPConnector(ssl=check_of(endpoint))
    client = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    headers: dict[str, str] = {}
    try:
        token = await _log_in(client, base, ways, login, headers)
        socket = await client.ws_connect(
            URL(base + path, encoded=True), headers=headers, protocols=(token,), max_msg_size=_LARGEST_MESSAGE,
            compress=0, heartbeat=_PING_SECONDS,
        )  # fmt: skip
    except BaseException as error:
        await asyncio.shield(_leave(client, base + ways.logout, headers))
        raise_known(error, endpoint, path)
        raise
    return WebStream(socket, client, base + ways.logout, headers)


async def _log_in(
    client: aiohttp.ClientSession, base: str, ways: WebsocketConsole, login: Login, headers: dict[str, str]
) -> str:
    """Fills in the headers that let us in from then on; returns the token."""
    where = login.endpoint.address
    body = {"data": [login.secret.user, login.secret.password]}
    async with client.post(URL(base + ways.login, encoded=True), json=body, allow_redirects=False) as answer:
        if answer.status in _AUTH_STATUS:
            raise BmcAuthFailed(f"The web server of the BMC at {where} refused the user or the password.")
        if answer.status >= 300:
            raise BmcRefused(f"The web server of the BMC at {where} let nobody in: it answered {answer.status}.")
        cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
    session, token = cookies.get(ways.session_cookie), cookies.get(ways.token_cookie)
    if not session or not token:
        raise BmcBadAnswer(
            f"The web server of the BMC at {where} let us in without the cookies {ways.session_cookie} and "
            f"{ways.token_cookie}. Its profile fits another firmware."
        )
    headers["Cookie"] = f"{ways.session_cookie}={session}; {ways.token_cookie}={token}"
    headers[ways.token_header] = token
    return token


async def _leave(client: aiohttp.ClientSession, logout: str, headers: dict[str, str]) -> None:
    """Log out, where we are in. Never raises: what cannot be ended now ends by itself at the BMC."""
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        if headers:
            limit = aiohttp.ClientTimeout(total=LOGOUT_SECONDS)
            url = URL(logout, encoded=True)
            async with client.post(url, json={"data": []}, headers=headers, timeout=limit, allow_redirects=False):
                pass
    await client.close()


def raise_known(error: BaseException, endpoint: EndpointAddress, path: str) -> None:
    """As the errors that who opens a console knows; the others stay as they are."""
    where = f"The web server of the BMC at {endpoint.address}"
    match error:
        case aiohttp.ServerFingerprintMismatch():
            raise BmcIdentityChanged(
                f"{where} presents another certificate (SHA-256 {error.got.hex()}) than the one that was confirmed. "
                "Nothing was sent. Confirm the new one if it is right."
            ) from error
        case aiohttp.WSServerHandshakeError() if error.status in _AUTH_STATUS:
            raise BmcRefused(f"{where} let us in, and not to {path}: the user may lack the right to it.") from error
        case aiohttp.WSServerHandshakeError():
            raise BmcRefused(
                f"{where} has nothing at {path} now: it answered {error.status}. All its places may be taken."
            ) from error
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            raise BmcBadAnswer(f"{where} did not present the certificate that it has to.") from error
        case aiohttp.ClientError() if not isinstance(error, OSError):
            raise BmcBadAnswer(f"{where} did not answer as a web server does: {error}.") from error
