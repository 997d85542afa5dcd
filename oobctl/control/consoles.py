"""The door to consoles: who may open one is decided and recorded here; the stream itself goes through a gateway."""

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl.access import Actor, find_server, may
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.consoles import admission, ending, tokens
from oobctl.consoles.launch import names
from oobctl.constants import ConsoleKind, ConsoleMode, Permission
from oobctl.errors import InvalidParameter, NoGateway, NotAllowed, NotFound, NoWay, OobctlError, WrongState
from oobctl.store import Console, Process, Server, database, db_now


@dataclass(frozen=True)
class OpenedConsole:
    """A console that may be opened until expires_at, at the gateway's address, with the token.

    launch: where the token is posted to instead, of a console in the BMC's own pages.
    """

    row: Console
    gateway: str
    token: str
    launch: str | None = None


def open_console(
    actor: Actor, server: str, kind: ConsoleKind, mode: ConsoleMode, *, panel_session: str | None = None
) -> OpenedConsole:
    """Let somebody open a server's screen or serial line. panel_session: the hash of theirs, which it is bound to.

    Raises NotFound, NotAllowed with the reason (recorded), WrongState, NoWay, NoGateway, InvalidParameter.
    """
    if kind is ConsoleKind.OEM and mode is not ConsoleMode.CONTROL:
        raise InvalidParameter("The BMC's own console takes what is typed: it has no mode view.", field="mode")
    try:
        with database().write() as session:
            found = find_server(session, actor, server)
            reason = admission.check(session, actor, found, kind)
            gateway = gateway_for(session, found, kind)
            row = Console(
                server_id=found.id, account_id=record.account_of(session, found.id), kind=kind, mode=mode,
                actor_id=actor.id, actor=actor.to_json(), panel_session=panel_session,
            )  # fmt: skip
            token = tokens.issue(row)
            session.add(row)
            session.flush()
            parameters = {"console": row.id, "kind": kind, "mode": mode}
            record.event(
                session, actor, Tag.SERVER_CONSOLE_OPEN, server=found, parameters=parameters, reason=reason
            )  # fmt: skip
            session.refresh(row, ["server"])
            return _opened(row, gateway, token)
    except NotAllowed as refused:
        with database().write() as session:
            found = find_server(session, actor, server)
            parameters = {"kind": kind, "mode": mode}
            refusals.add(
                session, actor, Tag.SERVER_CONSOLE_OPEN, server=found, parameters=parameters, reason=refused.message
            )
        raise


def find_console(session: Session, actor: Actor, console_id: str) -> Console:
    """A console of the actor's own, as the user or for them by a token. Raises NotFound."""
    row = session.get(Console, console_id)
    if row is None or row.share_id is not None or _user(Actor.from_json(row.actor)) != _user(actor):
        raise NotFound("There is no such console of yours.")
    return row


def reopen(actor: Actor, console_id: str, *, panel_session: str | None) -> OpenedConsole:
    """A new token for a console of one's own: the page was opened, loaded again, or lost its connection.

    Raises NotFound, NotAllowed where it belongs to another panel session, WrongState where it has ended, and what
    `open_console` raises.
    """
    with database().write() as session:
        row = find_console(session, actor, console_id)
        session.refresh(row, with_for_update=True)
        if row.ended_at is not None:
            raise WrongState(f"This console has ended. {row.ended_because} Open it again from the server's page.")
        if row.panel_session is not None and row.panel_session != panel_session:
            raise NotAllowed(
                "This console was opened in another sign-in of yours. Open one here from the server's page."
            )
        admission.check(session, actor, row.server, row.kind)
        row.panel_session = panel_session
        row.actor, row.account_id = actor.to_json(), record.account_of(session, row.server_id)
        return _opened(row, gateway_for(session, row.server, row.kind), tokens.issue(row))


