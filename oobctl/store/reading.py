"""What was last read from each server, per capability, and the entries of its BMC's logs."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.constants import Capability, Health
from oobctl.store.base import Base, Identified


class Reading(Base):
    """The latest reading of one capability of one server: a report of drivers.readings as JSON.

    content and read_at: the last that succeeded. problem: why the newest try, at tried_at, did not ({code, message});
    null where it did. A BMC that lacks the capability says so there (code not_supported), and has no content.
    """

    __tablename__ = "reading"
    __table_args__ = (Index("ix_reading_capability_read_at", "capability", "read_at", "server_id"),)  # how old, fast
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), primary_key=True)
    capability: Mapped[Capability] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any] | None]
    read_at: Mapped[datetime | None]
    tried_at: Mapped[datetime]
    problem: Mapped[dict[str, Any] | None]


class Figures(Base):
    """The few numbers of a server's newest reports that a fleet is compared by: a report is too much for a thousand.

    inlet: the name of the hottest sensor of the air that goes in. too_hot: temperatures beyond a threshold of theirs,
    each {name, celsius, limit, health}; null where none is. watts: what the whole server draws.
    health: the last word that was known, never Unknown. health_since: when it was first read so; null where no other
    word was read before, so that nobody knows.
    """

    __tablename__ = "figures"
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), primary_key=True)
    inlet: Mapped[str | None] = mapped_column(String(128))
    inlet_celsius: Mapped[float | None]
    inlet_upper_caution: Mapped[float | None]
    inlet_upper_critical: Mapped[float | None]
    too_hot: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    sensors_read_at: Mapped[datetime | None]
    watts: Mapped[float | None]
    watts_read_at: Mapped[datetime | None]
    health: Mapped[Health | None]
    health_since: Mapped[datetime | None]


class EventLogEntry(Identified, Base):
    """One entry of a log of a BMC, kept from when it was first seen: also after the log was cleared (gone_at).

    digest: SHA-256 of raw, in hex: BMCs use an entry_id again after a clear.
    """

    __tablename__ = "event_log_entry"
    __table_args__ = (
        UniqueConstraint("server_id", "log", "entry_id", "digest"),
        Index("ix_event_log_entry_server_id_seen_at", "server_id", "seen_at"),
    )
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"))
    log: Mapped[str] = mapped_column(String(64))
    entry_id: Mapped[str] = mapped_column(String(128))
    digest: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime | None]
    severity: Mapped[Health]
    message: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str | None] = mapped_column(String(128))
    component: Mapped[str | None] = mapped_column(String(256))
    asserted: Mapped[bool | None]
    repaired: Mapped[bool | None]
    raw: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    gone_at: Mapped[datetime | None]


class AttributeRegistry(Base):
    """A BIOS attribute registry, once for all servers that have it. id: SHA-256 of its canonical JSON, in hex."""

    __tablename__ = "attribute_registry"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[dict[str, Any]]


class BiosBaseline(Identified, Base):
    """BIOS settings that somebody saved, to compare with later.

    A name is used once among those that its maker sees: a former tenant's keeps none from the next one.
    """

    __tablename__ = "bios_baseline"
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(String(64))
    values: Mapped[dict[str, Any]]
    saved_by: Mapped[str] = mapped_column(String(128))
    saved_at: Mapped[datetime] = mapped_column(default=clock.now)
