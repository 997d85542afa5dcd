"""Each maker's launch against a web server that answers as that maker's is said to: what it is asked, what comes of it.

None of these was tried on hardware: the answers are what documents, captured trees and others' programs tell.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from oobctl import profiles
from oobctl.drivers.launch import Launched, session
from oobctl.drivers.login import Login
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcIdentityChanged, BmcRefused
from oobctl.vault import Secret
from tests.webserver import served

USER, PASSWORD = "admin", 'pass"<&{w}'
AUTHORITY = "c-1.consoles.example:8443"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
Said = str | tuple[int, str] | Callable[[web.Request, str], web.Response]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: str
    headers: Mapping[str, str]


class Bmc:
    """What it says, by method and path; anything else is not there."""

    def __init__(self, said: Mapping[str, Said]) -> None:
        self.said = dict(said)
        self.asked: list[Asked] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.asked.append(Asked(request.method, request.path_qs, body, request.headers.copy()))
        found = self.said.get(f"{request.method} {request.path}", (404, ""))
        if callable(found):
            return found(request, body)
        status, text = found if isinstance(found, tuple) else (200, found)
        return web.Response(status=status, text=text)


class Slot:
    """What is noted of it."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []
        self.ends: list[str] = []

    def opened(self, name: str, kept: str) -> None:
        self.names.append((name, kept))

    def release(self) -> None:
        self.ends.append("released")

    def abandon(self) -> None:
        self.ends.append("abandoned")


def launched(
    folder: Path, profile: str, bmc: Bmc, story: Callable[[Launched], Awaitable[None]], pin: str | None = None
) -> Slot:
    """Open it, and leave it after the story."""
    slot = Slot()

    async def run() -> None:
        service = web.Application()
        service.router.add_route("*", "/{path:.*}", bmc.answer)
        async with served(folder, service, pin=pin) as endpoint, asyncio.timeout(20):
            login = Login(endpoint, Secret(USER, PASSWORD), profiles.find(profile), cast(Any, slot), lambda: None)
            values = session._known_before(login, "web 01", AUTHORITY)
            opened = await session._open(login, cast(Any, slot), values)
            try:
                await story(opened)
            finally:
                await opened.close()

    asyncio.run(run())
    return slot


async def nothing(_opened: Launched) -> None:
    """Only open it."""


DELL = "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DelliDRACCardService/Actions/DelliDRACCardService.GetKVMSession"
LENOVO = "/redfish/v1/Managers/1/Oem/Lenovo/RemoteControl/Actions/LenovoRemoteControlService.GetRemoteConsoleToken"


@pytest.mark.parametrize("profile", ["dell-idrac9", "dell-idrac10"])
def test_dell_gives_a_session_of_its_own_and_its_page_names_the_browsers_host(tmp_path: Path, profile: str) -> None:
    bmc = Bmc({f"POST {DELL}": json.dumps({"TempUsername": "u&1", "TempPassword": "p 2"})})

    async def story(opened: Launched) -> None:
        assert opened.page == (
            "/restgui/vconsole/index.html?ip=c-1.consoles.example&kvmport=8443&title=web%2001&VCSID=u%261&VCSID2=p%202"
        )

    launched(tmp_path, profile, bmc, story)
    assert bmc.asked[0].headers["Authorization"] == BASIC
    assert json.loads(bmc.asked[0].body) == {"SessionTypeName": "oobctl"}


def test_hpe_gives_a_key_that_the_bmc_gets_as_a_cookie_and_takes_back(tmp_path: Path) -> None:
    bmc = Bmc({"POST /json/login_session": '{"session_key": "k1"}', "GET /irc.html": "page"})

    async def story(opened: Launched) -> None:
        assert (opened.page, opened.allows("GET", "/irc.html")) == ("/irc.html", True)
        assert not opened.allows("POST", "/json/login_session")
        assert opened.allows_websocket("/wss/ircport")
        (await opened.request("GET", "/irc.html", {}, None)).close()

    slot = launched(tmp_path, "hpe-ilo5", bmc, story)
    first, page, last = bmc.asked
    assert json.loads(first.body) == {"method": "login", "user_login": USER, "password": PASSWORD}
    assert page.headers["Cookie"] == "sessionKey=k1"
    assert json.loads(last.body) == {"method": "logout", "session_key": "k1"}
    assert slot.ends == ["released"]


