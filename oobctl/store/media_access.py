"""What the BMCs may fetch from the media service."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.store.base import Base


class MediaAccess(Base):
    """An address of an image that one server's BMC was given. key_hash: SHA-256 of the key in it, in hex.

    look: no BMC was given it, the worker looks by it whether the image can be fetched.
    """

    __tablename__ = "media_access"
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"))
    image: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    look: Mapped[bool] = mapped_column(default=False)
