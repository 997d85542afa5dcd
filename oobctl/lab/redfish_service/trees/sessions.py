"""Sessions: made with a user and password, ended by DELETE or by silence, and no more of them than the limit."""

import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import flask

from oobctl.lab.redfish_service.answers import resource
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.passwords import ADMINISTRATOR, Who
from oobctl.lab.redfish_service.trees.resources import Resources

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State

_TIMEOUT_SECONDS = 1800


@dataclass
class Session:
    """A sign-in."""

    who: Who
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    used_at: float = field(default_factory=time.monotonic)


def path_in(resources: Resources) -> str | None:
    """The path of the collection, as the root tells it."""
    linked = resources.linked
    return linked(ROOT, "Links", "Sessions") or linked(linked(ROOT, "SessionService"), "Sessions")


def begin(state: "State") -> None:
    """The sessions of a capture ended with it."""
    path = state.sessions_path
    if path is not None and path in state.resources:
        for member in [found for found in state.resources.paths() if found.startswith(f"{path}/")]:
            state.resources.remove(member)
        state.resources.list_members(path, [])


def create(state: "State", asked: Asked) -> flask.Response:
    body = asked.body or {}
    path = asked.path
    for name in ("UserName", "Password"):
        if name not in body:
            return refusals.missing(name)
    who = state.passwords.who(str(body["UserName"]), str(body["Password"]))
    if who is None:
        state.failed_logins += 1
        return refusals.no_session()
    expire(state)
    if len(state.sessions) >= state.session_limit:
        return refusals.sessions_full()
    number = str(state.number())
    session = state.sessions[f"{path}/{number}"] = Session(who)
    described = resource(
        f"{path}/{number}",
        "Session",
        "v1_4_0",
        Id=number,
        Name="Session",
        UserName=who.name,
        CreatedTime=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    state.resources.put(f"{path}/{number}", described)
    _list(state)
    headers = {"X-Auth-Token": session.token, "Location": f"{path}/{number}"}
    return flask.Response(json.dumps(described), 201, headers, content_type="application/json")


def end(state: "State", path: str, who: Who) -> flask.Response:
    """DELETE: anybody ends their own session, an administrator all."""
    if who.role != ADMINISTRATOR and state.sessions[path].who != who:
        return refusals.not_permitted()
    _drop(state, path)
    return refusals.nothing()


def who_has(state: "State", token: str) -> Who | None:
    """Whose session the token is of; it lives on by that."""
    expire(state)
    for session in state.sessions.values():
        if hmac.compare_digest(session.token.encode(), token.encode()):
            session.used_at = time.monotonic()
            return session.who
    return None


def expire(state: "State") -> None:
    """End what was silent for longer than SessionTimeout, and what is of no account any more."""
    service = state.resources.get(state.resources.linked(ROOT, "SessionService")) or {}
    seconds = service.get("SessionTimeout", _TIMEOUT_SECONDS)
    oldest = time.monotonic() - max(float(seconds), 30.0)
    for path, session in list(state.sessions.items()):
        gone = session.who.account is not None and session.who.account not in state.resources
        if session.used_at < oldest or gone:
            _drop(state, path)


def _drop(state: "State", path: str) -> None:
    del state.sessions[path]
    _list(state)


def _list(state: "State") -> None:
    """The collection and its members are those that live."""
    path = state.sessions_path
    if path is None or path not in state.resources:
        return
    for member in state.resources.members(path):
        if member not in state.sessions:
            state.resources.remove(member)
    state.resources.list_members(path, list(state.sessions))
