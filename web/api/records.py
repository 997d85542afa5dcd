"""The audit log, newest first."""

from typing import Any

from oobctl.audit import query as audit
from oobctl.store import database
from web import cursors, views
from web.api.blueprint import AUDIT, blueprint, plain
from web.api.requests import AuditQuery
from web.identity import current_actor
from web.shapes import AuditPage


@blueprint.get("/audit", tags=[AUDIT], summary="Who did what, newest first", responses={200: AuditPage})
def list_records(query: AuditQuery) -> dict[str, Any]:
    with database().read() as session:
        rows, following = audit.records(
            session,
            current_actor(),
            server=query.server,
            actor_name=query.actor,
            after=cursors.decode(query.after, 1)[0] if query.after else None,
            limit=query.limit,
        )
        items = views.records(session, rows, staff=current_actor().is_staff)
    return plain(AuditPage(items=items, next=cursors.encode(following) if following else None))
