"""iPXE scripts that accounts keep here, to start servers from."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.store.base import Base, Identified


class BootScript(Identified, Base):
    """One script of an account, found by name. `script` is loaded where it is asked for alone: it may be long.

    sha256: of the script, hex, as jobs and records name it. added_by: the user's or token's name.
    """

    __tablename__ = "boot_script"
    __table_args__ = (UniqueConstraint("account_id", "name"),)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    script: Mapped[str] = mapped_column(Text, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    lines: Mapped[int]
    added_by: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
