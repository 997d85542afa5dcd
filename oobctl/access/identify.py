"""From a cookie or a bearer token to an actor: the one function that every face calls."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access.actor import Actor
from oobctl.access.roles import lesser
from oobctl.config import settings
from oobctl.constants import Permission
from oobctl.store import Account, Membership, PanelSession, Token, User, database

_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Presented:
    """What a request brought: a panel session's secret or a token's, and where it came from."""

    cookie: str | None = None
    bearer: str | None = None
    address: str | None = None
    user_agent: str | None = None


def new_secret(prefix: str) -> str:
    """256 random bits behind a prefix that says what it is (so that secret scanners find it)."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """How a secret of ours is stored. SHA-256 is enough: the secret is long and random."""
    return hashlib.sha256(secret.encode()).hexdigest()


def identify(presented: Presented, *, touch: bool = True) -> Actor | None:
    """The actor behind a request, or None. A bearer token wins over a cookie, a wrong one too.

    touch: whether a person sent it, so that the session is not idle; False for what an open page asks by itself.
    """
    with database().read() as session:
        if presented.bearer is not None:
            return _by_token(session, presented)
        if presented.cookie:
            return _by_cookie(session, presented, touch)
    return None


def _by_token(session: Session, presented: Presented) -> Actor | None:
    token = session.scalar(select(Token).where(Token.secret_hash == digest(presented.bearer or "")))
    actor = None if token is None else actor_of(session, token)
    return actor and replace(actor, address=presented.address, user_agent=presented.user_agent)


def actor_of(session: Session, token: Token) -> Actor | None:
    """Who a token is now; None where it, its user or their membership has ended.

    It acts for its user, or under its own name: with its own role, and never with more than the user has now.
    """
    if token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= clock.now()):
        return None
    limits = None if token.permissions is None else {Permission(name) for name in token.permissions}
    name, role = token.name, token.role
    if token.user_id is not None:
        membership = current_membership(session, token.user_id, token.account_id)
        if membership is None:
            return None
        name = session.get_one(User, token.user_id).name
        role, both = lesser(membership.role, token.role)
        if both is not None:
            limits = set(both) if limits is None else limits & both
    return Actor(
        kind="token",
        id=token.id,
        name=name,
        account_id=token.account_id,
        role=role,
        user_id=token.user_id,
        permissions=None if limits is None else tuple(sorted(limits)),
        token=token.name,
    )


def _by_cookie(session: Session, presented: Presented, touch: bool) -> Actor | None:
    now = clock.now()
    row = session.get(PanelSession, digest(presented.cookie or ""))
    if row is None or row.ended_at is not None:
        return None
    if now - row.seen_at > timedelta(minutes=settings().session_idle_minutes):
        return None
    if now - row.created_at > timedelta(hours=settings().session_hours):
        return None
    user = session.get(User, row.user_id)
    membership = current_membership(session, row.user_id, None)
    if user is None or membership is None:
        return None
    if touch and now - row.seen_at > _SEEN_EVERY:
        _touch(row.secret_hash)
    return Actor(
        kind="user",
        id=user.id,
        name=user.name,
        account_id=membership.account_id,
        role=membership.role,
        address=presented.address,
        user_agent=presented.user_agent,
    )


def _touch(secret_hash: str) -> None:
    with database().write() as session:
        session.execute(update(PanelSession).where(PanelSession.secret_hash == secret_hash).values(seen_at=clock.now()))


def current_membership(session: Session, user_id: str, account_id: str | None) -> Membership | None:
    """The user's membership in that account; in none named, the provider's account first, else the oldest."""
    query = (
        select(Membership)
        .join(Account, Account.id == Membership.account_id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.user_id == user_id, Membership.ended_at.is_(None), User.disabled_at.is_(None))
        .order_by(Account.kind.desc(), Membership.created_at)
    )
    if account_id is not None:
        query = query.where(Membership.account_id == account_id)
    return session.scalars(query.limit(1)).first()
