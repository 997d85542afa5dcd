"""The pages of a server's screen and serial line. The stream comes from the gateway, not from here."""

import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, jsonify, make_response, render_template, request
from sqlalchemy.orm import Session

from oobctl import control
from oobctl.access import Actor, find_server
from oobctl.config import settings
from oobctl.constants import ConsoleKind
from oobctl.errors import NotFound
from oobctl.ids import is_id
from oobctl.store import Console, ConsoleShare, Server, database
from web import parameters, views
from web.identity import current_actor
from web.limits import SIGN_INS_BY_ADDRESS, limiter
from web.security import Needs
from web.shapes import ServerDetail
from web.shapes.consoles import ConsoleShape, ShareShape

blueprint = Blueprint("consoles", __name__)

_PATH = "/console"
_NAMELESS = "a shared console"
_POWER = ("power.on", "power.shutdown", "power.cycle", "power.reset", "power.off")
"""Those that stand beside the screen, the gentle ones first."""


@blueprint.get("/servers/<server>/console")
def screen(server: str) -> str:
    """A server's screen: in a page that itself opens it, or in the BMC's own pages where there is no other way."""
    with database().read() as session:
        kind = control.screen_kind(find_server(session, current_actor(), server))
    return _page(server, kind)


@blueprint.get("/servers/<server>/console/oem")
def oem(server: str) -> str:
    """The console in the BMC's own pages, which open in a window of their own."""
    return _page(server, ConsoleKind.OEM)


@blueprint.get("/servers/<server>/serial")
def serial(server: str) -> str:
    """A server's serial line. The page itself opens it."""
    return _page(server, ConsoleKind.SERIAL)


@blueprint.get("/consoles/<console>")
def show(console: str) -> str:
    """A console that was asked for over the API: its page, for the person who asked."""
    with database().read() as session:
        row = control.find_console(session, current_actor(), console)
        server, kind = row.server_id, row.kind
    return _page(server, kind, console)


def _page(server: str, kind: ConsoleKind, console: str | None = None) -> str:
    actor = current_actor()
    with database().read() as session:
        row = find_server(session, actor, server)
        shape = views.server(session, actor, row)
        if kind is ConsoleKind.OEM:
            return _oem(session, actor, row, shape, console)
        gateways = control.gateways(session, row.site_id)
        more = kind is ConsoleKind.GRAPHICAL and control.why_not_open(session, actor, row, ConsoleKind.OEM) is None
    return _rendered(
        kind, gateways, oem=more, name=shape.name, server=shape, console=console, power=_power(actor, shape),
        page_of={"name": kind}, job=_job(request.args.get("job")), staff=actor.is_staff,
    )  # fmt: skip


def _oem(session: Session, actor: Actor, row: Server, shape: ServerDetail, console: str | None) -> str:
    urls = [urlsplit(url) for url in control.launch_urls(session, row.site_id)]
    g.needs = Needs(posts_to=tuple(f"{url.scheme}://*.{url.netloc}" for url in urls))
    return render_template(
        "consoles/oem.html", kind=ConsoleKind.OEM, name=shape.name, server=shape, console=console,
        page_of={"name": ConsoleKind.GRAPHICAL}, why_not=control.why_not_open(session, actor, row, ConsoleKind.OEM),
        token_in_browser=control.token_in_browser(row),
        has_screen=control.screen_kind(row) is ConsoleKind.GRAPHICAL,
    )  # fmt: skip


def _rendered(kind: ConsoleKind, gateways: Sequence[str], **content: object) -> str:
    """noVNC shows pictures of the stream as data: addresses; xterm makes style elements."""
    graphical = kind is ConsoleKind.GRAPHICAL
    nonce = "" if graphical else secrets.token_urlsafe(16)
    g.needs = Needs(tuple(websocket(url) for url in gateways), draws_data=graphical, style_nonce=nonce)
    template = "consoles/screen.html" if graphical else "consoles/serial.html"
    return render_template(template, kind=kind, style_nonce=nonce, **content)


def _job(job_id: str | None) -> str | None:
    """The job that somebody came from: the page follows it."""
    return job_id if job_id and is_id(job_id) else None


def _power(actor: Actor, shape: ServerDetail) -> list[parameters.Offer]:
    offers = {one.shape.name: one for group in parameters.grouped(actor, shape) for one in group.offers}
    return [offers[name] for name in _POWER if name in offers]


def open_now(session: Session, server: Server) -> list[ConsoleShape]:
    """Who is at the server's screen and serial line now."""
    return [_shape(row) for row in control.open_consoles(session, server.id)]


def _shape(row: Console) -> ConsoleShape:
    return ConsoleShape(id=row.id, kind=row.kind, mode=row.mode, who=row.actor["name"], opened_at=row.opened_at)


@blueprint.route("/shared/<kind>", methods=["GET", "POST"])
@limiter.limit(SIGN_INS_BY_ADDRESS, methods=["POST"])
def shared(kind: str) -> Response:
    """The page of who has a link. Its script sends what follows the # of the address, which browsers send to nobody."""
    if request.method == "GET":
        if kind not in {ConsoleKind.GRAPHICAL, ConsoleKind.SERIAL}:
            raise NotFound("There is no such page.")
        with database().read() as session:
            gateways = control.gateways(session)
        return make_response(_rendered(ConsoleKind(kind), gateways, name=_NAMELESS))
    content = request.get_json(silent=True)
    secret = content.get("secret") if isinstance(content, dict) else None
    opened = control.open_shared(
        str(secret or ""), address=request.remote_addr, user_agent=request.headers.get("User-Agent")
    )
    row = opened.row
    response = jsonify(
        id=row.id, kind=row.kind, mode=row.mode, name=row.server.name, websocket=websocket(opened.gateway),
        token=opened.token,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


def share(row: ConsoleShare) -> ShareShape:
    """A link as the API tells it."""
    found = {"by": row.actor["name"], "created_at": row.created_at, "expires_at": row.expires_at}
    return ShareShape.model_validate({"id": row.id, "kind": row.kind, "mode": row.mode, **found})


def url_of_share(kind: ConsoleKind, secret: str) -> str:
    """The link. What stands behind # stays in the browser."""
    return f"{settings().url}/shared/{kind}#{secret}"


def url_of(console_id: str) -> str:
    """A console's page, as people reach it."""
    return f"{settings().url}/consoles/{console_id}"


def websocket(gateway: str) -> str:
    """Where browsers open consoles at a gateway."""
    parts = urlsplit(gateway)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{_PATH}"
