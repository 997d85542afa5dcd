"""Tokens that open a console at the gateway: good for a minute, used once, kept hashed."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock, profiles
from oobctl.access import Actor
from oobctl.access.identify import digest, new_secret
from oobctl.audit import refusals
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.consoles import admission
from oobctl.consoles.recording.policy import NOT_RECORDED, Rule, rule_of
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.errors import ConfigurationError, NotAllowed
from oobctl.profiles.model import ConsoleSettings
from oobctl.store import Console, RecordingKey, database

GOOD_FOR = timedelta(seconds=60)
_WRONG = "This console's key is wrong, was used already, or its minute is over. Open the console from its page again."


@dataclass(frozen=True)
class Ticket:
    """Who is let in at a gateway, to what. account_id: whose the server is. limits: None without a profile.

    of_staff: they are, or who gave them the link is. rule: whether their being there is recorded.
    """

    console_id: str
    server_id: str
    server_name: str
    account_id: str | None
    kind: ConsoleKind
    mode: ConsoleMode
    actor: Actor
    panel_session: str | None
    limits: ConsoleSettings | None
    of_staff: bool = False
    rule: Rule = NOT_RECORDED


def issue(row: Console) -> str:
    """A new token for the console, in the caller's transaction. One that was not used yet is void."""
    token = new_secret("console")
    row.token_hash, row.token_expires_at = digest(token), clock.now() + GOOD_FOR
    return token


def redeem(
    token: str,
    *,
    gateway: str,
    cookie: str | None,
    same_name: bool,
    address: str | None,
    site_id: str | None = None,
    oem: bool = False,
) -> Ticket:
    """Use a token up. cookie: of the panel session that the browser has, where it sent one.

    same_name: the gateway has the panel's name, so the browser of the session that asked for it sends that cookie.
    site_id: the gateway's; None: any. oem: whether it is brought to where BMCs' own consoles are opened. Raises
    NotAllowed, which is recorded, and what `admission.check` raises.
    """
    with database().write() as session:
        row = session.scalar(select(Console).where(Console.token_hash == digest(token)).with_for_update())
        why = why_not(row, cookie, same_name, address)
        if row is not None and site_id is not None and row.server.site_id != site_id:
            why = "it is for another site's gateway"
        if row is not None and (row.kind is ConsoleKind.OEM) is not oem:
            why = "it is for a console of another kind"
        if row is not None and row.panel_session is not None and not admission.signed_in(session, row.panel_session):
            why = "who asked for it has signed out"
        if row is not None and why is None:
            row.token_hash = None  # used, whatever comes of it
            if row.ended_at is None:
                return _admitted(session, row, gateway)
            why = "the console had ended"
        who = Actor("anonymous", "", "somebody with a console's key", None, None, address=address)
        server = row.server if row is not None else None
        refusals.add(session, who, Tag.SERVER_CONSOLE_OPEN, server=server, reason=str(why), for_staff=True)
    raise NotAllowed(_WRONG)


def why_not(row: Console | RecordingKey | None, cookie: str | None, same_name: bool, address: str | None) -> str | None:
    """Why a key, found by its token, lets nobody in now."""
    if row is None:
        return "there is no such key, or it was used"
    if row.token_expires_at <= clock.now():
        return "its minute was over"
    if settings().console_bind_address and row.actor.get("address") != address:
        return "it came from another address than the one that asked for it"
    if row.panel_session is not None:
        if cookie is None and same_name:
            return "the browser is not the one that asked for it: it has no panel session"
        if cookie is not None and digest(cookie) != row.panel_session:
            return "it came from another panel session than the one that asked for it"
    return None


def _admitted(session: Session, row: Console, gateway: str) -> Ticket:
    actor, may = Actor.from_json(row.actor), admission.who_may(session, row)
    if may is None:
        raise NotAllowed("Who let you in may not do so any more. Nothing was opened.")
    admission.check(session, may, row.server, row.kind)
    row.gateway, row.opened_at = gateway, row.opened_at or clock.now()
    try:
        limits = profiles.find(row.server.bmc.profile).consoles
    except ConfigurationError:
        limits = None
    return Ticket(
        row.id, row.server_id, row.server.name, row.account_id, row.kind, row.mode, actor, row.panel_session, limits,
        of_staff=may.is_staff, rule=rule_of(session, row.server_id),
    )  # fmt: skip
