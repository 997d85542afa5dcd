"""Requests to one BMC over Redfish: it logs in when needed, repeats readings, fences writes, logs out for sure."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from redfish.rest.v1 import RetriesExhaustedError

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.login import Login
from oobctl.drivers.redfish import leftovers
from oobctl.drivers.redfish.answers import Reply
from oobctl.drivers.redfish.entry import Ask, Entry, basic, wants_change
from oobctl.drivers.redfish.failures import failure
from oobctl.drivers.redfish.http import Client, authority
from oobctl.drivers.redfish.redirects import moved
from oobctl.drivers.redfish.tls import Limit
from oobctl.drivers.slots import Leftover
from oobctl.drivers.unsent import surely_not_sent
from oobctl.errors import (
    BmcAuthFailed,
    BmcBadAnswer,
    BmcError,
    BmcRefused,
    BmcTimeout,
    BmcUnreachable,
    OutcomeUnknown,
)
from oobctl.profiles.quirks import Quirk

_log = logging.getLogger(__name__)
_LOGOUT_SECONDS = 3.0


class RedfishSession:
    """Opened at the first request. Used by one thread at a time (it locks), closed for certain by `close`."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = threading.RLock()
        self._limit = Limit()
        self._client: Client | None = None
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

    # --- requests

    def get(self, path: str, *, what: str, gzip: bool = False) -> Reply:
        """Read a resource. `what` completes "asked to". gzip: it may come compressed. Raises BmcError's subclasses."""
        with self._lock:
            reply = self._repeatable("GET", path, what, {"Accept-Encoding": "gzip"} if gzip else {})
        if not reply.ok:
            raise reply.error(what)
        return reply

    def resource(self, path: str, *, what: str) -> dict[str, Any]:
        """A resource as its JSON object. Raises BmcBadAnswer where it is none, and BmcError's subclasses."""
        return self.get(path, what=what).resource()

    def _repeatable(self, method: str, path: str, what: str, headers: dict[str, str]) -> Reply:
        """Ask, and once more over a new connection or session where the old one had died."""
        for last in (False, True):
            fresh = self._client is None
            try:
                reply = self._send(method, path, None, dict(headers), self._login.profile.timeouts.answer, what)
            except BmcTimeout:
                raise
            except BmcUnreachable:
                if last or fresh:
                    raise
                self._lost()
                continue
            if reply.status != 401 or last:
                break
            self._expired(reply, fresh)
        return reply

    def write(
        self,
        method: str,
        path: str,
        body: Any,
        fence: Fence,
        *,
        what: str,
        etag: str | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Reply:
        """Send a change that a repeat does not harm. Returns the reply, good or not.

        etag: of what is changed; it is sent to those BMCs alone that ask for it. secrets: what stands in the body and
        must not stand in a message. Raises LeaseLost from the fence, and BmcError's subclasses where there is no reply;
        with the detail `sent` False where surely nothing went out.
        """
        with self._lock:
            reply = self._fenced(method, path, body, fence, what, etag)
            if reply.status == 401:  # refused before anything was done: the session had expired
                self._expired(reply, fresh=False)
                reply = self._fenced(method, path, body, fence, what, etag)
            return replace(reply, secrets=(*reply.secrets, *secrets))

    def post_once(self, path: str, body: Any, fence: Fence, *, what: str) -> Reply:
        """Send a POST that may not be repeated: one request, whatever happens to it.

        Raises OutcomeUnknown where it went out and no clear answer came; a BmcError with the detail `sent` False where
        it surely did not.
        """
        with self._lock:
            client = self._ready()
            try:
                reply = self._granted(client, "POST", path, body, {}, fence, what)
            except BmcError as error:
                if not self._limit.sent:
                    raise
                raise self._unknown(what, error.message) from error
            if reply.unclear:
                raise self._unknown(what, f"It answered {reply.words()}.")
            if not reply.ok:
                raise reply.error(what)
            return reply

    def _unknown(self, what: str, because: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"The BMC at {self.where} was sent the command to {what} once, and no clear answer came. {because} It may "
            "have been carried out: look at the server before you ask again."
        )

    def _fenced(self, method: str, path: str, body: Any, fence: Fence, what: str, etag: str | None) -> Reply:
        wanted = etag and method != "POST" and self._login.profile.has(Quirk.ETAG_REQUIRED)
        headers = {"If-Match": etag} if etag and wanted else {}
        return self._granted(self._ready(), method, path, body, headers, fence, what)

    @surely_not_sent()
    def _ready(self) -> Client:
        """Logged in, and the right server answers."""
        self._open()
        if self._admitted():  # else it tells nothing of itself: it is known by its certificate and our password
            try:
                self._login.check_who()
            except BmcRefused:
                if self._must_change is None:
                    raise
        assert self._client is not None  # it has just answered
        return self._client

    def _granted(
        self, client: Client, method: str, path: str, body: Any, headers: dict[str, str], fence: Fence, what: str
    ) -> Reply:
        """Ask the fence, then send at once with this login: another was not asked who it is."""
        limit = self._login.profile.timeouts.longest_send
        started = time.monotonic()
        self._limit.sent = False
        fence(limit)
        try:
            reply = self._exchange(client, method, path, body, headers, limit - (time.monotonic() - started), what)
        except BmcError as error:
            if not self._limit.sent:
                error.details["sent"] = False
            raise
        self._login.slot.beat()
        return reply

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str], seconds: float, what: str) -> Reply:
        client = self._open()
        self._admitted()
        reply = self._exchange(client, method, path, body, headers, seconds, what)
        self._login.slot.beat()
        if reply.status in {401, 403} and wants_change(reply, self._login.profile):
            self._must_change = ""
            self._admitted()
        return reply

    def _exchange(
        self, client: Client, method: str, path: str, body: Any, headers: dict[str, str], seconds: float, what: str
    ) -> Reply:
        """One request, and once more where the BMC moved its path by a slash: nothing was done at the first then."""
        started = time.monotonic()
        reply = self._request(client, method, path, body, headers, seconds, what)
        there = moved(reply, self.where) if self._login.profile.has(Quirk.REDIRECT_308) else None
        if there is None:
            return reply
        return self._request(client, method, there, body, headers, seconds - (time.monotonic() - started), what)

    def _request(
        self, client: Client, method: str, path: str, body: Any, headers: dict[str, str], seconds: float, what: str
    ) -> Reply:
        """One request on the wire; every failure of it becomes one of our errors, its cause kept."""
        self._limit.start(seconds)
        follow = self._login.profile.has(Quirk.REDIRECT_308)
        try:
            answer = client.send(method, path, body, headers, max(seconds, 0.001), follow=follow)
        except RetriesExhaustedError as error:
            client.drop()
            raise failure(error.__cause__ or error, self._login, what, seconds, self._limit.sent) from error
        except Exception as error:  # the library meets an answer it did not expect
            client.drop()
            raise BmcBadAnswer(f"The BMC at {self.where} answered {what!r} in a way that makes no sense.") from error
        return Reply(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            bytes(answer.read or b""),
            path,
            (self._login.secret.password, self._token),
        )

    # --- opening and closing

    def open(self) -> dict[str, Any]:
        """Log in, if not done yet. Returns the service root."""
        with self._lock:
            self._open()
            return self.root

    def _open(self) -> Client:
        if self._client is not None:
            return self._client
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

    def _get_in(self) -> tuple[Client, Entry]:
        """With the secret that holds; while it is rotated, with the other one where that is refused."""
        while True:
            client = Client(self._login.endpoint, self._limit)
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

    def _came_to_nothing(self, client: Client, entry: Entry, error: BaseException) -> None:
        slot, self._native = self._login.slot, entry.native
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

    def _asking(self, client: Client) -> Ask:
        """All of a login shares one limit of time."""
        deadline = time.monotonic() + self._login.profile.timeouts.connect

        def ask(method: str, path: str, body: Any, what: str) -> Reply:
            return self._exchange(client, method, path, body, {}, deadline - time.monotonic(), what)

        return ask

    def _admitted(self) -> bool:
        """Whether all is allowed. Raises BmcRefused where nothing is but the change of our password."""
        if self._must_change is None:
            return True
        if self._changing:
            return False
        raise BmcRefused(
            f"The BMC at {self.where} let us in and allows nothing before the password of our user is changed. Change "
            "it with the action bmc.rotate_password, or there and then at the endpoint."
        )

    @contextmanager
    def password_change(self) -> Iterator[str | None]:
        """For the change of our own password: what is asked inside goes out also where the BMC allows nothing else.

        Gives the path of our account where the BMC told it, "" where it wants the change and did not tell, else None.
        """
        with self._lock:
            self._changing = True
            try:
                self._open()
                yield self._must_change
            finally:
                self._changing = False

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
            self._login.refused(refusal)
            raise refusal
        self._login.slot.void()
        self._native = None
        self._lost()

    def _ending(self, client: Client) -> leftovers.Ask:
        def ask(method: str, path: str) -> Reply:
            return self._exchange(client, method, path, None, {}, _LOGOUT_SECONDS, "end a session")

        return ask

    def _lost(self, *, whole: bool = False) -> None:
        """The connection or session is of no more use: what can be ended is ended, the next request logs in anew.

        whole: the session is ended also where others share it.
        """
        client, self._client = self._client, None
        if client is not None:
            self._log_out(client, whole=whole)

    def _log_out(self, client: Client, *, whole: bool = False) -> None:
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
                self._login.slot.abandon()

    def close(self) -> None:
        """Log out. Never raises."""
        with self._lock:
            try:
                self._lost()
            except Exception:
                _log.exception("Closing the Redfish session at %s failed.", self.where)


def end_leftover(login: Login, left: Leftover) -> None:
    """End what another process left open, with Basic: it needs no free slot. What could not be ended stays noted."""
    session = RedfishSession(login)
    client = Client(login.endpoint, session._limit)
    try:
        client.set_authorization_key(basic(login))
        leftovers.end(login, [left], session._ending(client))
    finally:
        client.drop()
