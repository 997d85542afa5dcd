"""Reading records: everybody sees what was done to their servers while these were theirs; access says who sees more."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from oobctl.access import Actor, find_server, readable_records
from oobctl.store import AuditRecord


def records(
    session: Session,
    actor: Actor,
    *,
    server: str | None = None,
    actor_name: str | None = None,
    job: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[AuditRecord], str | None]:
    """Records, newest first, and the cursor of the next page.

    A row belongs to the account that had the server when it was written: the next tenant does not see it. Raises
    NotFound for a foreign server.
    """
    query = select(AuditRecord).where(readable_records(actor)).order_by(AuditRecord.id.desc()).limit(limit + 1)
    if server is not None:
        query = query.where(AuditRecord.server_id == find_server(session, actor, server).id)
    if actor_name is not None:
        query = query.where(or_(AuditRecord.actor_name == actor_name, AuditRecord.actor_id == actor_name))
    if job is not None:
        query = query.where(AuditRecord.job_id == job)
    if after is not None:
        query = query.where(AuditRecord.id < after)
    found = list(session.scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None
