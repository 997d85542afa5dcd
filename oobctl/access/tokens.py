"""Bearer tokens: made once, shown once, stored hashed."""

from datetime import datetime

from sqlalchemy.orm import Session

from oobctl.access.identify import digest, new_secret
from oobctl.constants import Permission, Role
from oobctl.store import Token


def create_token(
    session: Session,
    *,
    name: str,
    account_id: str,
    role: Role,
    user_id: str | None = None,
    permissions: list[Permission] | None = None,
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """A new token and its secret, which is stored nowhere. user_id None: it acts under its own name."""
    secret = new_secret("oob")
    token = Token(
        name=name,
        secret_hash=digest(secret),
        user_id=user_id,
        account_id=account_id,
        role=role,
        permissions=None if permissions is None else [str(permission) for permission in permissions],
        expires_at=expires_at,
    )
    session.add(token)
    session.flush()
    return token, secret
