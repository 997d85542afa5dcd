"""The audit log's page."""

from flask import Blueprint, render_template, request

from oobctl.access import find_server, visible_servers
from oobctl.audit import query as audit
from oobctl.errors import NotFound
from oobctl.store import AuditRecord, Server, database
from web import cursors, views
from web.identity import current_actor

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

_A_PAGE = 50
_NAMES_OFFERED = 500


@blueprint.get("")
def index() -> tuple[str, int]:
    """Records, newest first, of one server or one actor where that is asked for."""
    actor = current_actor()
    server, who, after = (request.args.get(name, "").strip() or None for name in ("server", "actor", "after"))
    error: NotFound | None = None
    rows: list[AuditRecord] = []
    following = None
    with database().read() as session:
        try:
            rows, following = audit.records(
                session,
                actor,
                server=server,
                actor_name=who,
                after=cursors.decode(after, 1)[0] if after else None,
                limit=_A_PAGE,
            )
        except NotFound as unknown:
            error = unknown
        names = session.scalars(
            visible_servers(actor).with_only_columns(Server.name).order_by(Server.name).limit(_NAMES_OFFERED)
        ).all()
        shapes = views.records(session, rows, staff=actor.is_staff)
        shown = find_server(session, actor, server).name if server and not error else server
    page = render_template(
        "audit/index.html",
        records=shapes,
        next=cursors.encode(following) if following else None,
        server=server,
        shown_server=shown,
        after=after,
        actor=who,
        names=names,
        error=error,
    )
    return page, 404 if error else 200
