"""The pages of what was recorded: a server's recordings, one that is played, and its serial log."""

import secrets
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from oobctl import control
from oobctl.access import Actor, find_server, holds
from oobctl.constants import ConsoleKind, Permission, RecordConsoles, SerialLog
from oobctl.store import Recording, database
from web import cursors, views
from web.identity import current_actor
from web.security import Needs
from web.shapes.recordings import RecordingShape

blueprint = Blueprint("recordings", __name__)

_PATH = "/recording"
_A_PAGE = 50
_RECORD_WORDS = {
    "": "as its account says, else the site",
    RecordConsoles.OFF: "never",
    RecordConsoles.STAFF: "while staff are there",
    RecordConsoles.ON: "always",
}
_SERIAL_LOG_WORDS = {
    SerialLog.OFF: "never",
    SerialLog.FAILURE: "while a job runs, where it fails",
    SerialLog.ALWAYS: "always",
}


@blueprint.get("/servers/<server>/recordings")
def index(server: str) -> str:
    """The recordings of a server's consoles, and the search of its serial log."""
    actor = current_actor()
    with database().read() as session:
        row = find_server(session, actor, server)
        found, following = page_of(session, actor, row.id, request.args.get("after"), _A_PAGE)
        shape, gateways, log = views.server(session, actor, row), control.gateways(session, row.site_id), row.serial_log
        record = row.record_consoles or ""
    g.needs = Needs(tuple(websocket(url) for url in gateways))
    return render_template(
        "recordings/index.html", server=shape, recordings=found, next=following,
        page_of={"name": "recordings"}, serial_log=log, serial_log_words=_SERIAL_LOG_WORDS, record=record,
        record_words=_RECORD_WORDS if holds(actor, Permission.ADMINISTER).allowed else {},
    )  # fmt: skip


@blueprint.get("/recordings/<recording>")
def show(recording: str) -> str | Response:
    """One recording, played. What was kept of a job's server stands with the job."""
    actor = current_actor()
    with database().read() as session:
        row = control.find_recording(session, actor, recording)
        if row.job_id is not None:
            return make_response(redirect(url_for("jobs.show", job=row.job_id)))
        server = find_server(session, actor, row.server_id)
        shape, gateways = views.server(session, actor, server), control.gateways(session, server.site_id)
        found = shape_of(row)
    graphical = found.kind is ConsoleKind.GRAPHICAL
    nonce = "" if graphical else secrets.token_urlsafe(16)  # noVNC shows data: pictures, xterm makes style elements
    g.needs = Needs(tuple(websocket(url) for url in gateways), draws_data=graphical, style_nonce=nonce)
    return render_template(
        "recordings/show.html", server=shape, recording=found, page_of={"name": "recordings"}, style_nonce=nonce
    )


def page_of(
    session: Session, actor: Actor, server: str, after: str | None, limit: int
) -> tuple[list[RecordingShape], str | None]:
    """A server's recordings, and the cursor of the next page. Raises as control.recordings, and InvalidParameter."""
    before = cursors.decode(after, 1)[0] if after else None
    rows, following = control.recordings(session, actor, server, after=before, limit=limit)
    return [shape_of(row) for row in rows], cursors.encode(following) if following else None


def shape_of(row: Recording) -> RecordingShape:
    """As the API tells it."""
    return RecordingShape(
        id=row.id, server=row.server_id, kind=row.kind, began_at=row.began_at, ended_at=row.ended_at,
        ended_because=row.ended_because, size=row.size, sha256=row.sha256, whole=row.whole, consoles=row.consoles,
        removed_at=row.removed_at, removed_because=row.removed_because,
    )  # fmt: skip


def websocket(gateway: str) -> str:
    """Where browsers watch at a gateway."""
    parts = urlsplit(gateway)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{_PATH}"
