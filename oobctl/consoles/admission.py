"""Who may be at a console: asked when it is opened, and again every second while it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from oobctl import clock, profiles
from oobctl.access import Actor, find_server, may, renew
from oobctl.audit import record
from oobctl.config import settings
from oobctl.consoles.recording.policy import rule_of
from oobctl.constants import Capability, ConsoleKind, Lifecycle, Permission
from oobctl.errors import ConfigurationError, NotAllowed, NotFound, NoWay, OobctlError, WrongState
from oobctl.profiles.launch import Launch
from oobctl.store import Console, ConsoleShare, PanelSession, Server, database

CAPABILITIES = {
    ConsoleKind.GRAPHICAL: Capability.CONSOLE_SCREEN,
    ConsoleKind.SERIAL: Capability.CONSOLE_SERIAL,
    ConsoleKind.OEM: Capability.CONSOLE_OEM,
}
SHOWN_IN = frozenset({Lifecycle.READY, Lifecycle.ASSIGNED, Lifecycle.SUSPENDED})
_TITLES = {
    ConsoleKind.GRAPHICAL: "screen",
    ConsoleKind.SERIAL: "serial line",
    ConsoleKind.OEM: "console in the own web pages of the BMC",
}


def check(session: Session, actor: Actor, server: Server, kind: ConsoleKind) -> str:
    """Why the actor may. Raises NotAllowed with the reason, WrongState, NoWay."""
    decision = may(session, actor, Permission.CONSOLE, server)
    if not decision.allowed:
        raise NotAllowed(f"You may not open the {_TITLES[kind]} of {server.name}: {decision.reason}.")
    if server.lifecycle not in SHOWN_IN:
        tells = server.lifecycle is Lifecycle.QUARANTINED and actor.is_staff
        because = f": {server.quarantined_because}" if tells else ""
        raise WrongState(
            f"{server.name} is {server.lifecycle}{because}, and has no console until staff have looked at it."
        )
    check_way(server, kind)
    if kind is ConsoleKind.OEM:
        _check_oem(session, actor, server)
    return decision.reason


def _check_oem(session: Session, actor: Actor, server: Server) -> None:
    """A page of the BMC's cannot be looked into: neither what it has in the browser, nor what it shows."""
    launch = _launch_of(server)
    if launch is not None and launch.token_in_browser and not actor.is_staff:
        raise NotAllowed(
            f"The BMC's own console of {server.name} is for your provider's staff alone: a short-lived token of the "
            "BMC reaches the browser there."
        )
    if rule_of(session, server.id).holds_for(of_staff=actor.is_staff):
        raise NotAllowed(
            f"Consoles of {server.name} are recorded, and what the BMC's own pages show cannot be: they are not opened."
        )


def token_in_browser(server: Server) -> bool:
    """Whether the BMC's own pages need a token of the BMC in the browser, which it has to be told."""
    launch = _launch_of(server)
    return launch is not None and launch.token_in_browser


def _launch_of(server: Server) -> Launch | None:
    try:
        return profiles.find(server.bmc.profile).consoles.launch
    except ConfigurationError:
        return None


def check_way(server: Server, kind: ConsoleKind) -> None:
    """Raises NoWay. A profile that is missing or wrong refuses nothing here: the gateway says so."""
    try:
        profile = profiles.find(server.bmc.profile)
    except ConfigurationError:
        return
    capability = CAPABILITIES[kind]
    way = profile.way_to(capability, [endpoint.protocol for endpoint in server.bmc.endpoints])
    if kind is ConsoleKind.OEM and profile.consoles.launch is None:
        way = None
    if way is None:
        takes = " or ".join(str(protocol).upper() for protocol in profile.transports.get(capability, ()))
        needs = f"Staff can add its {takes} endpoint" if takes else "Its BMC has none that oobctl knows"
        raise NoWay(f"There is no way to the {_TITLES[kind]} of {server.name} yet. {needs}.")


