"""BMCs, the endpoints they are reached at, their sealed credentials, and our sessions on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oobctl import clock
from oobctl.constants import Protocol, SessionPurpose, TlsMode
from oobctl.store.base import Base, Identified


class Bmc(Identified, Base):
    """A management controller: one server's, or one that serves several. Its identity is what was enrolled.

    known_users: the name of each user that was there at first or that staff acknowledged, with its role then.
    """

    __tablename__ = "bmc"
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"), index=True)
    profile: Mapped[str] = mapped_column(String(64))
    guid: Mapped[str | None] = mapped_column(String(36))
    mac: Mapped[str | None] = mapped_column(String(17))
    manufacturer: Mapped[str | None] = mapped_column(String(128))
    model: Mapped[str | None] = mapped_column(String(128))
    firmware: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    restarts_until: Mapped[float] = mapped_column(Float, default=0.0)  # we restart it; by the database's clock
    known_users: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    monitor: Mapped[str | None] = mapped_column(String(64), index=True)  # the process that reads it (monitor/share.py)
    endpoints: Mapped[list["Endpoint"]] = relationship(back_populates="bmc", order_by="Endpoint.protocol")


class Endpoint(Identified, Base):
    """Where a BMC answers one protocol. `tls_ca` is PEM; `tls_fingerprint` is SHA-256 of the DER form, in hex."""

    __tablename__ = "endpoint"
    __table_args__ = (UniqueConstraint("bmc_id", "protocol"),)
    bmc_id: Mapped[str] = mapped_column(ForeignKey("bmc.id"))
    protocol: Mapped[Protocol]
    address: Mapped[str] = mapped_column(String(64))
    port: Mapped[int]
    tls_mode: Mapped[TlsMode | None]
    tls_fingerprint: Mapped[str | None] = mapped_column(String(64))
    tls_ca: Mapped[str | None] = mapped_column(Text)
    bmc: Mapped[Bmc] = relationship(back_populates="endpoints")
    credential: Mapped["Credential | None"] = relationship(back_populates="endpoint")


class Credential(Identified, Base):
    """A user and password, sealed to the site's key together with the endpoint's id and address.

    let_in: the SHA-256 of the sealed secret that let us in last; it is tried first. refused_at, retry_at: when the BMC
    refused what it had let in with before, and until when it is not asked again, by the database's clock.
    """

    __tablename__ = "credential"
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoint.id"), unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    next_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # while it is rotated: one of the two is right
    rotated_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    let_in: Mapped[bytes | None] = mapped_column(LargeBinary)
    refused_at: Mapped[float | None] = mapped_column(Float)
    retry_at: Mapped[float] = mapped_column(Float, default=0.0)
    parked_at: Mapped[datetime | None]  # the BMC refused it: no process tries it again
    parked_because: Mapped[str | None] = mapped_column(Text)
    endpoint: Mapped[Endpoint] = relationship(back_populates="credential")


class BmcSession(Identified, Base):
    """A slot at a BMC, claimed before the login. `native_id` is the BMC's own name of the session.

    shared: processes of the site use one session together, each with a row of its own that has the same native_id;
    `token` (sealed to the site) lets others join, and is gone from when the session is being ended.
    """

    __tablename__ = "bmc_session"
    bmc_id: Mapped[str] = mapped_column(ForeignKey("bmc.id"), index=True)
    protocol: Mapped[Protocol]
    purpose: Mapped[SessionPurpose]
    holder: Mapped[str] = mapped_column(String(64), index=True)
    native_id: Mapped[str | None] = mapped_column(String(256))
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    heartbeat: Mapped[float] = mapped_column(Float)  # the database's clock
    shared: Mapped[bool] = mapped_column(default=False)
    token: Mapped[bytes | None] = mapped_column(LargeBinary)


class BmcCircuit(Base):
    """An endpoint that left logins unanswered: how many in a row, and who asks it again, when. By the database's clock.

    retry_at: polls let it be until then. probe: the one login that asks it now, at most until probe_until.
    """

    __tablename__ = "bmc_circuit"
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoint.id", ondelete="CASCADE"), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[float] = mapped_column(Float, default=0.0)
    probe: Mapped[str | None] = mapped_column(String(36))
    probe_until: Mapped[float] = mapped_column(Float, default=0.0)
