"""Consoles: who looked at a server's screen or serial line, or typed there, and the links that let others in."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oobctl import clock
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.store.base import Base, Identified
from oobctl.store.server import Server


class Console(Identified, Base):
    """One person's view of a server's screen or serial line. It is opened at a gateway with a token, once a token.

    panel_session: the panel session that asked for it (its hash); null for a bearer token's, and for who came by a
    share. token_hash: SHA-256 of the token, in hex; null once it was used. gateway: the process that has it.
    account_id: whose the server was.
    """

    __tablename__ = "console"
    __table_args__ = (Index("ix_console_open", "ended_at", "gateway"),)
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[ConsoleKind]
    mode: Mapped[ConsoleMode]
    actor_id: Mapped[str] = mapped_column(String(36), index=True)
    actor: Mapped[dict[str, Any]]
    panel_session: Mapped[str | None] = mapped_column(String(64))
    share_id: Mapped[str | None] = mapped_column(ForeignKey("console_share.id"))
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    token_expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    gateway: Mapped[str | None] = mapped_column(String(64))
    opened_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None] = mapped_column(Text)
    server: Mapped[Server] = relationship()


class SetupKeyRequest(Identified, Base):
    """A key that a gateway of the server's site is to press at its screen; it takes the row away as it begins.

    keysym: X11's. every: seconds. until_at: it is pressed no longer.
    """

    __tablename__ = "setup_key_request"
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    keysym: Mapped[int]
    every: Mapped[float] = mapped_column(Float)
    until_at: Mapped[datetime]
    server: Mapped[Server] = relationship()


class ConsoleShare(Identified, Base):
    """A link that lets whoever has it look at a server's console, or type there, as long as who made it may.

    account_id: whose the server was then; it is good while the server is theirs.
    """

    __tablename__ = "console_share"
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[ConsoleKind]
    mode: Mapped[ConsoleMode]
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    actor_id: Mapped[str] = mapped_column(String(36))
    actor: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
