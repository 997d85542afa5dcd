"""Reinstalls of operating systems as the installer sees them, and what it has said."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.constants import BootPath
from oobctl.store.base import Base


class Install(Base):
    """One reinstall, a row a job. Keys are kept as SHA-256 in hex; what is secret is sealed to the boot service.

    orders: what the installer has to do (images.installs.orders).
    expects: who it must be ({system_uuid, macs}). The moments are what was allowed (may_...) and what was seen.
    """

    __tablename__ = "install"
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # keys, password hash, user data; gone with the end
    orders: Mapped[dict[str, Any] | None] = mapped_column("plan")  # the column is older than the word
    expects: Mapped[dict[str, Any] | None]
    boot_path: Mapped[BootPath | None]
    armed_at: Mapped[datetime | None]  # since when the server may start from the network
    script_at: Mapped[datetime | None]  # when it was first given the script that starts the installer
    script_to: Mapped[str | None] = mapped_column(String(64))  # the address that the last one went to
    key_hash: Mapped[str | None] = mapped_column(String(64), index=True)  # of the key that is exchanged once
    may_claim_at: Mapped[datetime | None]  # the power-on that this job caused
    token_hash: Mapped[str | None] = mapped_column(String(64), index=True)  # of the installer's own token
    claimed_at: Mapped[datetime | None]
    claimed_by: Mapped[dict[str, Any] | None]  # {address, system_uuid, serial, macs, disks, firmware, memory_mb}
    alarm: Mapped[str | None] = mapped_column(Text)  # why nobody may go on: a second claimant
    phase: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)  # why the installer refused or failed, in its words
    heard_at: Mapped[datetime | None]
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    may_write_at: Mapped[datetime | None]
    first_write_at: Mapped[datetime | None]  # the installer was told to begin: the point of no return
    written_at: Mapped[datetime | None]
    configured_at: Mapped[datetime | None]
    may_reboot_at: Mapped[datetime | None]
    phone_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    first_boot_at: Mapped[datetime | None]
    first_boot: Mapped[dict[str, Any] | None]  # {host_name, kernel, host_keys, notes, address}
    closed_at: Mapped[datetime | None]  # no key of it opens anything any more
    log_lines: Mapped[int] = mapped_column(default=0)


class InstallLog(Base):
    """Lines of an installer's log, as it sent them: `first` is the number of the first one."""

    __tablename__ = "install_log"
    job_id: Mapped[str] = mapped_column(ForeignKey("install.job_id"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)
