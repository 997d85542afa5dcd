"""The connection to one BMC over Redfish: it logs in when needed, sends one request at a time, logs out for sure."""

import logging
import time
from typing import Any

from aiohttp import ClientError
from redfish.rest.v1 import RetriesExhaustedError

from oobctl.constants import SessionPurpose
from oobctl.drivers import loops
from oobctl.drivers.login import Login
from oobctl.drivers.redfish import leftovers
from oobctl.drivers.redfish.answers import Reply
from oobctl.drivers.redfish.entry import Ask, Entry, basic
from oobctl.drivers.redfish.event_stream import RedfishEventStream
from oobctl.drivers.redfish.failures import failure
from oobctl.drivers.redfish.http import Client, OtherAuthority, OtherCertificate, TooMuch, authority
from oobctl.drivers.redfish.poll_client import PollClient
from oobctl.drivers.redfish.redirects import moved
from oobctl.drivers.redfish.tls import Limit
from oobctl.drivers.slots import Leftover
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcRefused, BmcUnreachable, NotSupported
from oobctl.profiles.quirks import Quirk

_log = logging.getLogger(__name__)
_LOGOUT_SECONDS = 3.0

AnyClient = Client | PollClient


class Connection:
    """What a session is over and under which login. Its owner locks; `close` ends it for certain."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = loops.Lock()
        self._limit = Limit()
        self._client: AnyClient | None = None
        self._native: str | None = None  # the path of our session; None under Basic
        self._token = ""
        self._must_change: str | None = None  # as Entry has it
        self._changing = self._retired = False
        self._own = True  # the session was made by our login, not joined
        self.root: dict[str, Any] = {}
        self.logins = 0

    @property
    def login(self) -> Login:
        return self._login

    @property
    def where(self) -> str:
        return authority(self._login.endpoint)

    # --- one request

    def _exchange(
        self, client: AnyClient, method: str, path: str, body: Any, headers: dict[str, str], seconds: float, what: str
    ) -> Reply:
        """One request, and once more where the BMC moved its path by a slash: nothing was done at the first then."""
        started = time.monotonic()
        reply = self._request(client, method, path, body, headers, seconds, what)
        there = moved(reply, self.where) if self._login.profile.has(Quirk.REDIRECT_308) else None
        if there is None:
            return reply
        return self._request(client, method, there, body, headers, seconds - (time.monotonic() - started), what)

    def _request(
        self, client: AnyClient, method: str, path: str, body: Any, headers: dict[str, str], seconds: float, what: str
    ) -> Reply:
        """One request on the wire; every failure of it becomes one of our errors, its cause kept."""
        self._limit.start(seconds)
        follow = self._login.profile.has(Quirk.REDIRECT_308)
        try:
            wire = client.send(method, path, body, headers, max(seconds, 0.001), follow=follow)
        except RetriesExhaustedError as error:
            client.drop()
            raise failure(error.__cause__ or error, self._login, what, seconds, self._limit.sent) from error
        except (OSError, ClientError, OtherCertificate, OtherAuthority, TooMuch) as error:  # of the monitor's client
            client.drop()
            raise failure(error, self._login, what, seconds, self._limit.sent) from error
        except Exception as error:  # the library meets an answer it did not expect
            client.drop()
            raise BmcBadAnswer(f"The BMC at {self.where} answered {what!r} in a way that makes no sense.") from error
        return Reply(wire.status, wire.headers, wire.body, path, (self._login.secret.password, self._token))

    def _streamed(self, client: PollClient, path: str, what: str) -> RedfishEventStream:
        seconds = self._login.profile.timeouts.connect + self._login.profile.timeouts.answer
        try:
            opened = client.stream(path, seconds)
        except (OSError, ClientError, OtherCertificate, TooMuch) as error:
            raise failure(error, self._login, what, seconds, sent=True) from error
        if isinstance(opened, RedfishEventStream):
            return opened
        reply = Reply(opened.status, opened.headers, opened.body, path, (self._login.secret.password, self._token))
        if reply.ok:
            raise NotSupported(f"What the BMC at {self.where} answers at {path} is no stream of events.")
        raise reply.error(what)

    # --- opening and closing

    def open(self) -> dict[str, Any]:
        """Log in, if not done yet. Returns the service root."""
        with self._lock:
            self._open()
            return self.root

    def _open(self) -> AnyClient:
        if self._client is not None:
            if self._login.slot.holds():
                return self._client
            _log.warning(
                "Our session at %s was given away while this process stood still: it logs in anew.", self.where
            )
        return loops.aside(self._open_anew, long=True)

    def _open_anew(self) -> AnyClient:
        self._lost()
        if self._retired:
            raise BmcRefused(
                f"The password of our user at {self.where} was changed over this connection. Connect anew, with it."
            )
        self._login.begin()
        left = self._login.slot.claim()
        try:
            if self._login.slot.crowded:
                self._make_room(left)
            client, entry = self._get_in()
        except BaseException:
            self._login.slot.give_back()
            raise
        self._client, self._native, self._token, self._own = client, entry.native, entry.token, entry.own
        self.root, self._must_change = entry.root, entry.must_change
        self.logins += 1
        leftovers.end(self._login, left, self._ending(client))
        return client

    def _make_room(self, left: list[Leftover]) -> None:
        """End what dead processes left before the login, with Basic, which needs no session."""
        for one in left:
            end_leftover(self._login, one)
        self._login.slot.refuse_crowd(left)

    def _get_in(self) -> tuple[AnyClient, Entry]:
        """With the secret that holds; while it is rotated, with the other one where that is refused."""
        while True:
            client = client_for(self._login, self._limit)
            entry = Entry(self._login, client, self._asking(client))
            joined = self._login.slot.joined
            try:
                if joined is None:
                    entry.enter()
                    self._login.let_in()
                else:
                    entry.join(joined)
            except BaseException as error:
                client.drop()
                if isinstance(error, BmcAuthFailed) and entry.native is None and self._login.goes_on():
                    continue
                self._came_to_nothing(client, entry, error)
                raise
            self._login.slot.answered()
            return client, entry

    def _came_to_nothing(self, client: AnyClient, entry: Entry, error: BaseException) -> None:
        slot = self._login.slot
        self._native = entry.native
        if isinstance(error, BmcUnreachable):
            slot.unanswered()
        else:
            slot.answered()
        if self._native is not None:  # we are in at the BMC, and could not go on
            self._log_out(client)
        elif entry.unclear:  # maybe we are: the next login finds out
            slot.abandon()
        else:
            slot.release()
        if isinstance(error, BmcAuthFailed):
            self._login.refused(error)

    def _asking(self, client: AnyClient) -> Ask:
        """All of a login shares one limit of time."""
        deadline = time.monotonic() + self._login.profile.timeouts.connect

        def ask(method: str, path: str, body: Any, what: str) -> Reply:
            return self._exchange(client, method, path, body, {}, deadline - time.monotonic(), what)

        return ask

    def retire(self) -> None:
        """Our password may be another now: log out, and never in again with the old one (BMCs lock users out)."""
        with self._lock:
            self._retired = True
            self._lost(whole=True)

    def _expired(self, reply: Reply, fresh: bool) -> None:
        """A 401 on the way: an expired session is replaced; with Basic, or right after a login, it is a refusal."""
        if fresh and self._token and self._own:
            raise reply.error("go on after it let us in")
        if not self._token:
            refusal = BmcAuthFailed(f"The BMC at {self.where} let us in and then refused us ({reply.words()}).")
            self._lost()  # each request carries the password: no more of them
            loops.aside(lambda: self._login.refused(refusal))
            raise refusal
        loops.aside(self._login.slot.void)
        self._native = None
        self._lost()

    def _ending(self, client: AnyClient) -> leftovers.Ask:
        def ask(method: str, path: str) -> Reply:
            return self._exchange(client, method, path, None, {}, _LOGOUT_SECONDS, "end a session")

        return ask

    def _lost(self, *, whole: bool = False) -> None:
        """The connection or session is of no more use: what can be ended is ended, the next request logs in anew.

        whole: the session is ended also where others share it.
        """
        client, self._client = self._client, None
        if client is not None:
            loops.aside(lambda: self._log_out(client, whole=whole), long=True)

    def _log_out(self, client: AnyClient, *, whole: bool = False) -> None:
        native, self._native, self._token, self._must_change = self._native, None, "", None
        ends = native is not None and self._login.slot.leave(whole=whole)
        gone = not ends or native is None or leftovers.delete(self._ending(client), native, own=True)
        client.forget()
        if gone:
            self._login.slot.release()
        else:
            _log.warning("The logout at %s failed; the next login there ends the session.", self.where)
            self._login.slot.abandon()

    def give_up(self) -> None:
        """The BMC restarts: its connection is of no more use, and the next login ends our session if it survived."""
        with self._lock:
            client, self._client = self._client, None
            self._native, self._token, self._must_change = None, "", None
            if client is not None:
                client.drop()
                loops.aside(self._login.slot.abandon)

    def close(self) -> None:
        """Log out. Never raises."""
        with self._lock:
            try:
                self._lost()
            except Exception:
                _log.exception("Closing the Redfish session at %s failed.", self.where)


def client_for(login: Login, limit: Limit) -> AnyClient:
    """Many BMCs are polled at once, in one loop; what acts has the library's client, in its own thread."""
    polls = login.slot.purpose is SessionPurpose.POLL
    return PollClient(login.endpoint, limit) if polls else Client(login.endpoint, limit)


def end_leftover(login: Login, left: Leftover) -> None:
    """End what another process left open, with Basic: it needs no free slot. What could not be ended stays noted."""
    connection = Connection(login)
    client = client_for(login, connection._limit)
    try:
        client.set_authorization_key(basic(login))
        leftovers.end(login, [left], connection._ending(client))
    finally:
        client.drop()
