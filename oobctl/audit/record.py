"""Writing records: rows are inserted in the caller's transaction, so that no action goes without one."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.store import Assignment, AuditRecord, Job, Server

if TYPE_CHECKING:
    from oobctl.access.actor import Actor


def intent(session: Session, actor: "Actor", tag: str, server: Server, job: Job) -> None:
    """What is about to be done: written together with the job."""
    insert(
        session, actor, "intent", tag, server_id=server.id, account_id=job.account_id, job_id=job.id,
        parameters=job.parameters, reason=job.reason,
    )  # fmt: skip


def outcome(session: Session, actor: "Actor", tag: str, job: Job, how: str, evidence: dict[str, Any] | None) -> None:
    """What came of it: an Outcome or an Ending, with what was read before and after. Charge 0.00, always."""
    insert(
        session, actor, "outcome", tag, server_id=job.server_id, account_id=job.account_id, job_id=job.id,
        parameters=job.parameters, reason=job.reason, outcome=how, evidence=evidence,
    )  # fmt: skip


def event(
    session: Session,
    actor: "Actor",
    tag: Tag,
    *,
    server: Server | None = None,
    job: Job | None = None,
    parameters: dict[str, Any] | None = None,
    reason: str,
    evidence: dict[str, Any] | None = None,
    account_id: str | None = None,
) -> None:
    """Something that is no action on a server's hardware: a sign-in, an administrative change, a quarantine.

    account_id: whose record it is; None: the job's account, the account that has the server now, else the actor's.
    """
    insert(
        session, actor, "event", tag, server_id=server.id if server else (job.server_id if job else None),
        job_id=job.id if job else None, account_id=account_id or whose(session, actor, server, job),
        parameters=parameters or {}, reason=reason, outcome="done", evidence=evidence,
    )  # fmt: skip


def whose(session: Session, actor: "Actor", server: Server | None, job: Job | None) -> str | None:
    """What is about a job belongs to the job's account, though the server may have another tenant by now."""
    if job is not None:
        return job.account_id
    return account_of(session, server.id) if server else actor.account_id


def account_of(session: Session, server_id: str) -> str | None:
    """Whose the server is now."""
    now = clock.now()
    return session.scalar(
        select(Assignment.account_id).where(
            Assignment.server_id == server_id,
            Assignment.from_at <= now,
            or_(Assignment.until_at.is_(None), Assignment.until_at > now),
        )
    )


def insert(session: Session, actor: "Actor", kind: str, tag: str, **columns: Any) -> None:
    """One row, with who and from where."""
    session.add(
        AuditRecord(
            kind=kind,
            tag=str(tag),
            actor_id=actor.id or None,
            actor_kind=actor.kind,
            actor_name=actor.name,
            actor_token=actor.token,
            actor_account_id=actor.account_id,
            actor_role=actor.role,
            source_ip=actor.address,
            user_agent=(actor.user_agent or "")[:256] or None,
            charge_amount="0.00",
            charge_currency=settings().currency,
            **columns,
        )
    )
