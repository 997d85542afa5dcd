"""Jobs, their steps, and the leases that keep two jobs off one server."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oobctl import clock
from oobctl.constants import JobState, Lock, Outcome, StepState
from oobctl.store.base import Base, Identified
from oobctl.store.server import Server


class Job(Identified, Base):
    """One action asked for on one server. Its id is also the id of the durable workflow that carries it out.

    `actor` is access.Actor as JSON: who asked, with which role, from where. `account_id` is whose the server was then.
    """

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("actor_id", "idempotency_key"),
        Index("ix_job_server_id_created_at", "server_id", "created_at"),
    )
    action: Mapped[str] = mapped_column(String(64))
    server_id: Mapped[str] = mapped_column(ForeignKey("server.id"))
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"), index=True)
    lock: Mapped[Lock]
    parameters: Mapped[dict[str, Any]]
    actor_id: Mapped[str] = mapped_column(String(36))
    actor: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)  # why it was allowed
    idempotency_key: Mapped[str | None] = mapped_column(String(128))
    asked_digest: Mapped[str | None] = mapped_column(String(64))  # keyed, of all that was asked, where not all is kept
    state: Mapped[JobState] = mapped_column(index=True)
    outcome: Mapped[Outcome | None]
    error: Mapped[dict[str, Any] | None]  # {code, message, retryable, sent, ...details}
    evidence: Mapped[dict[str, Any] | None]
    waits_for: Mapped[str | None] = mapped_column(Text)  # what a running or queued job waits for, in words
    cancel_asked_at: Mapped[datetime | None]
    cancel_asked_by: Mapped[str | None] = mapped_column(String(128))
    retry_of: Mapped[str | None] = mapped_column(ForeignKey("job.id"))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(128))
    resolution: Mapped[str | None] = mapped_column(Text)
    executor: Mapped[str | None] = mapped_column(
        String(64)
    )  # the worker that carries it out: only it may write progress
    revision: Mapped[int] = mapped_column(BigInteger, default=0)  # grows with every change: live pages look at it
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    not_before: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    server: Mapped[Server] = relationship()
    steps: Mapped[list["JobStep"]] = relationship(order_by="JobStep.position")


class JobStep(Base):
    """A step of a job. `sent_at` is written before a command that must not be repeated goes out."""

    __tablename__ = "job_step"
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    state: Mapped[StepState] = mapped_column(default=StepState.PENDING)
    detail: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]  # what the step gave: a run after a crash takes it from here


class Lease(Base):
    """One row per server (`server:ID`), per inspection of one (`read:ID`) and per BMC (`bmc:ID`).

    `job_id` is the job that has it, from its submission to its end; `holder` is the run of it that may begin a send,
    until `until` (the database's clock); `fence` grows with each grant.
    """

    __tablename__ = "lease"
    key: Mapped[str] = mapped_column(String(48), primary_key=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id"), index=True)
    holder: Mapped[str | None] = mapped_column(String(96))
    until: Mapped[float] = mapped_column(Float, default=0.0)
    longest_send: Mapped[float] = mapped_column(Float, default=0.0)  # seconds a send of the holder can take
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
