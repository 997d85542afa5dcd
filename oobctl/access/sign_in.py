"""Signing in with a name and a password, and out again; both leave a record."""

from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import select, update

from oobctl import clock
from oobctl.access.actor import Actor
from oobctl.access.identify import Presented, digest, identify, new_secret
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.errors import NotSignedIn
from oobctl.store import PanelSession, User, database

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """Argon2id with the library's current parameters."""
    return _hasher.hash(password)


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """Checked where the name is unknown, so that an unknown name takes as long as a wrong password."""
    return _hasher.hash(new_secret("nobody"))


def sign_in(name: str, password: str, *, address: str | None, user_agent: str | None) -> str:
    """Check a name and password; return the secret for the session's cookie.

    Raises NotSignedIn, the same for an unknown name, a wrong password and a disabled user.
    """
    with database().read() as session:
        user = session.scalar(select(User).where(User.name == name))
    right = _verify(user.password_hash if user else _nobodys_hash(), password)
    secret = new_secret("session")
    presented = Presented(cookie=secret, address=address, user_agent=user_agent)
    if user is not None and right and user.disabled_at is None:
        with database().write() as session:
            session.add(
                PanelSession(
                    secret_hash=digest(secret),
                    user_id=user.id,
                    address=(address or "")[:64],
                    user_agent=(user_agent or "")[:256],
                )
            )
        actor = identify(presented)
        if actor is not None:
            with database().write() as session:
                record.event(session, actor, Tag.ACCOUNT_SIGN_IN, reason="right name and password")
            return secret
    refuse_sign_in(name, "wrong name or password", address=address, user_agent=user_agent)
    raise NotSignedIn("The name or the password is wrong. Check both and try again.")


def known_address(name: str, address: str | None) -> bool:
    """Whether the user of that name has signed in from that address before."""
    query = (
        select(PanelSession.secret_hash)
        .join(User, User.id == PanelSession.user_id)
        .where(User.name == name, PanelSession.address == (address or "")[:64])
    )
    with database().read() as session:
        return session.scalar(query.limit(1)) is not None


def refuse_sign_in(name: str, reason: str, *, address: str | None, user_agent: str | None) -> None:
    """Record a sign-in that was refused. A name that nobody has is not kept: it may be a password, typed there."""
    with database().write() as session:
        user = session.scalar(select(User).where(User.name == name))
        shown = user.name if user else f"{_printable(name[:2])}…"
        anonymous = Actor(
            "anonymous", user.id if user else "", shown, None, None, address=address, user_agent=user_agent
        )
        refusals.add(session, anonymous, Tag.ACCOUNT_SIGN_IN, reason=reason)


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def sign_out(actor: Actor, secret: str) -> None:
    """End the session at once, for every process."""
    with database().write() as session:
        session.execute(
            update(PanelSession).where(PanelSession.secret_hash == digest(secret)).values(ended_at=clock.now())
        )
        record.event(session, actor, Tag.ACCOUNT_SIGN_OUT, reason="asked for by the user")
