"""The processes that are alive, by their heartbeats."""

from datetime import datetime

from sqlalchemy import Float, String
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.store.base import Base


class Process(Base):
    """A running worker, monitor, gateway or boot (media) service. `seen` is the database's clock.

    url: where browsers reach it (a gateway). launch_url: under whose name they reach BMCs' own consoles there.
    """

    __tablename__ = "process"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    site_id: Mapped[str] = mapped_column(String(36))
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    seen: Mapped[float] = mapped_column(Float)
    url: Mapped[str | None] = mapped_column(String(256))
    launch_url: Mapped[str | None] = mapped_column(String(256))
