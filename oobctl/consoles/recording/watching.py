"""Who may see what was recorded: a key from the panel, once, and the right to it asked again with all that is read."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor, find_server, may, renew
from oobctl.access.identify import digest, new_secret
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.consoles import admission, tokens
from oobctl.constants import Permission
from oobctl.errors import NotAllowed, NotFound
from oobctl.store import Recording, RecordingKey, Server, database

_WRONG = "This key is wrong, was used already, or its minute is over. Open the recording from its page again."


@dataclass(frozen=True)
class View:
    """What a key opened: a recording, or (recording_id None) the serial log of the server, of account_id's time."""

    key_id: str
    server_id: str
    recording_id: str | None


def check(session: Session, actor: Actor, server: Server, account_id: str | None) -> str:
    """Why the actor may see what was recorded at the server while it was account_id's.

    Raises NotFound where it was another tenant's, NotAllowed with the reason.
    """
    decision = may(session, actor, Permission.CONSOLE, server)
    if not decision.allowed:
        raise NotAllowed(f"You may not see what was recorded at {server.name}: {decision.reason}.")
    if not actor.is_staff and record.account_of(session, server.id) != account_id:
        raise NotFound("There is no such recording.")
    return decision.reason


def issue(row: RecordingKey) -> str:
    """A token for the key, in the caller's transaction."""
    token = new_secret("recording")
    row.token_hash, row.token_expires_at = digest(token), clock.now() + tokens.GOOD_FOR
    return token


def redeem(key: str, *, cookie: str | None, same_name: bool, address: str, site_id: str) -> View:
    """Use a token up; as consoles.tokens.redeem. Raises NotAllowed, which is recorded, and what `still` raises."""
    with database().write() as session:
        query = select(RecordingKey).where(RecordingKey.token_hash == digest(key))
        row = session.scalar(query.with_for_update())
        why = tokens.why_not(row, cookie, same_name, address)
        if row is not None and why is None:
            row.token_hash = None
            view = View(row.id, row.server_id, row.recording_id)
            _still(session, row)
            server = session.get_one(Server, row.server_id)
            if server.site_id == site_id:
                return view
            why = "it is for another site's gateway"
        who = Actor("anonymous", "", "somebody with a recording's key", None, None, address=address)
        refusals.add(session, who, Tag.SERVER_CONSOLE_WATCH, reason=str(why), for_staff=True)
    raise NotAllowed(_WRONG)


def still(view: View) -> str | None:
    """Whether who has it may still see it: the account whose time it is of. Raises NotAllowed, NotFound."""
    with database().read() as session:
        row = session.get(RecordingKey, view.key_id)
        if row is None:
            raise NotAllowed(_WRONG)
        return _still(session, row)


def _still(session: Session, row: RecordingKey) -> str | None:
    if row.panel_session is not None and not admission.signed_in(session, row.panel_session):
        raise NotAllowed("You signed out of the panel, or your session there ended.")
    actor = renew(session, Actor.from_json(row.actor))
    if actor is None:
        raise NotAllowed("Your access has ended.")
    server = find_server(session, actor, row.server_id)
    if row.recording_id is None:
        account_id = record.account_of(session, row.server_id)
    else:
        account_id = session.get_one(Recording, row.recording_id).account_id
    check(session, actor, server, account_id)
    return account_id
