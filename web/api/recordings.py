"""Recordings of consoles and serial logs: which there are, the key to watch them, and whose are made."""

from typing import Any

from flask import Response, jsonify

from oobctl import administer, control
from oobctl.control import Opened
from oobctl.errors import NotFound
from oobctl.store import database
from web import recordings
from web.api.blueprint import ADMINISTRATION, CONSOLES, JOBS, blueprint, plain
from web.api.consoles import panel_session
from web.api.requests import (
    AccountPath,
    JobPath,
    PageQuery,
    RecordBody,
    RecordingPath,
    SerialLogBody,
    ServerPath,
)
from web.identity import current_actor
from web.shapes.recordings import RecordingList, RecordingShape, WatchShape


@blueprint.get("/servers/<server>/recordings", tags=[CONSOLES], summary="Recordings", responses={200: RecordingList})
def list_recordings(path: ServerPath, query: PageQuery) -> dict[str, Any]:
    """Of the server's consoles, the newest first. Those of another tenant's time are not among them."""
    with database().read() as session:
        rows, following = recordings.page_of(session, current_actor(), path.server, query.after, query.limit)
        return plain(RecordingList(items=rows, next=following))


@blueprint.get("/recordings/<recording>", tags=[CONSOLES], summary="One recording", responses={200: RecordingShape})
def get_recording(path: RecordingPath) -> dict[str, Any]:
    with database().read() as session:
        return plain(recordings.shape_of(control.find_recording(session, current_actor(), path.recording)))


@blueprint.post(
    "/recordings/<recording>/key", tags=[CONSOLES], summary="Watch a recording", responses={201: WatchShape}
)
def watch(path: RecordingPath) -> Response:
    """A key to its content, at a gateway. Watching is on record."""
    return _shown(control.watch(current_actor(), path.recording, panel_session=panel_session()))


@blueprint.post(
    "/servers/<server>/serial-log/key", tags=[CONSOLES], summary="Read the serial log", responses={201: WatchShape}
)
def watch_log(path: ServerPath) -> Response:
    """A key to what the server wrote to its serial line, at a gateway. Reading it is on record."""
    return _shown(control.watch_log(current_actor(), path.server, panel_session=panel_session()))


@blueprint.post(
    "/jobs/<job>/serial-log/key",
    tags=[JOBS],
    summary="Read what a failed job kept",
    responses={201: WatchShape},
)
def watch_lines_of_job(path: JobPath) -> Response:
    """A key to the last lines of the serial line before the job failed. 404 where none were kept (yet)."""
    actor = current_actor()
    with database().read() as session:
        found = control.lines_of_job(session, actor, control.find_job(session, actor, path.job))
    if found is None:
        raise NotFound("Nothing is kept of the serial line for this job. It takes some seconds after its end.")
    return _shown(control.watch(actor, found.id, panel_session=panel_session()))


@blueprint.put("/servers/<server>/serial-log", tags=[CONSOLES], summary="Keep a serial log", responses={204: None})
def set_serial_log(path: ServerPath, body: SerialLogBody) -> Response:
    """Keep what the server writes to its serial line: always, while a job runs and then where it fails, or never."""
    control.set_serial_log(current_actor(), path.server, body.when)
    return Response(status=204)


@blueprint.put(
    "/servers/<server>/record-consoles", tags=[ADMINISTRATION], summary="Record a server's consoles",
    responses={204: None},
)  # fmt: skip
def record_server(path: ServerPath, body: RecordBody) -> Response:
    """Until it changes hands. Consoles that are open follow within seconds; who is at one sees it."""
    administer.record_server(current_actor(), path.server, body.record)
    return Response(status=204)


@blueprint.put(
    "/accounts/<account>/record-consoles", tags=[ADMINISTRATION], summary="Record an account's consoles",
    responses={204: None},
)  # fmt: skip
def record_account(path: AccountPath, body: RecordBody) -> Response:
    """Of all its servers that do not say otherwise themselves."""
    administer.record_account(current_actor(), path.account, body.record)
    return Response(status=204)


def _shown(opened: Opened) -> Response:
    response = jsonify(plain(WatchShape(websocket=recordings.websocket(opened.gateway), token=opened.token)))
    response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response
