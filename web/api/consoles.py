"""Consoles: opened here, carried by a gateway."""

from typing import Any

from flask import Response, jsonify, request, url_for

from oobctl import control
from oobctl.access import find_server
from oobctl.access.cookie import session_cookie
from oobctl.access.identify import digest
from oobctl.control import OpenedConsole
from oobctl.store import database
from web import consoles
from web.api.blueprint import CONSOLES, blueprint, plain
from web.api.requests import ConsoleBody, ConsolePath, ServerPath, ShareBody, SharePath
from web.identity import current_actor, signed_in
from web.shapes.consoles import ConsoleList, OpenedShape, ShareList, ShareMade


@blueprint.post("/servers/<server>/consoles", tags=[CONSOLES], summary="Open a console", responses={201: OpenedShape})
def open_console(path: ServerPath, body: ConsoleBody) -> Response:
    """For a person: `url`, in a browser signed in as you. For a program: a websocket to `websocket`.

    Its first message is `{"token": ...}` as text; then binary messages are RFB (of a screen) or the bytes of the serial
    line, and text messages say what is about it. The token is good for a minute, once. The BMC's own pages (kind oem)
    are for browsers alone: a form posts the token to `launch`.
    """
    opened = control.open_console(current_actor(), path.server, body.kind, body.mode, panel_session=panel_session())
    return _shown(opened, 201)


@blueprint.get("/servers/<server>/consoles", tags=[CONSOLES], summary="Who is at it", responses={200: ConsoleList})
def list_consoles(path: ServerPath) -> dict[str, Any]:
    """The consoles of the server that are open now."""
    actor = current_actor()
    with database().read() as session:
        server = find_server(session, actor, path.server)
        return plain(ConsoleList(items=consoles.open_now(session, server), next=None))


@blueprint.post(
    "/consoles/<console>/token", tags=[CONSOLES], summary="A new token for a console", responses={201: OpenedShape}
)
def reopen_console(path: ConsolePath) -> Response:
    """After a lost connection, or where its minute was over. 409 where the console has ended."""
    return _shown(control.reopen(current_actor(), path.console, panel_session=panel_session()), 201)


@blueprint.delete("/consoles/<console>", tags=[CONSOLES], summary="End a console", responses={204: None})
def end_console(path: ConsolePath) -> Response:
    """One's own; staff end anybody's. It is over within seconds, also where it has ended already."""
    control.end_console(current_actor(), path.console)
    return Response(status=204)


@blueprint.post(
    "/servers/<server>/console-shares", tags=[CONSOLES], summary="Share a console by a link", responses={201: ShareMade}
)
def share_console(path: ServerPath, body: ShareBody) -> Response:
    """Who has the link needs no account. It is good for as long as you say, and you may; it is told once."""
    row, secret = control.share_console(current_actor(), path.server, body.kind, body.mode, body.hours)
    shape = ShareMade.model_validate({**vars(consoles.share(row)), "url": consoles.url_of_share(row.kind, secret)})
    response = jsonify(plain(shape))
    response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get(
    "/servers/<server>/console-shares", tags=[CONSOLES], summary="Links that are good now", responses={200: ShareList}
)
def list_shares(path: ServerPath) -> dict[str, Any]:
    """Your own; for staff all of the server."""
    actor = current_actor()
    with database().read() as session:
        found = control.shares(session, actor, find_server(session, actor, path.server).id)
        return plain(ShareList(items=[consoles.share(row) for row in found], next=None))


@blueprint.delete("/console-shares/<share>", tags=[CONSOLES], summary="End a link", responses={204: None})
def end_share(path: SharePath) -> Response:
    """Whoever came by it is let go within seconds."""
    control.end_share(current_actor(), path.share)
    return Response(status=204)


def _shown(opened: OpenedConsole, status: int) -> Response:
    shape = OpenedShape(
        id=opened.row.id,
        kind=opened.row.kind,
        mode=opened.row.mode,
        url=consoles.url_of(opened.row.id),
        websocket=consoles.websocket(opened.gateway) if opened.launch is None else None,
        launch=opened.launch,
        token=opened.token,
        expires_at=opened.row.token_expires_at,
    )
    response = jsonify(plain(shape))
    response.status_code = status
    response.headers["Location"] = url_for("consoles.show", console=opened.row.id)
    response.headers["Cache-Control"] = "no-store"
    return response


def panel_session() -> str | None:
    """The hash of the panel session that asks; a bearer token has none."""
    visitor = signed_in()
    if visitor is None or visitor.by_bearer:
        return None
    return digest(request.cookies.get(session_cookie(), ""))
