"""The door to consoles: who may open one is decided and recorded here; the stream itself goes through a gateway."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl.access import Actor, find_server, may
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.consoles import admission, ending, tokens
from oobctl.constants import ConsoleKind, ConsoleMode, Permission
from oobctl.errors import NoGateway, NotAllowed, NotFound, WrongState
from oobctl.store import Console, Process, Server, database, db_now


@dataclass(frozen=True)
class OpenedConsole:
    """A console that may be opened until expires_at, at the gateway's address, with the token."""

    row: Console
    gateway: str
    token: str


def open_console(
    actor: Actor, server: str, kind: ConsoleKind, mode: ConsoleMode, *, panel_session: str | None = None
) -> OpenedConsole:
    """Let somebody open a server's screen or serial line. panel_session: the hash of theirs, which it is bound to.

    Raises NotFound, NotAllowed with the reason (recorded), WrongState, NoWay, NoGateway.
    """
    try:
        with database().write() as session:
            found = find_server(session, actor, server)
            reason = admission.check(session, actor, found, kind)
            gateway = gateway_for(session, found)
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
            return OpenedConsole(row, gateway, token)
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
        return OpenedConsole(row, gateway_for(session, row.server), tokens.issue(row))


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


def gateways(session: Session, site_id: str | None = None) -> list[str]:
    """Where browsers reach the site's gateways; None: those of all sites."""
    return [row.url for row in _living(session, site_id) if row.url is not None]


def _user(actor: Actor) -> str:
    return actor.user_id or actor.id


def gateway_for(session: Session, server: Server) -> str:
    """Where browsers reach it: the gateway that has the server's consoles already, else the newest of the site.

    Raises NoGateway.
    """
    living = {row.id: row for row in _living(session, server.site_id)}
    held = [row.gateway for row in open_consoles(session, server.id) if row.gateway in living]
    chosen = living.get(held[0] or "") if held else next(reversed(living.values()), None)
    if chosen is None or chosen.url is None:
        raise NoGateway(
            "No gateway runs at the server's site, so consoles cannot be opened now. Staff can start one: "
            "oobctl gateway. Everything else works."
        )
    return chosen.url


def _living(session: Session, site_id: str | None) -> list[Process]:
    alive = db_now() - Process.seen < settings().dead_after_seconds
    query = select(Process).where(Process.kind == "gateway", alive)
    query = query if site_id is None else query.where(Process.site_id == site_id)
    return list(session.scalars(query.order_by(Process.started_at)))
