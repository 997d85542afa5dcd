"""BMCs' own consoles that are open at this gateway, each under a host name of its own: its key opens it, once.

The label is no authority. Whoever brings the key gets a cookie that the browser sends to that name alone; without it
nothing of the BMC is reached, whatever the request says.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.cookies import CookieError
from urllib.parse import parse_qs, urlsplit

import structlog
from aiohttp import web

from oobctl.config import settings
from oobctl.consoles import ending, tokens
from oobctl.consoles.launch import names
from oobctl.consoles.tokens import Ticket
from oobctl.consoles.words import away_words
from oobctl.constants import ConsoleKind
from oobctl.drivers.launch import Launched, open_launch
from oobctl.errors import BmcSessionsExhausted, NotAllowed, OobctlError, WrongServer
from oobctl.gateway import launch_pages, launch_proxy
from oobctl.gateway.entrance import Entrance, Redeem, client_address
from oobctl.gateway.launch_session import COOKIE, Session
from oobctl.gateway.places import End, name_holders
from oobctl.jobs.quarantine import quarantine

log = structlog.get_logger()

_LONGEST_KEY = 4096
_KEY_WITHIN_SECONDS = 10.0
_CLOSED_WITHIN_SECONDS = 8.0
_MOST_OF_ONE = 2  # visits of one person at one server
_MOST_FOREIGN_COOKIES = 200
_FORGET_AFTER_SECONDS = 600.0
_NOTHING_DONE = (
    "Nothing was done to the server. Try it again from the panel, where its power and its serial line are too."
)
_STOPPING = "The gateway is being stopped. Open the console again in a minute."


class Launches:
    """In one event loop. url: under which the labels are. note: is told of each end, when the database is away too."""

    def __init__(
        self, gateway: str, site_id: str, url: str, entrance: Entrance, passes: Callable[[], bool],
        note: Callable[[End], None],
    ) -> None:  # fmt: skip
        self._holder, self._url, self._entrance, self._passes, self._note = gateway, url, entrance, passes, note
        self._redeem: Redeem[Ticket] = partial(tokens.redeem, gateway=gateway, site_id=site_id, oem=True)
        self._open: dict[str, Session] = {}
        self._over: dict[str, tuple[float, Session]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = False

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._open.values()))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """All that comes to the listener of these names: nothing else that a gateway serves is there."""
        label = names.label_in(request.headers.get("Host"), self._url)
        if label is None:  # also where somebody's own name leads here (DNS rebinding)
            return web.Response(status=421, text="Nothing is served under that name.\n")
        origin = names.origin_of(self._url, label)
        if request.raw_path == names.OPEN:
            return await self._let_in(request, label, origin)
        session = self._open.get(label)
        if session is None or not session.opens_for(request.cookies.get(COOKIE), client_address(request)):
            return self._nothing(request, label, origin)
        return await launch_proxy.carry(request, session, self._passes)

    def _nothing(self, request: web.BaseRequest, label: str, origin: str) -> web.Response:
        """Who was there is told why it is over; nobody else learns that there was something."""
        _, session = self._over.get(label, (0.0, None))
        if session is not None and session.opens_for(request.cookies.get(COOKIE), client_address(request)):
            says = session.ended or "It is over."
            return launch_pages.refused(origin, 410, "This console has ended", says, session.ticket.console_id)
        says = "Open it from the server's page in the panel."
        return launch_pages.refused(origin, 403, "No console is open here in this browser", says)

    async def _let_in(self, request: web.BaseRequest, label: str, origin: str) -> web.Response:
        refusal = self._entrance.refusal(request)
        if refusal is not None:
            return refusal
        if request.method != "POST":
            return launch_pages.refused(origin, 405, "No console is opened so", "A key is posted here, as a form.")
        address = client_address(request)
        try:
            with self._entrance.without_key(address):
                key = await _key_in(request)
            if key is not None and names.label_of(key) != label:
                key = None  # one that is of another name is not used up here
            ticket = await self._entrance.open_with(key, None, address, self._redeem)
        except OobctlError as error:
            return launch_pages.refused(origin, error.http_status, "The console was not opened", error.message)
        return await self._begin(ticket, request, label, origin)

    async def _begin(self, ticket: Ticket, request: web.BaseRequest, label: str, origin: str) -> web.Response:
        await _closed(self._end_others_of(ticket))  # their places at the BMC are free then
        launched: Launched | None = None
        try:
            launched = await self._launch(ticket, origin.partition("://")[2])
        except OobctlError as error:
            log.info("a BMC's own console was not opened", because=error.message)
            says = away_words(error)
        except Exception:
            log.exception("a BMC's own console could not be opened")
            says = "Something in the gateway is wrong. Your provider's staff find it in its log."
        if launched is None or self._stopped:
            if launched is not None:
                says = _STOPPING
                await launched.close()
            self._note((ticket.console_id, says, ending.Used(), False))
            told = f"{says} {_NOTHING_DONE}"
            return launch_pages.refused(origin, 502, "The console was not opened", told, ticket.console_id)
        self._end_others_of(ticket)  # also those that were opened meanwhile
        session = self._open[label] = Session(ticket, launched, origin, client_address(request))
        task = asyncio.create_task(self._close(label, session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        response = launch_pages.opening(
            origin, launched.page, ticket.server_name, token_in_browser=launched.launch.token_in_browser
        )
        self._put_away_foreign(request, response)
        for name, value in launched.page_cookies.items():
            response.set_cookie(name, value, path="/", secure=True, samesite="Strict")
        response.set_cookie(COOKIE, session.cookie, path="/", secure=True, httponly=True, samesite="Strict")
        return response

    def _put_away_foreign(self, request: web.BaseRequest, response: web.Response) -> None:
        """Cookies that a BMC's page set for all names here: they would make every request of the browser longer."""
        domain = urlsplit(self._url).hostname
        for name in list(request.cookies)[:_MOST_FOREIGN_COOKIES]:
            with contextlib.suppress(CookieError):
                response.set_cookie(name, "", max_age=0, domain=domain, path="/")

    def _end_others_of(self, ticket: Ticket) -> list[Session]:
        """What the person opened before: this console in another window, what they have left, and all but one more."""
        for other in self:
            if other.ticket.console_id == ticket.console_id:
                other.end("You opened this console in another window.", elsewhere=True)
        before = [one for one in self if one.ended is not None]
        theirs = [one for one in self if one.ended is None and _whose(one.ticket) == _whose(ticket)]
        going_on = [one for one in theirs if one.busy]
        for other in [one for one in theirs if not one.busy] + going_on[: 1 - _MOST_OF_ONE or None]:
            other.end("You opened another one in its place.")
        return [one for one in self if one.ended is not None and one not in before] + before

    async def _launch(self, ticket: Ticket, authority: str) -> Launched:
        try:
            return await open_launch(ticket.server_id, holder=self._holder, authority=authority)
        except BmcSessionsExhausted as error:
            await asyncio.to_thread(name_holders, error, ticket.server_id, ConsoleKind.OEM)
            raise
        except WrongServer as error:
            await asyncio.to_thread(quarantine, ticket.server_id, error)
            raise

    async def _close(self, label: str, session: Session) -> None:
        """After its end: log out at the BMC, and have it on record."""
        await session.over()
        self._open.pop(label, None)
        self._over[label] = (time.monotonic(), session)
        self._note((session.ticket.console_id, session.ended, session.used(), session.elsewhere))
        await session.launched.close()
        session.closed.set()

    def tidy(self) -> None:
        """What its person has left is ended; what has ended is forgotten after a while."""
        for session in self:
            if session.left:
                session.end("Its page was closed.")
        forgotten = time.monotonic() - _FORGET_AFTER_SECONDS
        self._over = {label: one for label, one in self._over.items() if one[0] > forgotten}

    async def close(self) -> None:
        """The gateway ends: so does all of it."""
        self._stopped = True
        for session in self:
            session.end(_STOPPING)
        await asyncio.gather(*self._closing, return_exceptions=True)


async def _key_in(request: web.BaseRequest) -> str | None:
    """The field `key` of the form. Raises NotAllowed where it does not come in time."""
    said = b""
    try:
        async with asyncio.timeout(_KEY_WITHIN_SECONDS):
            while piece := await request.content.readany():
                said += piece
                if len(said) > _LONGEST_KEY:
                    return None
    except TimeoutError:
        raise NotAllowed("No key came. Open the console from its page.") from None
    if request.content_type != "application/x-www-form-urlencoded" or not said.isascii():
        return None
    with contextlib.suppress(ValueError):
        found = parse_qs(said.decode(), max_num_fields=10).get("key", [""])[0]
        return found if found.isascii() else None
    return None


async def _closed(sessions: list[Session]) -> None:
    """Until these are logged out, as long as that may take."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSED_WITHIN_SECONDS):
            for session in sessions:
                await session.closed.wait()


def _whose(ticket: Ticket) -> tuple[str, str]:
    return ticket.server_id, ticket.actor.id


def checked_url() -> str | None:
    """The setting OOBCTL_LAUNCH_URL, where it is set. Raises ConfigurationError where it is wrong."""
    return names.check(settings().launch_url, settings().url) if settings().launch_url else None
