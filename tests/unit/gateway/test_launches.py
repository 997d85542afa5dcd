"""Who is let in at BMCs' own consoles, and how many at once."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from oobctl import profiles
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.consoles import tokens
from oobctl.consoles.launch import names
from oobctl.consoles.tokens import Ticket
from oobctl.constants import ConsoleKind, ConsoleMode, Protocol
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.errors import NotAllowed, WrongServer
from oobctl.gateway import launch_session, launches
from oobctl.gateway.entrance import Entrance
from oobctl.gateway.launch_session import COOKIE, Session
from oobctl.gateway.launches import Launches
from oobctl.gateway.listener import runner_of

URL = "http://consoles.localhost:1"
FORM = "application/x-www-form-urlencoded"


class Gateway:
    """Its listener. The keys that open something, and how long a log-in at the BMC takes, are the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys: dict[str, str] = {}  # the console of each
        self.takes = 0.0
        self.opened: list[Any] = []
        self.ends: list[Any] = []
        monkeypatch.setattr(tokens, "redeem", self._redeem)
        monkeypatch.setattr(launches, "open_launch", self._open)
        self.launches = Launches("gateway-1", "site", URL, Entrance(), lambda: True, self.ends.append)
        self._address = ("", 0)

    def _redeem(self, key: str, **_more: Any) -> Ticket:
        if key not in self.keys:
            raise NotAllowed("There is no such key.")
        limits = profiles.find("generic-redfish").consoles
        kind, mode = ConsoleKind.OEM, ConsoleMode.CONTROL
        return Ticket(self.keys[key], "server", "app01", None, kind, mode, SYSTEM, None, limits)

    async def _open(self, _server: str, **_more: Any) -> Any:
        await asyncio.sleep(self.takes)
        endpoint = EndpointAddress("endpoint", "bmc", Protocol.REDFISH, "127.0.0.1", 443, None, None, None)

        async def close() -> None:
            self.opened.remove(found)

        launch = SimpleNamespace(token_in_browser=False)
        found = SimpleNamespace(
            endpoint=endpoint, page="/a", page_cookies={"shown": "s1"}, hidden=(), launch=launch, close=close
        )
        self.opened.append(found)
        return found

    def played(self, story: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            runner = runner_of(self.launches.handle)
            await runner.setup()
            site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self._address = runner.addresses[0][:2]
            try:
                async with asyncio.timeout(30):
                    await story()
            finally:
                await self.launches.close()
                await runner.cleanup()

        asyncio.run(run())

    async def post(self, key: str, body: bytes | None = None, kind: str = FORM) -> int:
        sent = f"key={key}".encode() if body is None else body
        headers = {"Host": names.origin_of(URL, names.label_of(key)).partition("://")[2], "Content-Type": kind}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
            url = f"http://{self._address[0]}:{self._address[1]}{names.OPEN}"
            async with client.post(url, data=sent, headers={**headers, "Cookie": "a=b; c=d"}) as answer:
                self.answer = answer
                return answer.status

    @property
    def going_on(self) -> list[Session]:
        return list(self.launches)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(monkeypatch)


def test_keys_of_one_console_that_come_at_once_open_one(gateway: Gateway) -> None:
    gateway.keys = {f"key{number}": "console" for number in range(4)}
    gateway.takes = 0.3

    async def story() -> None:
        assert await asyncio.gather(*(gateway.post(key) for key in gateway.keys)) == [200] * 4
        await asyncio.sleep(0.1)
        assert len(gateway.going_on) == len(gateway.opened) == 1
        assert [elsewhere for _, _, _, elsewhere in gateway.ends] == [True] * 3

    gateway.played(story)


def test_one_person_has_two_visits_at_a_server_at_most(gateway: Gateway) -> None:
    gateway.keys = {f"key{number}": f"console{number}" for number in range(4)}
    under_way = []

    async def websocket(session: Session) -> None:
        session.asked()
        await asyncio.sleep(60)

    async def story() -> None:
        for key in gateway.keys:
            await gateway.post(key)
            under_way.append(asyncio.create_task(websocket(gateway.going_on[-1])))
            await asyncio.sleep(0.05)
        assert [session.ticket.console_id for session in gateway.going_on] == ["console2", "console3"]

    gateway.played(story)


def test_one_that_was_left_makes_room(gateway: Gateway) -> None:
    gateway.keys = {"key1": "console1", "key2": "console2"}

    async def story() -> None:
        for key in gateway.keys:
            await gateway.post(key)
        await asyncio.sleep(0.1)
        assert [session.ticket.console_id for session in gateway.going_on] == ["console2"]

    gateway.played(story)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"key=%ff%fe", f"{FORM}; charset=utf-16"),
        (b"key=%C3%A9", FORM),
        (b"\xff\xfe", f"{FORM}; charset=foo"),
        (b"key=wrong", "text/plain"),
        (b"--x", "multipart/form-data"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"key=" + b"x" * 5000, FORM),
        (b"a=b&" * 50, FORM),
    ],
)
def test_what_is_no_key_is_refused_in_words_and_counted(gateway: Gateway, body: bytes, kind: str) -> None:
    async def story() -> None:
        for _ in range(20):
            assert await gateway.post("key", body, kind) == 403
        assert await gateway.post("key") == 429

    gateway.played(story)


