"""What every administrative change begins with: a transaction for an administrator, and the rows that it is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from oobctl.access import Actor, find_server, holds
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.constants import Permission, Protocol
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, WrongState
from oobctl.ids import is_id
from oobctl.store import Account, Endpoint, Server, Site, User, database

LONGEST_NAME = 128


@dataclass(frozen=True)
class Change:
    """One change under way: its transaction, and the record that it leaves."""

    session: Session
    actor: Actor
    tag: Tag
    reason: str

    def note(self, *, server: Server | None = None, account_id: str | None = None, **parameters: Any) -> None:
        """Write the record, in the same transaction. Secrets are no parameters. account_id: whose record it is."""
        record.event(
            self.session, self.actor, self.tag, server=server, account_id=account_id, parameters=parameters,
            reason=self.reason,
        )  # fmt: skip

    def insert(self, row: Any, taken: str) -> None:
        """Add a row. Raises WrongState with the sentence `taken` where its name is taken."""
        self.session.add(row)
        try:
            self.session.flush()
        except IntegrityError as error:
            raise WrongState(taken) from error

    def server(self, name_or_id: str) -> Server:
        """The server, its row locked: changes of one server follow each other. Raises NotFound."""
        found = find_server(self.session, self.actor, name_or_id)
        self.session.refresh(found, with_for_update=True)
        return found


@contextmanager
def change(
    actor: Actor, tag: Tag, server: str | None = None, *, for_staff: bool = False, **asked: Any
) -> Iterator[Change]:
    """A transaction for a change. Raises NotAllowed, after a record of it, unless the actor may administer.

    server: its name or id, and asked: what of the request goes into the record of a refusal. Secrets are no part of it.
    for_staff: what staff were refused is none of the customer's, as what they did would not be.
    """
    decision = holds(actor, Permission.ADMINISTER)
    if not decision.allowed:
        refused = NotAllowed(f"Only administrators may do this: {decision.reason}.")
        with database().write() as session:
            found = _visible(session, actor, server)
            told = {name: str(value)[:200] for name, value in asked.items() if value is not None}
            told |= {"server": server[:200]} if server is not None and found is None else {}
            hidden = for_staff and actor.is_staff
            refusals.add(session, actor, tag, server=found, parameters=told, reason=refused.message, for_staff=hidden)
        raise refused
    with database().write() as session:
        yield Change(session, actor, tag, decision.reason)


def _visible(session: Session, actor: Actor, server: str | None) -> Server | None:
    """The server that was meant, where the actor may know of it."""
    try:
        return None if server is None else find_server(session, actor, server)
    except (NotFound, InvalidParameter):
        return None


def checked_name(name: str, field: str = "name") -> str:
    """The name of an account, user or token. Raises InvalidParameter naming the field where it can't be one."""
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidParameter(f"The {field} has 1 to {LONGEST_NAME} characters; this has {len(name)}.", field=field)
    if not name.isprintable() or name != name.strip():
        raise InvalidParameter(
            f"The {field} {name!r} has characters that nobody can see, or a space at an end. Leave them out.",
            field=field,
        )
    if is_id(name):
        raise InvalidParameter(f"The {field} {name!r} reads as an id. Choose a word.", field=field)
    return name


def find_account(session: Session, name: str) -> Account:
    """The account of that name or id. Raises NotFound."""
    found = session.scalar(select(Account).where(Account.id == name if is_id(name) else Account.name == name))
    if found is None:
        raise NotFound(f"There is no account {name!r}.")
    return found


def find_user(session: Session, name: str) -> User:
    """The user of that name or id. Raises NotFound."""
    found = session.scalar(select(User).where(User.id == name if is_id(name) else User.name == name))
    if found is None:
        raise NotFound(f"There is no user {name!r}.")
    return found


def find_site(session: Session, name: str | None) -> Site:
    """The site of that name or id; None: the one that this installation serves. Raises NotFound."""
    name = name or settings().site
    found = session.scalar(select(Site).where((Site.name == name) | (Site.id == name)))
    if found is None:
        raise NotFound(f"There is no site {name!r}. Make it with `oobctl init --site {name}`.")
    return found


def find_endpoint(session: Session, server: Server, protocol: Protocol) -> Endpoint:
    """Where the server's BMC speaks the protocol. Raises NotFound."""
    query = select(Endpoint).where(Endpoint.bmc_id == server.bmc_id, Endpoint.protocol == protocol)
    found = session.scalar(query)
    if found is None:
        raise NotFound(f"{server.name} has no {protocol} endpoint.")
    return found
