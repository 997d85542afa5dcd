"""Temporary users that we made on BMCs, and secrets of jobs that wait for their worker."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.constants import BmcRole
from oobctl.store.base import Base, Identified


class BmcUser(Identified, Base):
    """A user of a BMC that a customer got for a while: from active_from on they could act there without our record.

    It is removed when it expires; removed_at is when the BMC was read without it.
    """

    __tablename__ = "bmc_user"
    bmc_id: Mapped[str] = mapped_column(ForeignKey("bmc.id"), index=True)
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"))
    name: Mapped[str] = mapped_column(String(32))
    role: Mapped[BmcRole]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    active_from: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class JobSecret(Base):
    """A secret that a job needs, sealed to its site; gone when the job has ended. It is shown once, to who asked."""

    __tablename__ = "job_secret"
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
