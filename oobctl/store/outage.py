"""Spans of time in which a server's BMC gave no readings."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from oobctl.store.base import Base, Identified


class Outage(Identified, Base):
    """A span in which it gave none in one way, half open: [from_at, until_at). Open as long as it gives none so.

    code, because: of the newest try in it; errors.contact tells the way by the code.
    """

    __tablename__ = "outage"
    __table_args__ = (
        Index("ix_outage_server_id_from_at", "server_id", "from_at"),
        Index(
            "uq_outage_server_id_open",
            "server_id",
            unique=True,
            sqlite_where=text("until_at IS NULL"),
            postgresql_where=text("until_at IS NULL"),
        ),
    )
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"))
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    code: Mapped[str | None] = mapped_column(String(64))
    because: Mapped[str | None] = mapped_column(Text)
