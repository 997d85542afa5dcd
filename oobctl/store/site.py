"""Sites, their racks and their power feeds."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.constants import NetworkBoot
from oobctl.store.base import Base, Identified


class Site(Identified, Base):
    """A place with BMCs that one set of workers reaches. `public_key` seals its credentials.

    boot_public_key seals what installers get from its boot services; boot_ca (PEM) is who vouches for these. Both are
    there once a boot service has started. network_boot: how servers find it in their network; null: they cannot.
    """

    __tablename__ = "site"
    name: Mapped[str] = mapped_column(String(64), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    boot_public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    boot_ca: Mapped[str | None] = mapped_column(Text)
    network_boot: Mapped[NetworkBoot | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class Rack(Identified, Base):
    __tablename__ = "rack"
    __table_args__ = (UniqueConstraint("site_id", "name"),)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"))
    name: Mapped[str] = mapped_column(String(64))


class Feed(Identified, Base):
    """A power feed: PSUs of many servers hang on it, and fail with it."""

    __tablename__ = "feed"
    __table_args__ = (UniqueConstraint("site_id", "name"),)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"))
    name: Mapped[str] = mapped_column(String(64))
