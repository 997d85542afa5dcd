"""SessionService, and who may come in: a session's token, or user and password with every request."""

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field

import flask

from oobctl.lab.faults import BMC_SESSIONS_FULL
from oobctl.lab.redfish_service.accounts import Accounts
from oobctl.lab.redfish_service.answers import collection, failure, json_body, nothing, resource
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.user_table import User

SERVICE = "/redfish/v1/SessionService"
SESSIONS = f"{SERVICE}/Sessions"
TIMEOUT_SECONDS = 1800
_OPEN_TO_ALL = {"/redfish", "/redfish/v1", "/redfish/v1/odata", "/redfish/v1/$metadata"}


@dataclass
class Session:
    """A sign-in; it ends after half an hour without a request, and when its user's password is changed."""

    user: User
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    used_at: float = field(default_factory=time.monotonic)


class Sessions:
    """The sessions of this service; they live in memory, so a reset of the BMC ends them."""

    def __init__(self, configuration: Configuration, link: RackLink, accounts: Accounts) -> None:
        self._configuration = configuration
        self._link = link
        self._accounts = accounts
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._next = 1

    def install(self, app: flask.Flask) -> None:
        """Add the routes, and the check of every request."""
        app.before_request(self.check)
        app.add_url_rule(SERVICE, "lab_session_service", self.service)
        app.add_url_rule(SESSIONS, "lab_sessions", self.members)
        app.add_url_rule(SESSIONS, "lab_session_create", self.create, methods=["POST"])
        app.add_url_rule(f"{SESSIONS}/<session_id>", "lab_session", self.member)
        app.add_url_rule(f"{SESSIONS}/<session_id>", "lab_session_delete", self.delete, methods=["DELETE"])

    def check(self) -> flask.Response | None:
        """Let a request in, or say why not."""
        path = flask.request.path.rstrip("/")
        if path in _OPEN_TO_ALL or (path == SESSIONS and flask.request.method == "POST"):
            return None
        token = flask.request.headers.get("X-Auth-Token")
        sign_in = flask.request.authorization
        if token is not None:
            user = self._touch(token)
        else:
            user = self._accounts.sign_in(sign_in.username, sign_in.password) if sign_in else None
        if user is None:
            return _no_session()
        if token is None and BMC_SESSIONS_FULL in self._link.faults():
            return _full()
        if not self._accounts.may(user, flask.request.method, path):
            return failure(403, "InsufficientPrivilege", "There are insufficient privileges for the account.")
        return None

    # --- routes -------------------------------------------------------------------------------------------------

    def service(self) -> flask.Response:
        body = resource(SERVICE, "SessionService", "v1_1_6", Id="SessionService", Name="Session Service")
        body |= {"ServiceEnabled": True, "SessionTimeout": TIMEOUT_SECONDS, "Sessions": {"@odata.id": SESSIONS}}
        return flask.jsonify(body)

    def members(self) -> flask.Response:
        with self._lock:
            self._expire()
            return flask.jsonify(collection(SESSIONS, "Session", [f"{SESSIONS}/{name}" for name in self._sessions]))

    def create(self) -> flask.Response:
        body = json_body()
        user = self._accounts.sign_in(_text(body.get("UserName")), _text(body.get("Password")))
        if user is None:
            return _no_session()
        with self._lock:
            self._expire()
            if len(self._sessions) >= self._configuration.session_limit or BMC_SESSIONS_FULL in self._link.faults():
                return _full()
            name, session = str(self._next), Session(user)
            self._sessions[name] = session
            self._next += 1
        answer = flask.jsonify(_describe(name, session))
        answer.status_code = 201
        answer.headers["X-Auth-Token"] = session.token
        answer.headers["Location"] = f"{SESSIONS}/{name}"
        return answer

    def member(self, session_id: str) -> flask.Response:
        with self._lock:
            self._expire()
            session = self._sessions.get(session_id)
        return flask.jsonify(_describe(session_id, session)) if session else _unknown(session_id)

    def delete(self, session_id: str) -> flask.Response:
        with self._lock:
            if self._sessions.pop(session_id, None) is None:
                return _unknown(session_id)
        return nothing()

    # --- inside -------------------------------------------------------------------------------------------------

    def _touch(self, token: str) -> User | None:
        """The user of a session, as it is now; None where there is no such session, or its user may not any more."""
        with self._lock:
            self._expire()
            for name, session in self._sessions.items():
                if not hmac.compare_digest(session.token.encode(), token.encode()):
                    continue
                user = self._accounts.find(session.user.number)
                if user is None or user.name != session.user.name or user.password != session.user.password:
                    del self._sessions[name]
                    return None
                session.used_at = time.monotonic()
                return user
        return None

    def _expire(self) -> None:
        oldest = time.monotonic() - TIMEOUT_SECONDS
        self._sessions = {name: session for name, session in self._sessions.items() if session.used_at >= oldest}


def _describe(name: str, session: Session) -> dict[str, object]:
    path, user = f"{SESSIONS}/{name}", session.user.name
    return resource(path, "Session", "v1_3_0", Id=name, Name=f"Session {name}", UserName=user)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _no_session() -> flask.Response:
    message = "There is no valid session established with the implementation."
    answer = failure(401, "NoValidSession", message)
    answer.headers["WWW-Authenticate"] = 'Basic realm="BMC"'
    return answer


def _full() -> flask.Response:
    message = "The session establishment failed due to the number of simultaneous sessions exceeding the limit."
    return failure(503, "SessionLimitExceeded", message)


def _unknown(session_id: str) -> flask.Response:
    message = f"The requested resource of type Session named {session_id} was not found."
    return failure(404, "ResourceNotFound", message, "Session", session_id)
