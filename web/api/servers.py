"""Servers: the list, one of them, acting on it, and adding one."""

from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select

from oobctl import administer, control
from oobctl.access import Actor, find_server, holds, visible_servers
from oobctl.administer import ServerSpec
from oobctl.audit import refusals
from oobctl.audit.tags import Tag
from oobctl.constants import Lifecycle, Permission
from oobctl.errors import InvalidParameter, NotAllowed, WrongState
from oobctl.store import Job, Server, database
from oobctl.vault import Secret
from web import cursors, views
from web.api.blueprint import ADMINISTRATION, SERVERS, blueprint, json_object, plain
from web.api.requests import ActHeader, ActionPath, ActQuery, ServerPath, ServersQuery
from web.identity import current_actor
from web.installs import plan_shape
from web.shapes import AcceptedShape, ServerDetail, ServerPage
from web.shapes.installs import PlanShape

_ENROLL = "server.enroll"
_ACT_BODY = {
    "requestBody": {
        "description": "The action's parameters; nothing, or {}, where it takes none or all have their defaults.",
        "required": False,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@blueprint.get("/servers", tags=[SERVERS], summary="Your servers, by name", responses={200: ServerPage})
def list_servers(query: ServersQuery) -> dict[str, Any]:
    actor = current_actor()
    values = cursors.decode(query.after, 2) if query.after else None
    after = (values[0], values[1]) if values else None
    with database().read() as session:
        rows, following = views.listed_servers(session, actor, search=query.q, after=after, limit=query.limit)
        page = ServerPage(
            items=views.servers(session, actor, rows), next=cursors.encode(*following) if following else None
        )
    return plain(page)


@blueprint.get("/servers/<server>", tags=[SERVERS], summary="One server", responses={200: ServerDetail})
def get_server(path: ServerPath) -> dict[str, Any]:
    """Its power state with its age, what its BMC can do, the job that has it, and which actions you may take."""
    actor = current_actor()
    with database().read() as session:
        return plain(views.server(session, actor, find_server(session, actor, path.server)))


@blueprint.post(
    "/servers/<server>/actions/<action>",
    tags=[SERVERS],
    summary="Act on a server",
    responses={200: PlanShape, 202: AcceptedShape},
    openapi_extensions=_ACT_BODY,
)
def act(path: ActionPath, query: ActQuery, header: ActHeader) -> Response:
    """Answers at once with the job that carries it out. 409 where another job has the server: `job` names it.

    With `dry_run` nothing is done, and the answer is what would be.
    """
    if query.dry_run:
        return _planned(path)
    job, secret = control.submit_shown(
        current_actor(),
        path.action,
        path.server,
        json_object(),
        idempotency_key=header.idempotency_key,
        not_before=query.not_before,
    )
    return job_accepted(job.id, secret)


def _planned(path: ActionPath) -> Response:
    """Raises InvalidParameter for another action than the one that has plans."""
    if control.find(path.action).name != control.REINSTALL:
        raise InvalidParameter(f"Only {control.REINSTALL} can be planned with dry_run.", field="dry_run")
    return jsonify(plain(plan_shape(control.plan(current_actor(), path.server, json_object()))))


@blueprint.post("/servers", tags=[ADMINISTRATION], summary="Add a server", responses={201: ServerDetail})
def add_server(body: ServerSpec, header: ActHeader) -> Response:
    """Its passwords are sealed at once; `active_job` is the job that reads who its BMC is."""
    actor = current_actor()
    _check_may_enroll(actor)
    known = _added_before(actor, header.idempotency_key, body.name)
    if known is None:
        known = _add(actor, body)
        control.submit(actor, _ENROLL, known, {}, idempotency_key=header.idempotency_key)
    with database().read() as session:
        response = jsonify(plain(views.server(session, actor, find_server(session, actor, known))))
    response.status_code = 201
    response.headers["Location"] = url_for("api.get_server", server=known)
    return response


def _check_may_enroll(actor: Actor) -> None:
    """Before anything is written: a server that is added has to be enrolled too. Raises NotAllowed (recorded)."""
    if not holds(actor, Permission.ADMINISTER).allowed:
        return  # adding it is refused, and recorded, by administer
    decision = holds(actor, control.find(_ENROLL).permission)
    if decision.allowed:
        return
    refused = NotAllowed(f"You may not enroll servers, so none was added: {decision.reason}.")
    with database().write() as session:
        refusals.add(session, actor, Tag.SERVER_ENROLL, reason=refused.message)
    raise refused


def _added_before(actor: Actor, key: str | None, name: str) -> str | None:
    """The id of the server that the request of the same key added. Raises InvalidParameter for another request's."""
    if key is None:
        return None
    with database().read() as session:
        job = session.scalar(select(Job).where(Job.actor_id == actor.id, Job.idempotency_key == key))
        if job is None:
            return None
        if job.action != _ENROLL or job.server.name != name:
            message = f"This Idempotency-Key was used for another request (job {job.id}). Use a new one."
            raise InvalidParameter(message, field="Idempotency-Key", job=job.id)
        return job.server_id


def _add(actor: Actor, spec: ServerSpec) -> str:
    """The id of the added server. Raises WrongState, which says how to go on where a first try came half way."""
    try:
        return administer.add_server(actor, spec).id
    except WrongState as taken:
        with database().read() as session:
            begun = session.scalar(
                visible_servers(actor).where(Server.name == spec.name, Server.lifecycle == Lifecycle.ENROLLING).limit(1)
            )
        if begun is None:
            raise
        where = url_for("api.act", server=begun.id, action=_ENROLL)
        raise WrongState(
            f"{spec.name} is added already, and not enrolled yet. Go on with its enrolment: POST {where}.",
            server=begun.id,
        ) from taken


def job_accepted(job_id: str, secret: Secret | None = None) -> Response:
    """202, where the job is found, and the job; with what is shown this once."""
    with database().read() as session:
        actor = current_actor()
        row = control.find_job(session, actor, job_id)
        shown = None if secret is None else {"user": secret.user, "password": secret.password}
        response = jsonify({**plain(views.job(row, staff=actor.is_staff)), "shown_once": shown})
    response.status_code = 202
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = url_for("api.get_job", job=job_id)
    return response
