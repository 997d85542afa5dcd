"""One log-in at a BMC's web server for somebody's launch of its console: opened, asked through, and ended."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from yarl import URL

from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.launch import filling
from oobctl.drivers.launch.asking import ask
from oobctl.drivers.launch.paths import Paths
from oobctl.drivers.launch_slot import LaunchSlot
from oobctl.drivers.login import Login
from oobctl.drivers.opening import open_checked
from oobctl.drivers.redfish.aio_tls import check_of
from oobctl.drivers.redfish.http import authority as authority_of
from oobctl.drivers.ways import check_alone, launch_login, rows_of
from oobctl.drivers.web_stream import raise_known
from oobctl.errors import (
    BmcAuthFailed,
    BmcBadAnswer,
    BmcError,
    BmcRefused,
    BmcUnreachable,
    NotSupported,
    StoreUnavailable,
)
from oobctl.profiles.launch import Launch

_LOGOUT_SECONDS = 5.0
_PING_SECONDS = 10.0
_LARGEST_MESSAGE = 1 << 24
_CONNECTIONS = 16
_ANSWER_SECONDS = 30.0
_CONNECT_SECONDS = 15.0
_SHORTEST_HIDDEN = 6  # shorter ones stand in any page by chance
_OVER = frozenset({401, 403, 404, 410})  # what a log-out of a session that is no more is answered with


@dataclass
class Launched:
    """A BMC's console that is open for one person. In the event loop that opened it.

    base: the BMC's origin. page: the target where the browser begins, with its fragment. page_cookies: what scripts of
    its page read. hidden: what no browser may
    get to see beside the BMC's address: its password, and where no token may reach the browser, the tokens.
    """

    endpoint: EndpointAddress
    launch: Launch
    page: str = field(repr=False)  # it may have a token in it
    page_cookies: Mapping[str, str] = field(repr=False)
    hidden: tuple[str, ...] = field(repr=False)
    _client: aiohttp.ClientSession
    base: str
    _headers: Mapping[str, str] = field(repr=False)
    _values: dict[str, str] = field(repr=False)
    _slot: LaunchSlot

    def __post_init__(self) -> None:
        self._paths = Paths(self.launch.paths)
        self._websockets = Paths(self.launch.websockets)
        self._first = self.page.partition("#")[0].partition("?")[0]

    @property
    def origins(self) -> tuple[str, ...]:
        """As the BMC may write its own, in small letters."""
        base = self.base.lower()
        return (base, f"https://{authority_of(self.endpoint)}".lower())

    def allows(self, method: str, target: str) -> bool:
        """Whether a browser may ask that of the BMC."""
        begins = target.partition("?")[0] == self._first and method in {"GET", "HEAD"}
        return method in self.launch.methods and (begins or self._paths.allow(target))

    def allows_websocket(self, target: str) -> bool:
        return self._websockets.allow(target)

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes | None
    ) -> aiohttp.ClientResponse:
        """One request of the browser's, which `allows` was asked about. Raises BmcError's subclasses."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._client.request(
                    method, URL(self.base + target, encoded=True), data=content, headers={**headers, **self._headers},
                    allow_redirects=False,
                )  # fmt: skip
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _known(error, self.endpoint, target) from error

    async def websocket(self, target: str, protocols: tuple[str, ...]) -> aiohttp.ClientWebSocketResponse:
        """One of the browser's, which `allows_websocket` was asked about. Raises BmcError's subclasses."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._client.ws_connect(
                    URL(self.base + target, encoded=True), headers={**self._headers, "Origin": self.base},
                    protocols=protocols, max_msg_size=_LARGEST_MESSAGE, compress=0, heartbeat=_PING_SECONDS,
                )  # fmt: skip
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _known(error, self.endpoint, target) from error

    async def close(self) -> None:
        """Log out, and give the slot back. Never raises."""
        left = await asyncio.shield(_leave(self._client, self.endpoint, self.base, self.launch, self._values))
        with suppress(StoreUnavailable):
            await asyncio.to_thread(self._slot.release if left else self._slot.abandon)


async def open_launch(server_id: str, *, holder: str, authority: str) -> Launched:
    """Log in at the console in the BMC's own web pages. authority: HOST[:PORT] that the browser has instead of its.

    Raises as `rfb.open_screen` does.
    """
    await asyncio.to_thread(check_alone, server_id, "console")
    rows = await asyncio.to_thread(rows_of, server_id)
    login, slot = await asyncio.to_thread(launch_login, rows, holder)
    values = _known_before(login, rows.server.name, authority)
    return await open_checked(slot, server_id, holder, lambda: _open(login, slot, values), Launched.close)


def _known_before(login: Login, server: str, authority: str) -> dict[str, str]:
    hostname, _, port = authority.partition(":")
    return {
        "user": login.secret.user, "password": login.secret.password, "server": server, "host": authority,
        "hostname": hostname, "port": port or "443",
    }  # fmt: skip


async def _open(login: Login, slot: LaunchSlot, values: dict[str, str]) -> Launched:
    launch, endpoint = login.profile.consoles.launch, login.endpoint
    assert launch is not None  # ways.launch_login made the login
    before = set(values)
    values |= filling.made(launch)
    base = _base(endpoint)
    client = _client(endpoint)
    try:
        async with asyncio.timeout(login.profile.timeouts.connect + login.profile.timeouts.answer):
            for request in launch.requests:
                await ask(client, endpoint, base, request, values)
            cookies = {name: filling.header(text, values) for name, text in launch.cookies.items()}
            client.cookie_jar.update_cookies(cookies, URL(base))
            headers = {name: filling.header(text, values) for name, text in launch.headers.items()}
            page = await _page(client, base, launch, headers, values)
        await asyncio.to_thread(login.let_in)
        name = f"{launch.name}#{uuid.uuid4().hex[:12]}"  # ours: no BMC lists these sessions for others
        await asyncio.to_thread(slot.opened, name, _kept(client, values, before))
    except BaseException as error:
        let_in = bool(len(client.cookie_jar)) or bool(values.keys() - before - launch.random.keys())
        left = await asyncio.shield(_leave(client, endpoint, base, launch, values))
        if let_in and not left:
            with suppress(StoreUnavailable):
                await asyncio.shield(asyncio.to_thread(slot.abandon))
        if isinstance(error, BmcAuthFailed):
            await asyncio.to_thread(login.refused, error)
        if isinstance(error, aiohttp.ClientError | OSError | TimeoutError):
            raise _known(error, endpoint, launch.name) from error
        raise
    taken = () if launch.token_in_browser else tuple(values[one] for one in values.keys() - before)
    hidden = tuple(one for one in (login.secret.password, *taken) if len(one) >= _SHORTEST_HIDDEN)
    shown = {name: cookies[name] for name in launch.page_cookies}
    return Launched(endpoint, launch, page, shown, hidden, client, base, headers, values, slot)


def _client(endpoint: EndpointAddress) -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)  # unsafe: of addresses, which BMCs have for names
    connector = aiohttp.TCPConnector(ssl=check_of(endpoint), limit=_CONNECTIONS)
    headers = {"Accept-Encoding": "identity"}  # what is rewritten must be read
    limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)  # some answers are streams
    return aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=headers, timeout=limits)


def _base(endpoint: EndpointAddress) -> str:
    """The origin as browsers write it: BMCs compare it with the Host header."""
    return f"https://{authority_of(endpoint)}".removesuffix(":443")


async def _page(
    client: aiohttp.ClientSession, base: str, launch: Launch, headers: Mapping[str, str], values: dict[str, str]
) -> str:
    """The first that is there; what is asked for once alone is not asked here where there is no choice."""
    pages = [filling.target(text, values) for text in launch.pages]
    if len(pages) == 1:
        return pages[0]
    for page in pages:
        url = URL(base + page.partition("#")[0], encoded=True)
        async with client.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status == HTTPStatus.OK:
                return page
    raise BmcBadAnswer(f"The BMC has none of the pages of its console that its profile names ({launch.name}).")


def _kept(client: aiohttp.ClientSession, values: Mapping[str, str], before: set[str]) -> str:
    """What a log-out needs, if this process is killed; sealed before it is written down."""
    cookies = {cookie.key: cookie.value for cookie in client.cookie_jar}
    own = {name: value for name, value in values.items() if name not in before - {"host", "hostname", "port", "server"}}
    return json.dumps({"cookies": cookies, "values": own})


async def end_left(login: Login, kept: str) -> None:
    """Log out what a dead process left. kept: as `_kept` made it.

    Raises BmcError's subclasses where it came to nothing.
    """
    launch, endpoint, content = login.profile.consoles.launch, login.endpoint, json.loads(kept)
    if launch is None:
        raise NotSupported("The profile knows no such console any more.")
    base, client = _base(endpoint), _client(endpoint)
    client.cookie_jar.update_cookies(content["cookies"], URL(base))
    values = {**content["values"], "user": login.secret.user, "password": login.secret.password}
    if not await _leave(client, endpoint, base, launch, values):
        raise BmcUnreachable(f"The web server of the BMC at {endpoint.address} did not take the log-out.")


async def _leave(
    client: aiohttp.ClientSession, endpoint: EndpointAddress, base: str, launch: Launch, values: dict[str, str]
) -> bool:
    """Log out, as far as we are in. Whether nothing is left as far as is known. Never raises."""
    try:
        for name, text in launch.headers.items():
            with suppress(KeyError):  # a log-in that came to nothing may have given a cookie all the same
                client.headers[name] = filling.header(text, values)
        async with asyncio.timeout(_LOGOUT_SECONDS):
            for request in launch.end:
                with suppress(KeyError):
                    await ask(client, endpoint, base, request, values)
    except (BmcAuthFailed, BmcBadAnswer):
        return True  # it is over there
    except BmcRefused as refused:
        return refused.details.get("status") in _OVER
    except (BmcError, aiohttp.ClientError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
    return True


def _known(error: BaseException, endpoint: EndpointAddress, what: str) -> BaseException:
    where = f"The web server of the BMC at {endpoint.address}"
    try:
        raise_known(error, endpoint, what.partition("?")[0])
    except BmcError as known:
        return known
    if isinstance(error, TimeoutError):
        return BmcUnreachable(f"{where} did not answer in time.")
    return BmcUnreachable(f"{where} cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}.")