def end_console(actor: Actor, console_id: str) -> None:
    """End one's own console, or as staff anybody's. Raises NotFound, NotAllowed."""
    with database().write() as session:
        row = session.get(Console, console_id)
        if row is None or not (actor.is_staff or _user(Actor.from_json(row.actor)) == _user(actor)):
            raise NotFound("There is no such console of yours.")
        check_may(session, actor, row.server_id, "end a console of")
        own = _user(Actor.from_json(row.actor)) == _user(actor)
        ending.ask(session, row, actor, "You ended it." if own else f"{actor.name} ended it.")


def check_may(session: Session, actor: Actor, server_id: str, what: str) -> Server:
    """The server, where the actor may be at its consoles. Raises NotFound, NotAllowed."""
    server = find_server(session, actor, server_id)
    decision = may(session, actor, Permission.CONSOLE, server)
    if not decision.allowed:
        raise NotAllowed(f"You may not {what} {server.name}: {decision.reason}.")
    return server


def open_consoles(session: Session, server_id: str) -> list[Console]:
    """Those that are open at a server now, the oldest first."""
    query = select(Console).where(Console.server_id == server_id, Console.ended_at.is_(None))
    return list(session.scalars(query.where(Console.gateway.is_not(None)).order_by(Console.opened_at)))


def why_not_open(session: Session, actor: Actor, server: Server, kind: ConsoleKind) -> str | None:
    """Why the actor cannot open it now, for the page that offers it; None where they can."""
    try:
        admission.check(session, actor, server, kind)
        gateway_for(session, server, kind)
    except OobctlError as error:
        return error.message
    return None


def screen_kind(server: Server) -> ConsoleKind:
    """How a server's screen is shown: by us where there is a way, else in the BMC's own pages where there is one."""
    for kind in (ConsoleKind.GRAPHICAL, ConsoleKind.OEM):
        with suppress(NoWay):
            admission.check_way(server, kind)
            return kind
    return ConsoleKind.GRAPHICAL


def launch_urls(session: Session, site_id: str) -> list[str]:
    """Under which names browsers reach BMCs' own consoles at the site's gateways."""
    return [row.launch_url for row in _living(session, site_id) if row.launch_url is not None]


def gateways(session: Session, site_id: str | None = None) -> list[str]:
    """Where browsers reach the site's gateways; None: those of all sites."""
    return [row.url for row in _living(session, site_id) if row.url is not None]


def _user(actor: Actor) -> str:
    return actor.user_id or actor.id


def _opened(row: Console, gateway: Process, token: str) -> OpenedConsole:
    oem = row.kind is ConsoleKind.OEM
    return OpenedConsole(
        row, gateway.url or "", token, names.open_url(gateway.launch_url or "", token) if oem else None
    )


def gateway_for(session: Session, server: Server, kind: ConsoleKind = ConsoleKind.GRAPHICAL) -> Process:
    """Which one opens it: the gateway that has the server's consoles already, else the newest of the site.

    Raises NoGateway.
    """
    there = _living(session, server.site_id)
    oem = kind is ConsoleKind.OEM
    living = {row.id: row for row in there if row.url is not None and (row.launch_url is not None or not oem)}
    if oem and there and not living:
        raise NoGateway(
            "No gateway of the server's site has a name for BMCs' own consoles. Staff can give it one: "
            "OOBCTL_LAUNCH_URL. Everything else works."
        )
    held = [row.gateway for row in open_consoles(session, server.id) if row.gateway in living]
    chosen = living.get(held[0] or "") if held else next(reversed(living.values()), None)
    if chosen is None:
        raise NoGateway(
            "No gateway runs at the server's site, so consoles cannot be opened now. Staff can start one: "
            "oobctl gateway. Everything else works."
        )
    return chosen


def _living(session: Session, site_id: str | None) -> list[Process]:
    alive = db_now() - Process.seen < settings().dead_after_seconds
    query = select(Process).where(Process.kind == "gateway", alive)
    query = query if site_id is None else query.where(Process.site_id == site_id)
    return list(session.scalars(query.order_by(Process.started_at)))
