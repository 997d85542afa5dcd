"""Users: adding one, their password, their memberships, and their end."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor
from oobctl.access.sign_in import hash_password
from oobctl.administer.change import change, find_account, find_user
from oobctl.administer.names import checked_login
from oobctl.audit.tags import Tag
from oobctl.constants import STAFF_ROLES, Role
from oobctl.errors import InvalidParameter, NotFound
from oobctl.store import Account, Membership, PanelSession, User

LEAST_PASSWORD = 12
_LONGEST_PASSWORD = 1024


def add_user(actor: Actor, name: str, password: str, account: str, role: Role) -> User:
    """A new user with a role in an account. Raises NotAllowed, NotFound, InvalidParameter, WrongState."""
    checked_login(name)
    password_hash = _hashed(password)
    with change(actor, Tag.ACCOUNT_USER_ADD) as this:
        owner = find_account(this.session, account)
        check_role(owner, role)
        user = User(name=name, password_hash=password_hash)
        this.insert(user, f"There is a user {name!r} already, or one that differs in upper and lower case alone.")
        this.session.add(Membership(user_id=user.id, account_id=owner.id, role=role))
        this.note(name=name, account=owner.name, role=role)
        return user


def set_password(actor: Actor, user: str, password: str) -> None:
    """A new password; wherever the user is signed in, they are signed out. Raises NotAllowed, NotFound,
    InvalidParameter.
    """
    password_hash = _hashed(password)
    with change(actor, Tag.ACCOUNT_USER_PASSWORD) as this:
        found = find_user(this.session, user)
        found.password_hash = password_hash
        _end_sessions(this.session, found)
        this.note(name=found.name)


def disable_user(actor: Actor, user: str) -> None:
    """The user and the tokens that act for them are nobody from now on. Raises NotAllowed, NotFound."""
    with change(actor, Tag.ACCOUNT_USER_DISABLE) as this:
        found = find_user(this.session, user)
        found.disabled_at = found.disabled_at or clock.now()
        _end_sessions(this.session, found)
        this.note(name=found.name)


def enable_user(actor: Actor, user: str) -> None:
    """A disabled user may sign in again, and their tokens act again. Raises NotAllowed, NotFound."""
    with change(actor, Tag.ACCOUNT_USER_ENABLE) as this:
        found = find_user(this.session, user)
        found.disabled_at = None
        this.note(name=found.name)


def end_membership(actor: Actor, user: str, account: str) -> None:
    """The user, and their tokens, act in that account no more. Raises NotAllowed, NotFound."""
    with change(actor, Tag.ACCOUNT_MEMBERSHIP_END) as this:
        member, owner = find_user(this.session, user), find_account(this.session, account)
        membership = find_membership(this.session, member, owner)
        membership.ended_at = clock.now()
        this.note(name=member.name, account=owner.name, role=membership.role)


def find_membership(session: Session, user: User, account: Account) -> Membership:
    """The user's membership that has not ended. Raises NotFound."""
    query = select(Membership).where(Membership.user_id == user.id, Membership.account_id == account.id)
    found = session.scalar(query.where(Membership.ended_at.is_(None)))
    if found is None:
        raise NotFound(f"{user.name} is no member of the account {account.name}.")
    return found


def check_role(account: Account, role: Role) -> None:
    """Raises InvalidParameter where a staff role meets a customer's account, or the other way round."""
    if (role in STAFF_ROLES) != (account.kind == "provider"):
        raise InvalidParameter(
            f"The role {role} does not fit the account {account.name}: staff roles belong to the provider's account.",
            field="role",
        )


def _hashed(password: str) -> str:
    if not LEAST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise InvalidParameter(
            f"A password has at least {LEAST_PASSWORD} characters, and no more than {_LONGEST_PASSWORD}.",
            field="password",
        )
    return hash_password(password)


def _end_sessions(session: Session, user: User) -> None:
    open_ones = update(PanelSession).where(PanelSession.user_id == user.id, PanelSession.ended_at.is_(None))
    session.execute(open_ones.values(ended_at=clock.now()))
