"""SSH public keys that users keep here, to be chosen at reinstalls."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.store.base import Base, Identified


class SshKey(Identified, Base):
    """One public key of a user. key: the whole line, as in a .pub file. fingerprint: as OpenSSH prints it."""

    __tablename__ = "ssh_key"
    __table_args__ = (UniqueConstraint("user_id", "fingerprint"),)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id"), index=True)
    name: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