@pytest.mark.parametrize(
    ("profile", "path"),
    [
        ("supermicro-x10", "/redfish/v1/Managers/1/IKVM"),
        ("supermicro-x11", "/redfish/v1/Managers/1/Oem/Supermicro/IKVM"),
        ("supermicro-x13", "/redfish/v1/Managers/1/Oem/Supermicro/IKVM"),
    ],
)
def test_supermicro_tells_a_page_that_is_good_once(tmp_path: Path, profile: str, path: str) -> None:
    bmc = Bmc({f"GET {path}": '{"Current interface": "HTML 5", "URI": "/redfish/43B99TcSauuMgik.IKVM"}'})

    async def story(opened: Launched) -> None:
        assert opened.page == "/redfish/43B99TcSauuMgik.IKVM"
        assert opened.allows("GET", opened.page)
        assert not opened.allows("GET", "/redfish/v1/Systems")

    launched(tmp_path, profile, bmc, story)
    assert len(bmc.asked) == 1  # the page itself is not asked for before the browser does


@pytest.mark.parametrize("uri", ["https://evil.example/x", "//evil.example", "/a/../b", "javascript:1", 7])
def test_a_page_that_is_none_of_the_bmcs_own_is_refused(tmp_path: Path, uri: object) -> None:
    bmc = Bmc({"GET /redfish/v1/Managers/1/IKVM": json.dumps({"URI": uri})})
    with pytest.raises(BmcBadAnswer, match="no path of its own"):
        launched(tmp_path, "supermicro-x10", bmc, nothing)


def test_lenovo_gives_a_token_for_what_follows_the_address(tmp_path: Path) -> None:
    bmc = Bmc({f"POST {LENOVO}": '{"Token": "t/1"}'})

    async def story(opened: Launched) -> None:
        assert opened.page == "/#/login?t%2F1&context=remote&mode=multi"
        assert opened.allows("GET", "/")

    launched(tmp_path, "lenovo-xcc", bmc, story)


def test_cisco_gives_two_tokens_to_who_logged_in_and_the_page_is_the_first_that_is_there(tmp_path: Path) -> None:
    def api(_request: web.Request, body: str) -> web.Response:
        answers = {"aaaLogin": 'outCookie="c1"', "aaaGetComputeAuthTokens": 'outTokens="t1,t2"', "aaaLogout": ""}
        return web.Response(text=f"<answer {next(said for name, said in answers.items() if f'<{name} ' in body)}/>")

    bmc = Bmc({"POST /nuova": api, "GET /html/kvm.html": "page"})

    async def story(opened: Launched) -> None:
        assert opened.page == f"/html/kvm.html?cimcAddr={AUTHORITY.replace(':', '%3A')}&cimcName=KVM&tkn1=t1&tkn2=t2"

    launched(tmp_path, "cisco-cimc", bmc, story)
    assert bmc.asked[0].body == '<aaaLogin inName="admin" inPassword="pass&quot;&lt;&amp;{w}"/>'
    assert bmc.asked[-1].body == '<aaaLogout inCookie="c1"/>'


def test_huawei_is_told_a_key_that_nobody_had_before(tmp_path: Path) -> None:
    path = "/redfish/v1/Managers/1/KvmService/Actions/KvmService.SetKvmKey"
    bmc = Bmc({f"POST {path}": "{}"})
    pages = []

    async def story(opened: Launched) -> None:
        pages.append(opened.page)

    for _ in range(2):
        launched(tmp_path, "huawei-ibmc", bmc, story)
    told = json.loads(bmc.asked[0].body)
    assert (len(told["IdExt"]), len(told["SecretKey"]), told["Mode"]) == (32, 64, "Shared")
    assert pages[0] == f"/remote_access.asp?authParam={told['Id']:08x}{told['SecretKey']}&lp=en&openway=html5"
    assert pages[0] != pages[1]


@pytest.mark.parametrize("profile", ["ami-megarac", "lenovo-tsm", "inspur"])
def test_ami_gives_a_cookie_and_a_token_which_the_bmc_gets_with_each_request(tmp_path: Path, profile: str) -> None:
    def log_in(_request: web.Request, _body: str) -> web.Response:
        answer = web.Response(text='{"CSRFToken": "x1"}')
        answer.set_cookie("QSESSIONID", "q1", path="/", secure=True, httponly=True)
        return answer

    bmc = Bmc({"POST /api/session": log_in, "GET /viewer.html": "page", "DELETE /api/session": "{}"})

    async def story(opened: Launched) -> None:
        (await opened.request("GET", "/viewer.html", {"Accept": "text/html"}, None)).close()

    launched(tmp_path, profile, bmc, story)
    assert bmc.asked[0].body == "username=admin&password=pass%22%3C%26%7Bw%7D"
    for one in bmc.asked[1:]:
        assert (one.headers["Cookie"], one.headers["X-CSRFTOKEN"]) == ("QSESSIONID=q1", "x1")
    assert [one.method for one in bmc.asked] == ["POST", "GET", "DELETE"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ((401, ""), BmcAuthFailed), ((403, ""), BmcRefused), ((500, ""), BmcRefused), ((302, ""), BmcRefused),
        ("no JSON", BmcBadAnswer), ("[]", BmcBadAnswer), ('{"session_key": ""}', BmcBadAnswer),
        ('{"session_key": {"a": 1}}', BmcBadAnswer), ('{"session_key": "a;b"}', BmcBadAnswer),
        ('{"session_key": "a\\r\\nX: b"}', BmcBadAnswer), ("[" * 100_000, BmcBadAnswer),
    ],
)  # fmt: skip
def test_what_else_a_bmc_may_answer_is_said_and_no_secret_with_it(
    tmp_path: Path, said: Said, error: type[Exception]
) -> None:
    bmc = Bmc({"POST /json/login_session": said})
    with pytest.raises(error) as raised:
        launched(tmp_path, "hpe-ilo5", bmc, nothing)
    assert PASSWORD not in str(raised.value)