@dataclass(frozen=True)
class Over:
    """A console that may not go on, and why, in words for whoever is at it."""

    console_id: str
    because: str


def over(consoles: Sequence[str]) -> list[Over]:
    """Those of these consoles that have to end now. Raises StoreUnavailable."""
    with database().read() as session:
        look = _Look(session, consoles)
        found = [(one, look.why_over(one)) for one in consoles]
    return [Over(console_id, because) for console_id, because in found if because is not None]


class _Look:
    """One look at many consoles: what several share is asked once."""

    def __init__(self, session: Session, consoles: Sequence[str]) -> None:
        self._session = session
        rows = session.scalars(select(Console).where(Console.id.in_(consoles)).options(joinedload(Console.server)))
        self._rows = {row.id: row for row in rows}
        hashes = {row.panel_session for row in self._rows.values() if row.panel_session is not None}
        signed_in = session.scalars(select(PanelSession).where(PanelSession.secret_hash.in_(hashes)))
        self._signed_in = {found.secret_hash for found in signed_in if _goes_on(found)}
        self._known: dict[tuple[str, ...], str | None] = {}

    def why_over(self, console_id: str) -> str | None:
        row = self._rows.get(console_id)
        if row is None:
            return "It is gone."
        if row.ended_at is not None:
            return row.ended_because or "It was ended."
        if row.panel_session is not None and row.panel_session not in self._signed_in:
            return "You signed out of the panel, or your session there ended."
        who = row.share_id or f"{row.actor_id} {row.actor.get('account_id')}"
        key = (who, row.server_id, row.kind)
        if key not in self._known:
            self._known[key] = self._why_not(row)
        return self._known[key]

    def _why_not(self, row: Console) -> str | None:
        actor = who_may(self._session, row)
        if actor is None:
            return "The link that let you in has ended." if row.share_id is not None else "Your access has ended."
        try:
            server = find_server(self._session, actor, row.server_id)
            check(self._session, actor, server, row.kind)
        except NotFound:
            return "The server is not yours any more."
        except OobctlError as error:
            return error.message
        return None


def people_at(server_id: str, kind: ConsoleKind, gateways: Sequence[str]) -> list[str]:
    """The names of who has a console of the server open at these gateways. Raises StoreUnavailable."""
    here = (Console.server_id == server_id, Console.kind == kind, Console.gateway.in_(gateways))
    with database().read() as session:
        rows = session.scalars(select(Console).where(*here, Console.ended_at.is_(None)).order_by(Console.opened_at))
        return list(dict.fromkeys(str(row.actor["name"]) for row in rows))


def who_may(session: Session, row: Console) -> Actor | None:
    """By whose right somebody is at a console, as they are now: their own, or that of who gave them the link."""
    if row.share_id is None:
        return renew(session, Actor.from_json(row.actor))
    share = session.get(ConsoleShare, row.share_id)
    return host_of(session, share) if share is not None and is_good(session, share) else None


def is_good(session: Session, share: ConsoleShare) -> bool:
    """Whether a link still lets anybody in: not ended, and the server has the tenant that it had then."""
    if share.revoked_at is not None or share.expires_at <= clock.now():
        return False
    return record.account_of(session, share.server_id) == share.account_id


def host_of(session: Session, share: ConsoleShare) -> Actor | None:
    """Who made the link, as they are now."""
    return renew(session, Actor.from_json(share.actor))


def signed_in(session: Session, secret_hash: str) -> bool:
    """Whether a panel session, by its hash, goes on."""
    found = session.get(PanelSession, secret_hash)
    return found is not None and _goes_on(found)


def _goes_on(found: PanelSession) -> bool:
    now = clock.now()
    idle, longest = timedelta(minutes=settings().session_idle_minutes), timedelta(hours=settings().session_hours)
    return found.ended_at is None and now - found.seen_at <= idle and now - found.created_at <= longest
