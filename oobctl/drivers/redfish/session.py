"""Requests to one BMC over Redfish: repeats readings, fences writes; its connection logs in when needed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.redfish.answers import Reply
from oobctl.drivers.redfish.conditional import AS_IT_IS
from oobctl.drivers.redfish.connection import AnyClient, Connection
from oobctl.drivers.redfish.entry import wants_change
from oobctl.drivers.redfish.event_stream import RedfishEventStream
from oobctl.drivers.redfish.poll_client import PollClient
from oobctl.drivers.unsent import surely_not_sent
from oobctl.errors import BmcError, BmcRefused, BmcTimeout, BmcUnreachable, NotSupported, OutcomeUnknown
from oobctl.profiles.quirks import Quirk


class RedfishSession(Connection):
    """Opened at the first request. Used by one task at a time (it locks), closed for certain by `close`."""

    def get(self, path: str, *, what: str, gzip: bool = False, now: bool = False) -> Reply:
        """Read a resource. `what` completes "asked to". Raises BmcError's subclasses.

        gzip: it may come compressed. now: as it is, whatever an ETag says has not changed.
        """
        headers = {"Accept-Encoding": "gzip"} if gzip else {}
        headers |= AS_IT_IS if now else {}
        with self._lock:
            reply = self._repeatable("GET", path, what, headers)
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

    def stream(self, path: str, *, what: str) -> RedfishEventStream:
        """Open a stream with the token of this session, over a connection of its own: no request waits for it.

        It ends with the session. Raises NotSupported where there is no token (each request would carry the password),
        or what answers is no stream; BmcError's subclasses.
        """
        with self._lock:
            client = self._open()
            self._admitted()
            token = self._token
        if not isinstance(client, PollClient) or not token:
            raise NotSupported(f"There is no session at {self.where} over which events could come.")
        return self._streamed(client, path, what)

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
    def _ready(self) -> AnyClient:
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
        self, client: AnyClient, method: str, path: str, body: Any, headers: dict[str, str], fence: Fence, what: str
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
        return reply

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str], seconds: float, what: str) -> Reply:
        client = self._open()
        self._admitted()
        reply = self._exchange(client, method, path, body, headers, seconds, what)
        if reply.status in {401, 403} and wants_change(reply, self._login.profile):
            self._must_change = ""
            self._admitted()
        return reply

    # --- a password that has to be changed

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