def test_nothing_is_sent_to_a_bmc_that_is_another_one(tmp_path: Path) -> None:
    bmc = Bmc({})
    with pytest.raises(BmcIdentityChanged):
        launched(tmp_path, "hpe-ilo5", bmc, nothing, pin="00" * 32)
    assert bmc.asked == []


def test_a_log_out_that_is_not_taken_is_left_to_who_comes_next(tmp_path: Path) -> None:
    bmc = Bmc({"POST /json/login_session": '{"session_key": "k1"}'})

    async def story(_opened: Launched) -> None:
        bmc.said["POST /json/login_session"] = (500, "")

    assert launched(tmp_path, "hpe-ilo5", bmc, story).ends == ["abandoned"]


def test_what_a_killed_process_left_is_logged_out_with_what_it_kept(tmp_path: Path) -> None:
    bmc = Bmc({"POST /json/login_session": '{"session_key": "k1"}'})
    slot = launched(tmp_path, "hpe-ilo5", bmc, nothing)
    ((name, kept),) = slot.names
    assert name.startswith("hpe-session-key#")
    assert PASSWORD not in kept
    bmc.asked.clear()

    async def run() -> None:
        service = web.Application()
        service.router.add_route("*", "/{path:.*}", bmc.answer)
        async with served(tmp_path, service) as endpoint, asyncio.timeout(20):
            slot = cast(Any, SimpleNamespace())
            login = Login(endpoint, Secret(USER, PASSWORD), profiles.find("hpe-ilo5"), slot, lambda: None)
            await session.end_left(login, kept)

    asyncio.run(run())
    assert [json.loads(one.body) for one in bmc.asked] == [{"method": "logout", "session_key": "k1"}]


def test_a_user_without_the_right_to_the_console_has_no_wrong_password(tmp_path: Path) -> None:
    def second(_request: web.Request, body: str) -> web.Response:
        return web.Response(status=401) if "Tokens" in body else web.Response(text='<aaaLogin outCookie="c1"/>')

    bmc = Bmc({"POST /nuova": second})
    with pytest.raises(BmcRefused, match="may lack the right"):
        launched(tmp_path, "cisco-cimc", bmc, nothing)
    assert "aaaLogout" in bmc.asked[-1].body


def test_an_answer_that_comes_in_pieces_is_read_whole(tmp_path: Path) -> None:
    async def log_in(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.set_cookie("QSESSIONID", "q1", path="/")
        await answer.prepare(request)
        for piece in (b'{"CSRF', b'Token": "x1"}'):
            await answer.write(piece)
            await asyncio.sleep(0.1)
        return answer

    class Slow(Bmc):
        async def answer(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override]
            return await log_in(request) if request.method == "POST" else await super().answer(request)

    async def story(opened: Launched) -> None:
        assert opened._headers == {"X-CSRFTOKEN": "x1"}

    launched(tmp_path, "ami-megarac", Slow({}), story)


def test_a_session_that_gave_no_token_is_logged_out_of_all_the_same(tmp_path: Path) -> None:
    def log_in(_request: web.Request, _body: str) -> web.Response:
        answer = web.Response(text="{}")
        answer.set_cookie("QSESSIONID", "q1", path="/")
        return answer

    bmc = Bmc({"POST /api/session": log_in, "DELETE /api/session": "{}"})
    with pytest.raises(BmcBadAnswer, match="gave no csrf"):
        launched(tmp_path, "ami-megarac", bmc, nothing)
    assert [(one.method, one.headers.get("Cookie")) for one in bmc.asked] == [
        ("POST", None),
        ("DELETE", "QSESSIONID=q1"),
    ]


def test_half_a_sign_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(BmcBadAnswer):
        launched(tmp_path, "hpe-ilo5", Bmc({"POST /json/login_session": '{"session_key": "\\ud800"}'}), nothing)
