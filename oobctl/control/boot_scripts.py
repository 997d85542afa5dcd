"""The iPXE scripts that accounts keep here: each account's own, to be started with boot.script."""

import re

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from oobctl.access import Actor, is_suspended
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.errors import InvalidParameter, NotAllowed, WrongState
from oobctl.images.installs import scripts
from oobctl.store import BootScript, database

_MOST = 50
_NAME = re.compile(rf"(?!(?:true|false|null)$)[a-z][a-z0-9.-]{{0,{scripts.LONGEST_NAME - 1}}}")
"""What reads as a number or another value in JSON would be taken for that on a command line."""
_SCRIPT: TypeAdapter[str] = TypeAdapter(scripts.Script)


def boot_scripts(actor: Actor) -> list[BootScript]:
    """The account's scripts without their text, by name. Raises NotAllowed."""
    query = select(BootScript).where(BootScript.account_id == scripts.check_may(actor)).order_by(BootScript.name)
    with database().read() as session:
        return list(session.scalars(query))


def boot_script_names(actor: Actor) -> list[str]:
    """Of those that the actor may use; none of one who may use none."""
    try:
        account_id = scripts.check_may(actor)
    except NotAllowed:
        return []
    with database().read() as session:
        return scripts.names(session, account_id)


def find_boot_script(actor: Actor, name_or_id: str) -> BootScript:
    """One of the account's, with its text. Raises NotFound, NotAllowed."""
    account_id = scripts.check_may(actor)
    with database().read() as session:
        return scripts.saved(session, account_id, name_or_id)


def add_boot_script(actor: Actor, name: str, script: str) -> BootScript:
    """Keep a script for the actor's account.

    Raises InvalidParameter with `field`, WrongState where the name is taken or too many are kept, NotAllowed
    (recorded).
    """
    account_id = _check_recorded(actor, Tag.ACCOUNT_BOOT_SCRIPT_ADD)
    if _NAME.fullmatch(name) is None:
        raise InvalidParameter(
            f"{name[:80]!r} is no name of a boot script: it has 1 to {scripts.LONGEST_NAME} of a-z, 0-9, '.' and '-', "
            "begins with a letter, and is neither true, false nor null.",
            field="name",
        )
    text = _checked(script)
    taken = f"Your account keeps a boot script {name} already. Remove it, or choose another name."
    try:
        with database().write() as session:
            mine = BootScript.account_id == account_id
            if session.scalar(select(BootScript.id).where(mine, BootScript.name == name)) is not None:
                raise WrongState(taken)
            if (session.scalar(select(func.count()).where(mine)) or 0) >= _MOST:
                raise WrongState(f"Your account keeps {_MOST} boot scripts, and no more are kept. Remove one first.")
            row = BootScript(
                account_id=account_id, name=name, script=text, sha256=scripts.sha256(text), lines=scripts.lines(text),
                added_by=actor.name,
            )  # fmt: skip
            session.add(row)
            _note(session, actor, Tag.ACCOUNT_BOOT_SCRIPT_ADD, row)
            return row
    except IntegrityError as error:  # two at once
        raise WrongState(taken) from error


def remove_boot_script(actor: Actor, name_or_id: str) -> None:
    """Keep it no more; a job that was asked to start from it still does. Raises NotFound, NotAllowed (recorded)."""
    account_id = _check_recorded(actor, Tag.ACCOUNT_BOOT_SCRIPT_REMOVE)
    with database().write() as session:
        row = scripts.saved(session, account_id, name_or_id)
        _note(session, actor, Tag.ACCOUNT_BOOT_SCRIPT_REMOVE, row)
        session.delete(row)


def _checked(script: str) -> str:
    try:
        return _SCRIPT.validate_python(script)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ").rstrip(".")
        raise InvalidParameter(f"The script was not taken: {why}.", field="script") from error


def _check_recorded(actor: Actor, tag: Tag) -> str:
    """The account whose scripts the actor may change now."""
    with database().read() as session:
        suspended = not actor.is_staff and is_suspended(session, actor)
    try:
        account_id = scripts.check_may(actor)
        if suspended:
            raise NotAllowed("Your account is suspended, so its boot scripts stay as they are. Ask your provider.")
        return account_id
    except NotAllowed as refused:
        with database().write() as session:
            refusals.add(session, actor, tag, reason=refused.message)
        raise


def _note(session: Session, actor: Actor, tag: Tag, row: BootScript) -> None:
    """A script may have a password in it: its SHA-256 tells which one it was."""
    told = {"name": row.name, "sha256": row.sha256, "lines": row.lines}
    record.event(session, actor, tag, parameters=told, reason="their account's own boot script")
