"""Accounts, users, memberships, grants, tokens and the panel's sessions."""

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.constants import Permission, RecordConsoles, Role
from oobctl.store.base import Base, Identified


def folded(name: str) -> str:
    """A name without what does not tell people apart: case, and the forms that Unicode has of one letter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _name_folded(context: Any) -> str:
    return folded(context.get_current_parameters()["name"])


class Account(Identified, Base):
    """A customer, or the provider itself (`kind`): staff are members of the provider's account.

    record_consoles: whose consoles of its servers are recorded; null: as the site's setting says.
    """

    __tablename__ = "account"
    name: Mapped[str] = mapped_column(String(128), unique=True)
    name_folded: Mapped[str] = mapped_column(String(512), unique=True, default=_name_folded)
    kind: Mapped[str] = mapped_column(String(16), default="customer")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    suspended_at: Mapped[datetime | None]
    record_consoles: Mapped[RecordConsoles | None]


class User(Identified, Base):
    """A person who signs in. `name` is what they type."""

    __tablename__ = "user"
    name: Mapped[str] = mapped_column(String(128), unique=True)
    name_folded: Mapped[str] = mapped_column(String(512), unique=True, default=_name_folded)
    password_hash: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    disabled_at: Mapped[datetime | None]


class Membership(Identified, Base):
    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("user_id", "account_id"),)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    role: Mapped[Role]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]


class Grant(Identified, Base):
    """One permission on one server for one user or token, beyond their role, until it expires."""

    __tablename__ = "grant"
    __table_args__ = (CheckConstraint("(user_id is null) <> (token_id is null)", name="one_holder"),)
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.id"), index=True)
    token_id: Mapped[str | None] = mapped_column(ForeignKey("token.id"), index=True)
    permission: Mapped[Permission]
    granted_by: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Token(Identified, Base):
    """A bearer token. It acts for its user, or (user_id null) under its own name with `role` in `account_id`.

    `secret_hash` is SHA-256 of the secret, which is long and random and shown once.
    """

    __tablename__ = "token"
    name: Mapped[str] = mapped_column(String(128))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    role: Mapped[Role]
    permissions: Mapped[list[str] | None]  # null: all that the role gives; else no more than these
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PanelSession(Base):
    """A signed-in browser. The cookie carries the secret; the row has its SHA-256 alone."""

    __tablename__ = "panel_session"
    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id"), index=True)
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
