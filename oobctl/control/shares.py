"""Links that let somebody without an account look at a console, or type there, for as long as who made them may."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor, find_server
from oobctl.access.identify import digest, new_secret
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.consoles import admission, tokens
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.control.consoles import OpenedConsole, check_may, gateway_for
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, NoWay, WrongState
from oobctl.ids import new_id
from oobctl.store import Console, ConsoleShare, database

LONGEST_HOURS = 24
_WRONG = "This link is wrong, or has ended. Ask who gave it to you for another one."


def share_console(
    actor: Actor, server: str, kind: ConsoleKind, mode: ConsoleMode, hours: int
) -> tuple[ConsoleShare, str]:
    """Make a link; its secret is told once. Raises what `open_console` raises."""
    if kind is ConsoleKind.OEM:
        raise InvalidParameter("The BMC's own console is not shared: its pages know of no guests.", field="kind")
    with database().write() as session:
        found = find_server(session, actor, server)
        reason = admission.check(session, actor, found, kind)
        secret = new_secret("share")
        row = ConsoleShare(
            id=new_id(), server_id=found.id, account_id=record.account_of(session, found.id), kind=kind, mode=mode,
            secret_hash=digest(secret), actor_id=actor.id, actor=actor.to_json(),
            expires_at=clock.now() + timedelta(hours=hours),
        )  # fmt: skip
        session.add(row)
        parameters = {"share": row.id, "kind": kind, "mode": mode, "expires_at": clock.rfc3339(row.expires_at)}
        record.event(session, actor, Tag.SERVER_CONSOLE_SHARE, server=found, parameters=parameters, reason=reason)
        return row, secret


def shares(session: Session, actor: Actor, server_id: str) -> list[ConsoleShare]:
    """The links to a server's consoles that are good now: one's own, for staff all. The newest first."""
    good = (ConsoleShare.server_id == server_id, ConsoleShare.revoked_at.is_(None))
    query = select(ConsoleShare).where(*good, ConsoleShare.expires_at > clock.now())
    if not actor.is_staff:
        query = query.where(ConsoleShare.actor_id == actor.id)
    return list(session.scalars(query.order_by(ConsoleShare.created_at.desc())))


def end_share(actor: Actor, share_id: str) -> None:
    """End one's own link, as staff anybody's; whoever came by it is let go within seconds.

    Raises NotFound, NotAllowed.
    """
    with database().write() as session:
        row = session.get(ConsoleShare, share_id)
        if row is None or not (actor.is_staff or row.actor_id == actor.id):
            raise NotFound("There is no such link of yours.")
        server = check_may(session, actor, row.server_id, "end a link to")
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            parameters = {"share": row.id, "ended": True}
            record.event(
                session, actor, Tag.SERVER_CONSOLE_SHARE, server=server, parameters=parameters, reason="the link ended"
            )


def open_shared(secret: str, *, address: str | None, user_agent: str | None) -> OpenedConsole:
    """Let in who has the secret of a link.

    Raises NotAllowed (recorded) where there is none such that is good, NoGateway, and what `admission.check` raises of
    who made it.
    """
    guest = Actor("guest", "", "a guest", None, None, address=address, user_agent=user_agent)
    with database().write() as session:
        share = session.scalar(select(ConsoleShare).where(ConsoleShare.secret_hash == digest(secret)))
        if share is not None and admission.is_good(session, share):
            return _opened(session, share, guest)
        refusals.add(session, guest, Tag.SERVER_CONSOLE_OPEN, reason="a wrong or ended link", for_staff=True)
    raise NotAllowed(_WRONG)


def _opened(session: Session, share: ConsoleShare, guest: Actor) -> OpenedConsole:
    host = admission.host_of(session, share)
    if host is None:
        raise NotAllowed(_WRONG)
    try:
        server = find_server(session, host, share.server_id)
        admission.check(session, host, server, share.kind)
    except (NotFound, NotAllowed, WrongState, NoWay) as error:  # what is wrong is their matter, not the guest's
        raise NotAllowed(_WRONG) from error
    name = f"a guest of {host.name}"
    who = Actor("guest", share.id, name, host.account_id, None, address=guest.address, user_agent=guest.user_agent)
    row = Console(
        server_id=server.id, account_id=record.account_of(session, server.id), kind=share.kind, mode=share.mode,
        actor_id=share.id, actor=who.to_json(), share_id=share.id,
    )  # fmt: skip
    token = tokens.issue(row)
    session.add(row)
    session.flush()
    parameters = {"console": row.id, "kind": share.kind, "mode": share.mode, "share": share.id}
    record.event(
        session, who, Tag.SERVER_CONSOLE_OPEN, server=server, parameters=parameters, reason=f"by a link of {host.name}"
    )
    session.refresh(row, ["server"])
    return OpenedConsole(row, gateway_for(session, server).url or "", token)
