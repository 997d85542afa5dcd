"""What sensors read over time: one row per server and moment, in three steps of growing length and bounded number."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from oobctl.constants import ReadingType
from oobctl.store.base import Base, Identified


class Series(Identified, Base):
    """One sensor's numbers over time. A sensor whose unit changes is another series.

    position: where its number is in the samples of its server, from 0. qualifier: tells sensors of one name apart
    (their source); empty where the name is enough. context: as the sensor's.
    """

    __tablename__ = "series"
    __table_args__ = (
        UniqueConstraint("server_id", "position", name="uq_series_position"),
        UniqueConstraint("server_id", "name", "units", "qualifier", name="uq_series_what"),
    )
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(128))
    units: Mapped[str] = mapped_column(String(16))
    qualifier: Mapped[str] = mapped_column(String(256))
    reading_type: Mapped[ReadingType]
    context: Mapped[str | None] = mapped_column(String(64))


class Sample(Base):
    """All numbers of a server in one span of time: `step` seconds from `at` (seconds since 1970, a multiple of step).

    content: as `history.samples` packs them; in the shortest step what was read last, in longer ones the least, the
    mean and the greatest of it.
    """

    __tablename__ = "sample"
    __table_args__ = ({"sqlite_with_rowid": False},)
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
