"""The jobs' pages: the list, one job, and what may be done with it."""

from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from oobctl import control
from oobctl.access import Actor, find_server, may
from oobctl.audit import query as audit
from oobctl.constants import JobState, Permission, SerialLog
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, OobctlError
from oobctl.store import Job, database
from web import cursors, installs, parameters, recordings, views
from web.identity import current_actor
from web.security import Needs

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

_A_PAGE = 50
_RECORDS_SHOWN = 20
_LINES_SHOWN = 200
_RETRIED = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.NEEDS_ATTENTION})


@blueprint.get("")
def index() -> str:
    """The list, newest first, of one server or in one state where that is asked for."""
    server, state, after = (request.args.get(name) or None for name in ("server", "state", "after"))
    if state is not None and state not in set(JobState):
        raise InvalidParameter(f"There is no job state {state!r}.", field="state")
    rows, following = control.jobs(
        current_actor(),
        server=server,
        state=state,
        after=cursors.decode(after, 1)[0] if after else None,
        limit=_A_PAGE,
    )
    with database().read() as session:
        jobs = views.loaded_jobs(session, rows, staff=current_actor().is_staff)
    following = cursors.encode(following) if following else None
    return render_template("jobs/index.html", jobs=jobs, next=following, after=after, server=server, state=state)


@blueprint.get("/<job>")
def show(job: str) -> str:
    with database().read() as session:
        gateways = control.gateways(session)
    g.needs = Needs(tuple(recordings.websocket(url) for url in gateways), draws_data=True)  # pictures of the screen
    return render_template("jobs/show.html", **_shown(job))


@blueprint.get("/<job>/serial")
def serial(job: str) -> str:
    """What the server wrote to its serial line before the job failed, where that is kept."""
    actor = current_actor()
    with database().read() as session:
        row = control.find_job(session, actor, job)
        found = control.lines_of_job(session, actor, row)
        server = find_server(session, actor, row.server_id)
        shape = views.job(row, staff=actor.is_staff)
        gateways = control.gateways(session, server.site_id)
    g.needs = Needs(tuple(recordings.websocket(url) for url in gateways))
    return render_template("jobs/serial.html", job=shape, recording=found.id if found is not None else None)


@blueprint.get("/<job>/installer")
def installer(job: str) -> Response:
    """The whole log of a reinstall's installer, as text."""
    with database().read() as session:
        found = installs.of_job(session, current_actor(), job, after=0)
    return Response("".join(f"{line}\n" for line in found.log.lines), content_type="text/plain; charset=utf-8")


@blueprint.get("/<job>/live")
def live(job: str) -> Response:
    """What moves on a job's page; all of it, with other buttons, once the job has ended."""
    content = _shown(job)
    if not content["job"].state.ended:
        return make_response(render_template("jobs/live.html", **content, oob=True))
    response = make_response(render_template("jobs/main.html", **content))
    response.headers["HX-Retarget"] = "#main"
    response.headers["HX-Reswap"] = "outerHTML"
    return response


@blueprint.post("/<job>/cancel")
def cancel(job: str) -> Response:
    return _done(job, lambda: control.cancel(current_actor(), job).id)


@blueprint.post("/<job>/retry")
def retry(job: str) -> Response:
    return _done(job, lambda: control.retry(current_actor(), job, idempotency_key=request.form.get("key") or None).id)


@blueprint.post("/<job>/resolve")
def resolve(job: str) -> Response:
    return _done(job, lambda: control.resolve(current_actor(), job, request.form.get("note", "")).id)


def _done(job: str, change: Any) -> Response:
    """Make the change and show the job; where it is refused, the page says why and keeps what was typed."""
    try:
        shown = change()
    except OobctlError as error:
        if isinstance(error, NotFound):
            raise
        page = render_template("jobs/show.html", **_shown(job), error=error, note=request.form.get("note", ""))
        return make_response(page, error.http_status)
    return make_response(redirect(url_for("jobs.show", job=shown), 303))


def _shown(job_id: str) -> dict[str, Any]:
    """What a job's page is made of."""
    actor = current_actor()
    with database().read() as session:
        row = control.find_job(session, actor, job_id)
        found, _ = audit.records(session, actor, job=row.id, limit=_RECORDS_SHOWN)
        shape = views.whole_job(session, actor, row)
        allowed = _may_change(session, actor, row)
        return {
            "job": shape,
            "last": {} if shape.state.ended else views.last_time(session, actor, shape),
            "records": views.records(session, found, staff=actor.is_staff),
            "can_cancel": allowed and shape.cancellable,
            "can_retry": allowed and shape.state in _RETRIED and row.action != control.REINSTALL,
            "may_act": allowed,
            **_installer(session, row, staff=actor.is_staff),
            "key": parameters.new_key(),
            "picture_pending": shape.state.ended and not shape.pictures and control.picture_pending(session, row),
            "serial_log": _has_lines(session, actor, row),
            "can_resolve": allowed and shape.state is JobState.NEEDS_ATTENTION and shape.resolved_at is None,
            **(_danger(session, actor, row) if allowed else {}),
        }


def _installer(session: Session, row: Job, *, staff: bool) -> dict[str, Any]:
    """Of a reinstall: what its installer says; while it goes on, the last lines of its log."""
    most = installs.MOST_LINES if row.state.ended else _LINES_SHOWN
    found = installs.shape_of(session, row, staff=staff, after=-1, most=most)
    return {"install": found, "install_no_return": control.find(row.action).no_return if found is not None else None}


def _may_change(session: Session, actor: Actor, row: Job) -> bool:
    """Not where the server is somebody else's by now, or this release knows the action no more."""
    try:
        server = find_server(session, actor, row.server_id)
        return may(session, actor, control.find(row.action).permission, server).allowed
    except NotFound:
        return False


def _has_lines(session: Session, actor: Actor, row: Job) -> bool:
    """Whether what the server wrote to its serial line is kept, or may be within seconds, for who may see it."""
    try:
        server = find_server(session, actor, row.server_id)
        kept = control.lines_of_job(session, actor, row) is not None
    except (NotFound, NotAllowed):
        return False
    return kept or (server.serial_log is not SerialLog.OFF and may(session, actor, Permission.CONSOLE, server).allowed)


def _danger(session: Session, actor: Actor, row: Job) -> dict[str, str]:
    """What trying it again would do to the server as it is now."""
    action = control.find(row.action)
    shape = views.servers(session, actor, [row.server])[0]
    return {"danger": action.danger, "consequence": views.consequence(action, shape)}