def test_a_key_that_never_comes_is_not_waited_for(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launches, "_KEY_WITHIN_SECONDS", 0.2)
    host = names.origin_of(URL, names.label_of("key")).partition("://")[2]
    head = f"POST {names.OPEN} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nkey="

    async def story() -> None:
        reader, writer = await asyncio.open_connection(*gateway._address)
        writer.write(head.encode())
        assert b"403" in await reader.readline()
        writer.close()

    gateway.played(story)


def test_cookies_that_a_page_set_for_all_names_are_put_away(gateway: Gateway) -> None:
    gateway.keys = {"key1": "console1"}

    async def story() -> None:
        assert await gateway.post("key1") == 200
        cookies = gateway.answer.cookies
        for name in ("a", "c"):
            assert (cookies[name]["max-age"], cookies[name]["domain"]) == ("0", "consoles.localhost")
        assert (cookies[COOKIE]["domain"], cookies[COOKIE]["samesite"]) == ("", "Strict")

    gateway.played(story)


@pytest.mark.parametrize(("binds", "opens"), [(False, True), (True, False)])
def test_where_consoles_are_bound_to_an_address_the_cookie_is_too(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, binds: bool, opens: bool
) -> None:
    monkeypatch.setattr(settings(), "console_bind_address", binds)
    gateway.keys = {"key1": "console1"}

    async def story() -> None:
        await gateway.post("key1")
        (session,) = gateway.going_on
        assert session.opens_for(session.cookie, "127.0.0.1")
        assert session.opens_for(session.cookie, "198.51.100.9") is opens

    gateway.played(story)


def test_what_is_closed_is_ended_after_a_while(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.keys = {"key1": "console1"}

    async def story() -> None:
        await gateway.post("key1")
        (session,) = gateway.going_on
        gateway.launches.tidy()
        assert gateway.going_on == [session]
        assert not session.closed.is_set()
        monkeypatch.setattr(launch_session, "_LEFT_AFTER_SECONDS", 0.0)
        gateway.launches.tidy()
        assert session.ended == "Its page was closed."
        await asyncio.wait_for(session.closed.wait(), 5)
        assert gateway.opened == []

    gateway.played(story)


def test_who_asks_for_too_much_at_once_waits(gateway: Gateway) -> None:
    gateway.keys = {"key1": "console1"}

    async def story() -> None:
        await gateway.post("key1")
        (session,) = gateway.going_on

        async def request() -> bool:
            taken = session.asked()
            await asyncio.sleep(0.2)
            return taken

        taken = await asyncio.gather(*(request() for _ in range(70)))
        assert sum(taken) == 64
        assert session.asked()  # they are through
        session.answered()

    gateway.played(story)


def test_one_that_opens_while_the_gateway_stops_is_logged_out(gateway: Gateway) -> None:
    gateway.keys, gateway.takes = {"key1": "console1"}, 0.3

    async def story() -> None:
        opening = asyncio.create_task(gateway.post("key1"))
        await asyncio.sleep(0.1)
        await gateway.launches.close()
        assert await opening == 502
        assert gateway.opened == []
        assert [end[1] for end in gateway.ends] == ["The gateway is being stopped. Open the console again in a minute."]

    gateway.played(story)


def test_another_server_that_answers_is_quarantined(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.keys = {"key1": "console1"}
    told: list[str] = []

    async def other(_server: str, **_more: Any) -> Any:
        raise WrongServer("It is another one.")

    monkeypatch.setattr(launches, "open_launch", other)
    monkeypatch.setattr(launches, "quarantine", lambda server, _error: told.append(server))

    async def story() -> None:
        assert await gateway.post("key1") == 502
        assert told == ["server"]

    gateway.played(story)


def test_what_its_page_reads_it_gets_as_a_cookie_that_scripts_see(gateway: Gateway) -> None:
    gateway.keys = {"key1": "console1"}

    async def story() -> None:
        await gateway.post("key1")
        cookie = gateway.answer.cookies["shown"]
        assert (cookie.value, cookie["httponly"], cookie["domain"], cookie["secure"]) == ("s1", "", "", True)

    gateway.played(story)
