"""Who a request comes from: read once, the same for Flask and for the ASGI routes."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from flask import Request, g
from flask_login import UserMixin, current_user
from werkzeug.http import parse_cookie

from oobctl.access import Actor, Presented, holds, identify
from oobctl.access.cookie import session_cookie
from oobctl.constants import Permission

POLL_HEADER = "X-Oobctl-Poll"
"""On what an open page asks by itself (hx-headers of its live parts): no sign that somebody sits there."""
_LONGEST_USER_AGENT = 256


@dataclass(frozen=True)
class Visitor(UserMixin):  # type: ignore[misc]
    """Flask-Login's idea of a user: an actor, and whether a bearer token named it."""

    actor: Actor
    by_bearer: bool

    def get_id(self) -> str:
        return self.actor.id

    @property
    def may_reinstall(self) -> bool:
        return holds(self.actor, Permission.REINSTALL).allowed


def presented(header: Callable[[str], str | None], address: str | None) -> Presented:
    """What a request brought. `header` gives a header's value by its name."""
    scheme, _, credential = (header("Authorization") or "").partition(" ")
    return Presented(
        cookie=parse_cookie(header("Cookie") or "").get(session_cookie()),
        bearer=credential.strip() if scheme.lower() == "bearer" else None,
        address=address,
        user_agent=(header("User-Agent") or "")[:_LONGEST_USER_AGENT] or None,
    )


def load_visitor(request: Request) -> Visitor | None:
    """Flask-Login's request_loader."""
    brought = presented(request.headers.get, request.remote_addr)
    actor = identify(brought, touch=POLL_HEADER not in request.headers)
    return Visitor(actor, by_bearer=brought.bearer is not None) if actor else None


def current_actor() -> Actor:
    """The actor of the request being answered; the guard let nobody without one come this far."""
    visitor: Visitor = current_user._get_current_object()
    return visitor.actor


def signed_in() -> Visitor | None:
    """The visitor of this request, or None. Never asks the database twice."""
    if "visitor" not in g:
        found = current_user._get_current_object()
        g.visitor = found if isinstance(found, Visitor) else None
    visitor: Visitor | None = g.visitor
    return visitor


def is_loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False
