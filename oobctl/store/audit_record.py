"""The record of who did what: rows are inserted, and nothing can change or delete them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from oobctl import clock
from oobctl.store.base import ID, Base, Identified


class AuditRecord(Identified, Base):
    """One row: an intent, an outcome, a refusal, or an event (sign-in, administrative change).

    No foreign keys: a record outlives what it names. `account_id` is whose the server was when it was written.
    """

    __tablename__ = "audit_record"
    __table_args__ = (
        Index("ix_audit_record_server_id_at", "server_id", "at"),
        Index("ix_audit_record_account_id_at", "account_id", "at"),
    )
    at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    kind: Mapped[str] = mapped_column(String(16))
    tag: Mapped[str] = mapped_column(String(64))
    actor_id: Mapped[str | None] = mapped_column(ID, index=True)
    actor_kind: Mapped[str] = mapped_column(String(16))  # user, token, system, anonymous
    actor_name: Mapped[str] = mapped_column(String(128))
    actor_token: Mapped[str | None] = mapped_column(String(128))  # the token that acted
    actor_account_id: Mapped[str | None] = mapped_column(ID)
    actor_role: Mapped[str | None] = mapped_column(String(16))
    source_ip: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(256))
    server_id: Mapped[str | None] = mapped_column(ID)
    account_id: Mapped[str | None] = mapped_column(ID)
    job_id: Mapped[str | None] = mapped_column(ID, index=True)
    parameters: Mapped[dict[str, Any]]
    reason: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(16))
    evidence: Mapped[dict[str, Any] | None]
    charge_amount: Mapped[str] = mapped_column(String(16), default="0.00")
    charge_currency: Mapped[str] = mapped_column(String(3), default="EUR")


class RefusalCount(Base):
    """How many refusals alike there were in the hour from `since`; a row goes when that hour was told of."""

    __tablename__ = "refusal_count"
    key: Mapped[str] = mapped_column(String(256), primary_key=True)
    since: Mapped[datetime] = mapped_column(index=True)
    count: Mapped[int] = mapped_column(default=0)
    actor: Mapped[dict[str, Any]]
    tag: Mapped[str] = mapped_column(String(64))
    server_id: Mapped[str | None] = mapped_column(ID)
    account_id: Mapped[str | None] = mapped_column(ID)
