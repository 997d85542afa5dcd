"""The servers' pages: the list, one server, and the forms of its actions."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from oobctl import clock, control
from oobctl.access import Actor, find_server
from oobctl.audit import query as audit
from oobctl.constants import JobState
from oobctl.errors import OobctlError
from oobctl.store import Job, database
from oobctl.vault import Secret
from web import cursors, parameters, views
from web.identity import current_actor
from web.shapes import JobShape, ServerDetail

blueprint = Blueprint("servers", __name__, url_prefix="/servers")

_A_PAGE = 100
_RECORDS_SHOWN = 8
_FRESH = timedelta(minutes=5)
_SEEN_ON_SCREEN = frozenset({"bios.setup"})
"""What one asks for in order to look at the screen."""


@blueprint.get("")
def index() -> str:
    """The list. Live pages ask for its rows alone."""
    actor = current_actor()
    search = request.args.get("q", "").strip()[:64]
    after = request.args.get("after")
    values = cursors.decode(after, 2) if after else None
    with database().read() as session:
        rows, following = views.listed_servers(
            session,
            actor,
            search=search,
            after=(values[0], values[1]) if values else None,
            limit=_A_PAGE,
            retired=bool(search),  # who looks for one by name finds it
        )
        servers = views.servers(session, actor, rows)
    template = "servers/rows.html" if request.headers.get("HX-Target") == "rows" else "servers/index.html"
    return render_template(
        template,
        servers=servers,
        search=search,
        after=after,
        next=cursors.encode(*following) if following else None,
        staff=actor.is_staff,
    )


@blueprint.get("/<server>")
def show(server: str) -> str:
    return render_template("servers/show.html", **_shown(server))


@blueprint.get("/<server>/live")
def live(server: str) -> Response:
    """What moves on a server's page. The whole of it where another job has the server, or other actions are offered."""
    content = _shown(server)
    active = content["server"].active_job
    is_now = (active.id if active else "", "1" if content["off"] else "")
    if is_now == (request.args.get("job", ""), request.args.get("off", "")):
        return make_response(render_template("servers/live.html", **content))
    response = make_response(render_template("servers/main.html", **content))
    response.headers["HX-Retarget"] = "#main"
    response.headers["HX-Reswap"] = "outerHTML"
    return response


@blueprint.route("/<server>/actions/<action>", methods=["GET", "POST"])
def act(server: str, action: str) -> Response:
    """One action's form, with what it does; a POST submits it. What was wrong stands beside what was typed."""
    actor = current_actor()
    wanted = control.find(action)
    own = parameters.page_of(action)
    if own is not None and own.asks_itself:
        return make_response(redirect(url_for(own.endpoint, server=server), 303))
    shape = _offered(actor, server)
    values = parameters.typed(wanted.asks, request.form) if request.method == "POST" else {}
    if request.method == "GET":
        return make_response(render_template("servers/act.html", **_form(actor, shape, action, request.form)))
    try:
        job, secret = control.submit_shown(
            actor, action, shape.id, values, idempotency_key=request.form.get("key") or None
        )
    except OobctlError as error:
        busy = _job(actor, error.details.get("job"))
        shape = _offered(actor, shape.id)  # as it is after the refusal, so that the page agrees with itself
        page = render_template("servers/act.html", **_form(actor, shape, action, request.form), error=error, busy=busy)
        return make_response(page, error.http_status)
    if secret is not None:
        return shown_once(shape, job, secret)
    if action in _SEEN_ON_SCREEN:
        return make_response(redirect(url_for("consoles.screen", server=shape.id, job=job.id), 303))
    return make_response(redirect(url_for("servers.show", server=shape.id), 303))


def _offered(actor: Actor, server: str) -> ServerDetail:
    with database().read() as session:
        return views.server(session, actor, find_server(session, actor, server))


def shown_once(shape: ServerDetail, job: Job, secret: Secret | None) -> Response:
    """A page that no browser keeps: what is on it is nowhere else to be read. None: it was shown before."""
    response = make_response(render_template("servers/shown_once.html", server=shape, job=job, secret=secret))
    response.headers["Cache-Control"] = "no-store"
    return response


def _shown(name: str) -> dict[str, Any]:
    """What a server's page is made of."""
    actor = current_actor()
    with database().read() as session:
        row = find_server(session, actor, name)
        shape = views.server(session, actor, row)
        job = _job_to_show(session, actor, shape)
        found, _ = audit.records(session, actor, server=row.id, limit=_RECORDS_SHOWN)
        return {
            "server": shape,
            "job": job,
            "followed": job.id if job is not None and _goes_on(job) else None,
            "settled": job is not None and _is_settled(job),
            "last": views.last_time(session, actor, job) if job and not job.state.ended else {},
            "off": any(offer.nothing_to_do for offer in shape.actions),
            "groups": parameters.grouped(actor, shape),
            "records": views.records(session, found, staff=actor.is_staff),
            "staff": actor.is_staff,
        }


def _goes_on(job: JobShape) -> bool:
    """Its page is kept up to date by each of its steps; one that waits for its time has none yet."""
    return not job.state.ended and job.state is not JobState.SCHEDULED


def _is_settled(job: JobShape) -> bool:
    """It went well, and not just now: its evidence says enough, its steps are folded away."""
    ended = job.finished_at
    return job.state is JobState.SUCCEEDED and ended is not None and clock.now() - ended > _FRESH


def _job_to_show(session: Session, actor: Actor, shape: ServerDetail) -> JobShape | None:
    """The job that runs, else the newest one."""
    if shape.active_job is not None:
        return views.job(session.get_one(Job, shape.active_job.id), staff=actor.is_staff)
    newest, _ = control.jobs(actor, server=shape.id, limit=1)
    return next(iter(views.loaded_jobs(session, newest, staff=actor.is_staff)), None)


def _job(actor: Actor, job_id: str | None) -> JobShape | None:
    if not job_id:
        return None
    with database().read() as session:
        return views.job(control.find_job(session, actor, job_id), staff=actor.is_staff)


def _form(actor: Actor, shape: ServerDetail, action: str, given: Mapping[str, str]) -> dict[str, Any]:
    offer = next((offer for offer in shape.actions if offer.name == action), None)
    fields = parameters.fields(control.find(action).asks, actor, given)
    return {
        "server": shape,
        "offer": offer,
        "action": control.find(action),
        "fields": fields,
        "key": parameters.new_key(),
    }
