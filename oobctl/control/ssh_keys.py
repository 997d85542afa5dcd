"""The SSH keys that users keep here: each user's own, to be chosen at reinstalls."""

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from oobctl.access import Actor
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.constants import Permission
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, WrongState
from oobctl.images.ssh_keys import SshKey as PublicKey
from oobctl.images.ssh_keys import fingerprint_of
from oobctl.store import SshKey, database

_MOST = 50
_LONGEST_NAME = 128
_LINE: TypeAdapter[str] = TypeAdapter(PublicKey)


def ssh_keys(actor: Actor) -> list[SshKey]:
    """The user's keys, by name; none of an actor that is no user."""
    query = select(SshKey).where(SshKey.user_id == _user_of(actor)).order_by(SshKey.name, SshKey.id)
    with database().read() as session:
        return list(session.scalars(query))


def add_ssh_key(actor: Actor, key: str, name: str = "") -> SshKey:
    """Keep a public key. name: empty: the key's own comment.

    Raises InvalidParameter with `field`, WrongState where the user has that key or too many, NotAllowed (recorded).
    """
    user_id = _check_may(actor, Tag.ACCOUNT_SSH_KEY_ADD)
    line = _checked(key)
    fingerprint = fingerprint_of(line)
    called = " ".join((name.strip() or line.partition(" ")[2].partition(" ")[2] or fingerprint).split())
    if not called.isprintable() or len(called) > _LONGEST_NAME:
        raise InvalidParameter(f"A key's name has 1 to {_LONGEST_NAME} characters, in one line.", field="name")
    with database().write() as session:
        known = session.scalar(select(SshKey).where(SshKey.user_id == user_id, SshKey.fingerprint == fingerprint))
        if known is not None:
            raise WrongState(f"You have this key already, as “{known.name}”.")
        if (session.scalar(select(func.count()).where(SshKey.user_id == user_id)) or 0) >= _MOST:
            raise WrongState(f"You have {_MOST} keys, and more are not kept. Remove one that you use no more.")
        row = SshKey(user_id=user_id, name=called, key=line, fingerprint=fingerprint)
        session.add(row)
        _note(session, actor, Tag.ACCOUNT_SSH_KEY_ADD, row)
        return row


def remove_ssh_key(actor: Actor, key_id: str) -> None:
    """Keep it no more; servers that have it keep it. Raises NotFound, NotAllowed (recorded)."""
    user_id = _check_may(actor, Tag.ACCOUNT_SSH_KEY_REMOVE)
    with database().write() as session:
        row = session.scalar(select(SshKey).where(SshKey.id == key_id, SshKey.user_id == user_id))
        if row is None:
            raise NotFound("There is no such key among yours.")
        _note(session, actor, Tag.ACCOUNT_SSH_KEY_REMOVE, row)
        session.delete(row)


def _checked(key: str) -> str:
    try:
        return _LINE.validate_python(key)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ").rstrip(".")
        raise InvalidParameter(f"The key was not taken: {why}.", field="key") from error


def _user_of(actor: Actor) -> str | None:
    return actor.id if actor.kind == "user" else actor.user_id


def _check_may(actor: Actor, tag: Tag) -> str:
    """The user's id. A token that could reinstall nothing must not choose who may log in after the next reinstall."""
    user_id = _user_of(actor)
    limited = actor.permissions is not None and Permission.REINSTALL not in actor.permissions
    if user_id is not None and not limited:
        return user_id
    why = "it is limited to other things than reinstalls" if user_id is not None else "it acts for no user"
    refused = NotAllowed(f"This token can't change SSH keys: {why}. Sign in, or use another token.")
    with database().write() as session:
        refusals.add(session, actor, tag, reason=refused.message)
    raise refused


def _note(session: Session, actor: Actor, tag: Tag, row: SshKey) -> None:
    told = {"name": row.name, "fingerprint": row.fingerprint}
    record.event(session, actor, tag, parameters=told, reason="their own key")
