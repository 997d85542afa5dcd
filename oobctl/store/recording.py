"""Recordings of consoles, serial logs, and the keys by which somebody watches one."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oobctl import clock
from oobctl.constants import ConsoleKind, RecordingPurpose
from oobctl.store.base import Base, Identified
from oobctl.store.server import Server

_LOG_IS_OPEN = text("ended_at IS NULL AND purpose = 'log'")


class Recording(Identified, Base):
    """What a server's screen or serial line showed while it was account_id's. Its file lies at the site's gateways.

    gateway: the process that writes it; null once it is closed, or nobody can say how it ended. consoles: the ids of
    the consoles that were open meanwhile. job_id: the job that a serial log was kept for. size: bytes of the file;
    sha256: of the file, in hex, once it is closed. whole: closed by its writer, not found after its death.
    removed_at: the file is deleted, and removed_because says why; the row stays.
    """

    __tablename__ = "recording"
    __table_args__ = (
        Index("ix_recording_server_id_began_at", "server_id", "began_at"),
        Index("ix_recording_ended_at", "ended_at"),  # those that go on are asked for each second
        Index(
            "uq_recording_server_id_log",  # one gateway keeps a server's serial log
            "server_id",
            unique=True,
            sqlite_where=_LOG_IS_OPEN,
            postgresql_where=_LOG_IS_OPEN,
        ),
    )
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[ConsoleKind]
    purpose: Mapped[RecordingPurpose]
    gateway: Mapped[str | None] = mapped_column(String(64), index=True)
    consoles: Mapped[list[str]] = mapped_column(default=list)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id"), index=True)
    began_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    whole: Mapped[bool] = mapped_column(default=False)
    ended_because: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[datetime | None]
    removed_because: Mapped[str | None] = mapped_column(Text)
    server: Mapped[Server] = relationship()


class RecordingKey(Identified, Base):
    """One person's way to the content of recordings, opened at a gateway with a token, once.

    recording_id: which; null: the serial log of server_id. panel_session, token_hash: as a console's. account_id:
    whose content it shows; null: for staff, everybody's.
    """

    __tablename__ = "recording_key"
    recording_id: Mapped[str | None] = mapped_column(ForeignKey("recording.id"))
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    actor: Mapped[dict[str, Any]]
    panel_session: Mapped[str | None] = mapped_column(String(64))
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    token_expires_at: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
