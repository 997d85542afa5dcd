"""Servers, their PSUs, whose they are and since when, and their open boot overrides."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oobctl import clock
from oobctl.constants import BootMode, BootSource, Lifecycle, PowerState, RecordConsoles, SerialLog
from oobctl.store.base import Base, Identified
from oobctl.store.bmc import Bmc


class Server(Identified, Base):
    """A server. `name` is an alias, unique inside the account that has the server.

    boot_macs: of the network cards that it starts from, as an administrator knows them; the BMC may tell of more.
    record_consoles: whose consoles are recorded; null: as its account says. Both end with the tenant, as serial_log.
    """

    __tablename__ = "server"
    name: Mapped[str] = mapped_column(String(64), index=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"), index=True)
    bmc_id: Mapped[str] = mapped_column(ForeignKey("bmc.id"), index=True)
    system_path: Mapped[str | None] = mapped_column(String(256))  # which ComputerSystem of its BMC; null: the only one
    rack_id: Mapped[str | None] = mapped_column(ForeignKey("rack.id"), index=True)
    rack_unit: Mapped[int | None]
    lifecycle: Mapped[Lifecycle] = mapped_column(default=Lifecycle.ENROLLING)
    quarantined_because: Mapped[str | None] = mapped_column(Text)
    system_uuid: Mapped[str | None] = mapped_column(String(36))
    boot_macs: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    serial: Mapped[str | None] = mapped_column(String(128))
    manufacturer: Mapped[str | None] = mapped_column(String(128))
    model: Mapped[str | None] = mapped_column(String(128))
    power_state: Mapped[PowerState] = mapped_column(default=PowerState.UNKNOWN)
    power_read_at: Mapped[datetime | None]  # when power_state was last read from the hardware
    silent_since: Mapped[datetime | None]  # since when the BMC gives no reading; null while it does
    silent_because: Mapped[str | None] = mapped_column(Text)
    silent_code: Mapped[str | None] = mapped_column(String(64))  # the error's; errors.contact tells what it means
    uncleared_since: Mapped[datetime | None]  # when it changed hands; null once what the last tenant set is cleared
    record_consoles: Mapped[RecordConsoles | None]
    serial_log: Mapped[SerialLog] = mapped_column(default=SerialLog.OFF, server_default="off")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    bmc: Mapped[Bmc] = relationship()


class Psu(Identified, Base):
    """A power supply, its slot and the feed it hangs on."""

    __tablename__ = "psu"
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    slot: Mapped[str] = mapped_column(String(32))
    feed_id: Mapped[str | None] = mapped_column(ForeignKey("feed.id"))


class Assignment(Identified, Base):
    """Whose a server is, half open: [from_at, until_at). It scopes every read of what was."""

    __tablename__ = "assignment"
    __table_args__ = (
        Index(
            "uq_assignment_server_id_open",  # a server is one account's at a time
            "server_id",
            unique=True,
            sqlite_where=text("until_at IS NULL"),
            postgresql_where=text("until_at IS NULL"),
        ),
    )
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    from_at: Mapped[datetime] = mapped_column(default=clock.now)
    until_at: Mapped[datetime | None]


class BootOverride(Identified, Base):
    """A boot-once override, open until the boot was seen and the override read as cleared."""

    __tablename__ = "boot_override"
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"))
    source: Mapped[BootSource]
    mode: Mapped[BootMode | None]
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    boot_seen_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_because: Mapped[str | None] = mapped_column(Text)
