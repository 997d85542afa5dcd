"""One login over Redfish: a session where the service has them, else Basic, and what the BMC says to it."""

import base64
from collections.abc import Callable
from typing import Any

from oobctl.drivers.login import Login
from oobctl.drivers.redfish.answers import Reply, link
from oobctl.drivers.redfish.http import Client, authority
from oobctl.drivers.redfish.poll_client import PollClient
from oobctl.drivers.redfish.redirects import path_of
from oobctl.drivers.slots import Joined
from oobctl.errors import BmcAuthFailed, BmcBadAnswer
from oobctl.profiles.model import Profile
from oobctl.profiles.quirks import Quirk

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"  # DSP0266, section 13.3.4
_AT_ROOT = "/redfish/v1/Sessions"

Ask = Callable[[str, str, Any, str], Reply]
"""method, path, body, what: one request over the client that logs in."""


class Entry:
    """What a login gave, as far as it came: also when it failed half way, what is to be ended.

    root: the service root. native: the path of the session. must_change: the path of our account ("" where it was not
    told) while the BMC wants its password changed and allows nothing else; None where it allows all.
    """

    def __init__(self, login: Login, client: Client | PollClient, ask: Ask) -> None:
        self._login, self._client, self._ask = login, client, ask
        self._where = authority(login.endpoint)
        self.root: dict[str, Any] = {}
        self.token = ""
        self.native: str | None = None
        self.unclear = False  # a session may have been made that we were not told of
        self.must_change: str | None = None
        self.own = True

    def join(self, joined: Joined) -> None:
        """Use a session that another login made. Raises BmcError's subclasses; whether it lives is seen at its use."""
        self.own, self.native, self.token = False, joined.native_id, joined.token
        self._client.set_session_key(joined.token)
        reply = self._ask("GET", ROOT, None, "describe itself")
        if not reply.ok and reply.status != 401:
            raise reply.error("describe itself")
        self.root = reply.resource() if reply.ok else {}

    def enter(self) -> None:
        """Log in, checked with one request that needs it. Raises BmcAuthFailed and BmcError's other subclasses."""
        reply = self._ask("GET", ROOT, None, "describe itself")
        if not reply.ok and reply.status != 401:
            raise reply.error("describe itself")
        self.root = reply.resource() if reply.ok else {}
        sessions = link(self.root, "Links", "Sessions") or (SESSIONS if "SessionService" in self.root else None)
        if sessions is not None and self._session(sessions):
            return
        if not (self._login.profile.has(Quirk.SESSIONS_AT_ROOT) and self._session(_AT_ROOT, told=False)):
            self._basic()

    def _session(self, sessions: str, *, told: bool = True) -> bool:
        """POST to the sessions. False where the service has none after all.

        told: the service says that they are there; else a 401 may mean that nothing is there for those not let in.
        """
        secret = self._login.secret
        body = {"UserName": secret.user, "Password": secret.password}
        self.unclear = True
        reply = self._ask("POST", sessions, body, "log us in")
        self.unclear = False
        if reply.status in {404, 405, 501} or (reply.status == 401 and not told):
            return False
        token = reply.headers.get("x-auth-token")
        if reply.ok and token:  # from here on there is something to end
            self.token = token
            self.native = path_of(reply.headers.get("location")) or path_of(_said_path(reply))
            self._client.set_session_key(token)
            if self.native is None:
                self._login.slot.alone()
            else:
                self._login.slot.opened(self.native, None if wants_change(reply, self._login.profile) else token)
        self._judge(reply)
        if not token:
            raise BmcBadAnswer(f"The BMC at {self._where} let us in and gave no X-Auth-Token.")
        return True

    def _basic(self) -> None:
        """No sessions: the user and password go with each request, to the checked certificate's owner alone."""
        self._login.slot.alone()
        self._client.set_authorization_key(basic(self._login))
        self._judge(self._ask("GET", link(self.root, "Systems") or "/redfish/v1/Systems", None, "let us in"))

    def _judge(self, reply: Reply) -> None:
        if reply.status == 401:
            raise BmcAuthFailed(f"The BMC at {self._where} refused the user or the password over Redfish.")
        if wants_change(reply, self._login.profile):
            self.must_change = reply.argument("passwordchangerequired") or ""
        elif not reply.ok:
            raise reply.error("log us in")


def wants_change(reply: Reply, profile: Profile) -> bool:
    """Whether it says that nothing but the change of our own password is allowed (DSP0266, section 13.2.6.1)."""
    return profile.has(Quirk.PASSWORD_CHANGE_REQUIRED) and reply.says("passwordchangerequired")


def basic(login: Login) -> str:
    """The Authorization header of Basic."""
    return "Basic " + base64.b64encode(f"{login.secret.user}:{login.secret.password}".encode()).decode()


def _said_path(reply: Reply) -> str | None:
    return link(reply.resource(), "@odata.id") if reply.body else None
