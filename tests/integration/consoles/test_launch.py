"""The console in the own web pages of a BMC: opened once with a key, at a host name of its own, alone."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from sqlalchemy import select
from yarl import URL

from oobctl import administer, control
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.consoles.launch import names
from oobctl.constants import SessionPurpose
from oobctl.drivers import dead_sessions
from oobctl.drivers.connect import connect
from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from oobctl.store import AuditRecord, BmcSession, Server, database
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import CUSTOMER, endpoints_of, eventually, free_port
from tests.integration.consoles.conftest import HELLO, Site, run
from tests.profiles import QUICK, write_profiles

LAUNCH: dict[str, Any] = {
    "name": "oem-pages",
    "requests": [
        {
            "method": "POST", "path": "/web/login", "form": {"username": "{user}", "password": "{password}"},
            "take": {"csrf": "json /csrf", "cookie": "cookie WEBSESSION"},
        }
    ],
    "headers": {"X-CSRF-TOKEN": "{csrf}"},
    "pages": ["/web/console?for={server}"],
    "paths": ["/web/console", "/viewer/**"],
    "websockets": ["/viewer/stream"],
    "subprotocols": ["binary"],
    "token_in_browser": False,
    "end": [{"method": "POST", "path": "/web/logout"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def site(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """app01, whose BMC is known by Redfish alone, and shows its screen in its own pages."""
    home = tmp_path_factory.mktemp("launch")
    mend(rack)
    virtual_rack.command(rack.home, "app01", "reset")  # others may have left it in its setup
    url = databases.migrated("sqlite")
    changes = QUICK | {"transports.console_oem": ["redfish"], "consoles.launch": LAUNCH}
    profiles = write_profiles(home / "hwprofiles", changes)
    port = free_port()
    wanted = {"hwprofiles": str(profiles), "launch_listen": f"127.0.0.1:{port}"}
    with Site(guard, home, url, wanted | {"launch_url": f"http://consoles.localhost:{port}"}) as made:
        made.rack = rack
        made.initialise().add_people()
        made.add_server("app01", [one for one in endpoints_of(rack.servers["app01"]) if one.protocol == "redfish"])
        made.start_worker()
        made.enroll()
        made.start_panel()
        made.start_gateway()
        yield made
    databases.drop(url)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


class Browser:
    """One window: it keeps the cookie that it was given, and all that it was sent."""

    def __init__(self, opened: dict[str, Any]) -> None:
        self.console, self.token, self.url = opened["id"], opened["token"], urlsplit(opened["launch"])
        self.origin = f"{self.url.scheme}://{self.url.netloc}"
        self.cookie = ""
        self.sent = bytearray()
        self._client = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def open(self, token: str | None = None) -> int:
        """Post the key, as the panel's page does."""
        host = {"Host": self.url.netloc, "Origin": settings().url}
        form = {"key": self.token if token is None else token}
        async with self._client.post(self._at(self.url.path), data=form, headers=host) as answer:
            self.sent += await answer.read()
            if names.OPEN and "__Host-oobctl-console" in answer.cookies:
                cookie = answer.cookies["__Host-oobctl-console"]
                assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict")
                assert (cookie["path"], cookie["domain"]) == ("/", "")
                self.cookie = f"__Host-oobctl-console={cookie.value}"
            return answer.status

    async def get(self, target: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {"Host": self.url.netloc, "Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"} | named
        async with self._client.get(self._at(target), headers=known, allow_redirects=False) as answer:
            body = await answer.read()
            self.sent += body + str(answer.headers).encode()
            return Answer(answer.status, answer.headers, body.decode("utf-8", "replace"))

    def stream(self, **headers: str) -> Any:
        known = {"Host": self.url.netloc, "Cookie": self.cookie, "Origin": self.origin} | headers
        return self._client.ws_connect(self._at("/viewer/stream"), headers=known, protocols=("binary",))

    def _at(self, target: str) -> URL:
        return URL(f"http://127.0.0.1:{self.url.port}{target}", encoded=True)


def opened(site: Site, who: str = "customer") -> dict[str, Any]:
    return site.opened(who, kind="oem")


def asked(site: Site, path: str) -> list[int | None]:
    """What the BMC's web server answered at a path, each time."""
    log = site.rack.home / "lab" / "app01" / "redfish-requests.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [one["status"] for one in lines if one["path"] == path]


def launches() -> list[BmcSession]:
    with database().read() as session:
        return [row for row in session.scalars(select(BmcSession)) if "oem-pages#" in (row.native_id or "")]


def closed_records() -> list[AuditRecord]:
    with database().read() as session:
        return list(session.scalars(select(AuditRecord).where(AuditRecord.tag == "server:console:closed")))


def test_its_pages_are_had_with_one_key_and_left_without_a_trace_at_the_bmc(site: Site) -> None:
    before = len(asked(site, "/web/logout"))

    async def story() -> None:
        async with Browser(await asyncio.to_thread(opened, site)) as browser:
            assert await browser.open() == 200
            assert b'content="0;url=/web/console?for=app01"' in browser.sent
            begins = await browser.get("/web/console?for=app01")
            assert (begins.status, begins.headers["Location"]) == (302, "/viewer/?from=console")
            page = await browser.get("/viewer/?from=console")
            assert f'src="{browser.origin}/viewer/viewer.js"' in page.body
            assert "Set-Cookie" not in page.headers
            assert f"connect-src 'self' ws://{browser.url.netloc}" in page.headers["Content-Security-Policy"]
            script = (await browser.get("/viewer/viewer.js")).body
            assert rf"ws:\/\/{browser.url.netloc}/viewer/stream" in script
            assert (await browser.get("/viewer/novnc/core/rfb.js")).status == 200
            async with browser.stream() as stream:
                assert (await stream.receive_bytes()) == b"RFB 003.008\n"
                await stream.send_bytes(HELLO[:12])
                assert stream.protocol == "binary"
            assert len(launches()) == 1
            await asyncio.to_thread(control.end_console, site.actor("customer"), browser.console)
            await asyncio.to_thread(eventually, lambda: len(asked(site, "/web/logout")) == before + 1)
            await asyncio.to_thread(eventually, lambda: launches() == [])
            ended = await browser.get("/viewer/")
            assert ended.status == 410
            assert "You ended it." in ended.body

    run(story)
    assert asked(site, "/web/logout")[-1] == 200
    eventually(lambda: closed_records() != [])
    evidence = closed_records()[-1].evidence
    assert evidence is not None
    assert evidence["bytes_shown"] > 1000


def test_neither_the_bmcs_address_nor_a_secret_of_it_reaches_the_browser(site: Site) -> None:
    there = site.rack.servers["app01"].redfish
    assert there is not None

    async def story() -> None:
        async with Browser(await asyncio.to_thread(opened, site)) as browser:
            await browser.open()
            for target in (
                "/web/console",
                "/viewer/",
                "/viewer/viewer.js",
                "/viewer/about",
                "/viewer/nothing",
                "/web/x",
            ):
                await browser.get(target)
            sent = bytes(browser.sent)
            assert browser.url.netloc.encode() in sent
            for hidden in (there.address.encode(), there.password.encode(), b"WEBSESSION", b"csrf"):
                assert hidden not in sent

    run(story)


def test_a_key_opens_once_and_under_its_own_name_alone(site: Site) -> None:
    async def story() -> None:
        first, second = await asyncio.to_thread(opened, site), await asyncio.to_thread(opened, site)
        screen = await asyncio.to_thread(opened, site)
        async with Browser(first) as browser, Browser(second) as other:
            assert await other.open(token=browser.token) == 403  # and it is not used up by that
            assert await browser.open() == 200
            assert await browser.open() == 403
            assert await other.open(token="") == 403
            assert await other.open(token="oob_console_" + "x" * 40) == 403
        async with aiohttp.ClientSession() as client, client.ws_connect(site.gateway_url) as socket:
            await socket.send_json({"token": screen["token"]})  # a screen's place takes no key of these pages
            assert (await socket.receive_json())["code"] == "not_allowed"

    run(story)


def test_the_cookie_is_the_authority_and_each_ones_own(site: Site) -> None:
    async def story() -> None:
        first, second = await asyncio.to_thread(opened, site), await asyncio.to_thread(opened, site, "technician")
        async with Browser(first) as browser, Browser(second) as other:
            assert (await browser.get("/viewer/")).status == 403  # nothing is open there
            await browser.open()
            await other.open()
            assert (await browser.get("/viewer/")).status == 200
            assert (await browser.get("/viewer/", Cookie=other.cookie)).status == 403
            assert (await browser.get("/viewer/", Cookie="")).status == 403
            assert (await browser.get("/viewer/", Cookie="__Host-oobctl-console=")).status == 403
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await browser.stream(Cookie=other.cookie)
            assert refused.value.status == 403

    run(story)


def test_other_names_and_other_pages_are_turned_away(site: Site) -> None:
    async def story() -> None:
        async with Browser(await asyncio.to_thread(opened, site)) as browser:
            await browser.open()
            port, label = browser.url.port, browser.url.netloc.partition(".")[0]
            for host in (
                "127.0.0.1", f"evil.example:{port}", f"{label}.evil.example:{port}", f"consoles.localhost:{port}",
                f"{label}.consoles.localhost", f"{label}.consoles.localhost:1", f"x.{browser.url.netloc}", "",
            ):  # fmt: skip
                assert (await browser.get("/viewer/", Host=host)).status == 421, host
            assert (await browser.get("/viewer/", Sec_Fetch_Site="cross-site")).status == 403
            assert (await browser.get("/viewer/", Sec_Fetch_Site="same-site")).status == 403
            assert (await browser.get("/viewer/", Origin="https://evil.example")).status == 403
            assert (await browser.get("/viewer/", Origin=browser.origin)).status == 200
            for origin in ("https://evil.example", settings().url, "null"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await browser.stream(Origin=origin)
                assert refused.value.status == 403

    run(story)


ESCAPES = [
    "/redfish/v1/Systems", "/web/logout", "/viewer", "/viewer/../redfish/v1", "/viewer/%2e%2e/redfish/v1",
    "/viewer/..%2fredfish/v1", "/viewer/.%2e/redfish/v1", "/viewer/%252e%252e/redfish/v1", "/viewer/..\\redfish",
    "/viewer/..;/redfish/v1", "//127.0.0.1/viewer/", "/viewer//x", "/viewer/%00", "/viewer/a%0d%0aX-A:%20b", "/kvm/0",
    "/viewer/./x", "http://127.0.0.1:1/viewer/", "/VIEWER/", "/viewer/stream/../../redfish/v1",
]  # fmt: skip


@pytest.mark.parametrize("target", ESCAPES)
def test_no_path_leads_out_of_what_the_profile_lists(site: Site, window: "Window", target: str) -> None:
    log = site.rack.home / "lab" / "app01" / "redfish-requests.log"
    before = log.stat().st_size
    assert window.raw(f"GET {target} HTTP/1.1") in {400, 404, 421}
    said = log.read_bytes()[before:].decode()
    assert target.partition("?")[0] not in [json.loads(line)["path"] for line in said.splitlines()]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_no_method_goes_through_that_the_profile_does_not_list(window: "Window", method: str) -> None:
    assert window.raw(f"{method} /viewer/ HTTP/1.1") in {400, 404, 405}


class Window:
    """An open console, asked byte by byte."""

    def __init__(self, browser: Browser) -> None:
        self._port, self._host, self._cookie = browser.url.port, browser.url.netloc, browser.cookie

    def raw(self, line: str) -> int:
        """The status of the answer to a request that begins with this line."""
        request = f"{line}\r\nHost: {self._host}\r\nCookie: {self._cookie}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self._port or 0), 10) as connection:
            connection.sendall(request.encode())
            return int(connection.makefile("rb").readline().split()[1])


@pytest.fixture(scope="module")
def window(site: Site) -> Window:
    found = []

    async def story() -> None:
        async with Browser(opened(site)) as browser:
            assert await browser.open() == 200
            found.append(Window(browser))

    run(story)
    return found[0]


def test_who_loses_the_right_to_it_is_cut_off_within_seconds(site: Site) -> None:
    async def story() -> None:
        async with Browser(await asyncio.to_thread(opened, site)) as browser:
            await browser.open()
            async with browser.stream() as stream:
                await stream.receive_bytes()
                began = time.monotonic()
                await asyncio.to_thread(administer.suspend_account, SYSTEM, CUSTOMER)
                try:
                    while not stream.closed:
                        await stream.receive(timeout=10)
                    assert time.monotonic() - began < 5
                    assert (await browser.get("/viewer/")).status == 410
                finally:
                    await asyncio.to_thread(administer.resume_account, SYSTEM, CUSTOMER)

    run(story)


def test_a_log_out_that_failed_is_made_up_for_and_nobody_forgets_it_meanwhile(site: Site) -> None:
    earlier = {row.id for row in launches()}

    def ours() -> list[BmcSession]:
        return [row for row in launches() if row.id not in earlier]

    async def story() -> None:
        async with Browser(await asyncio.to_thread(opened, site)) as browser:
            await browser.open()
            virtual_rack.inject(site.rack.home, "app01", "bmc-dead")
            await asyncio.to_thread(control.end_console, site.actor("customer"), browser.console)
            await asyncio.to_thread(eventually, lambda: [row.heartbeat <= 0 for row in ours()] == [True])

    try:
        run(story)
    finally:
        virtual_rack.clear(site.rack.home, "app01")
    before = len(asked(site, "/web/logout"))
    bmc = connect(site.servers["app01"], purpose=SessionPurpose.ACT, holder="a test", fence=lambda _seconds: None)
    bmc.identify()  # whoever logs in ends what is left of our sessions in the Redfish service
    bmc.close()
    assert ours() or 200 in asked(site, "/web/logout")[before:]  # a gateway may have been there sooner
    with database().read() as session:
        site_id = session.get_one(Server, site.servers["app01"]).site_id
    dead_sessions.end_launches(site_id)  # as a gateway does each minute
    eventually(lambda: ours() == [])
    assert 200 in asked(site, "/web/logout")[before:]


def test_a_gateway_that_is_killed_leaves_no_session_at_the_bmc(site: Site) -> None:
    before = len(asked(site, "/web/logout"))

    async def story() -> None:
        async with Browser(await asyncio.to_thread(opened, site)) as browser:
            await browser.open()
            assert (await browser.get("/viewer/")).status == 200

    run(story)
    open_there = len(launches())
    assert open_there >= 1
    site.processes[-1].kill()
    began = time.monotonic()
    site.start_gateway()
    eventually(lambda: launches() == [], 30 - (time.monotonic() - began))
    assert asked(site, "/web/logout")[before:].count(200) == open_there
