"""Jobs: the list, one of them, and what may be done with it."""

from typing import Any

from flask import Response

from oobctl import control
from oobctl.constants import JobState
from oobctl.errors import WrongState
from oobctl.store import database
from web import cursors, views
from web.api.blueprint import JOBS, blueprint, plain
from web.api.requests import ActHeader, JobPath, JobsQuery, ResolveBody
from web.api.servers import job_accepted
from web.identity import current_actor
from web.shapes import JobPage, JobShape


@blueprint.get("/jobs", tags=[JOBS], summary="Jobs, newest first", responses={200: JobPage})
def list_jobs(query: JobsQuery) -> dict[str, Any]:
    rows, following = control.jobs(
        current_actor(),
        server=query.server,
        state=query.state,
        after=cursors.decode(query.after, 1)[0] if query.after else None,
        limit=query.limit,
    )
    with database().read() as session:
        items = views.loaded_jobs(session, rows, staff=current_actor().is_staff)
    return plain(JobPage(items=items, next=cursors.encode(following) if following else None))


@blueprint.get("/jobs/<job>", tags=[JOBS], summary="One job", responses={200: JobShape})
def get_job(path: JobPath) -> dict[str, Any]:
    return _shown(path.job)


@blueprint.post("/jobs/<job>/cancel", tags=[JOBS], summary="Cancel a job", responses={200: JobShape})
def cancel_job(path: JobPath) -> dict[str, Any]:
    """A queued job ends at once, a running one between two steps; 409 where that would leave the server half way."""
    try:
        control.cancel(current_actor(), path.job)
    except WrongState:
        shown = _shown(path.job)
        if shown["state"] != JobState.CANCELLED:
            raise
        return shown  # the same request again: what it asked for is so
    return _shown(path.job)


@blueprint.post("/jobs/<job>/retry", tags=[JOBS], summary="Try a failed job again", responses={202: JobShape})
def retry_job(path: JobPath, header: ActHeader) -> Response:
    """A new job with the same parameters; the old one stays as it ended."""
    return job_accepted(control.retry(current_actor(), path.job, idempotency_key=header.idempotency_key).id)


@blueprint.post("/jobs/<job>/resolve", tags=[JOBS], summary="Say what was found", responses={200: JobShape})
def resolve_job(path: JobPath, body: ResolveBody) -> dict[str, Any]:
    """For a job that needs attention: a person looked, and this is what they found."""
    actor = current_actor()
    try:
        control.resolve(actor, path.job, body.note)
    except WrongState:
        shown = _shown(path.job)
        if (shown["resolved_by"], shown["resolution"]) != (actor.name, body.note.strip()):
            raise
        return shown  # the same request again: what it asked for is so
    return _shown(path.job)


def _shown(job_id: str) -> dict[str, Any]:
    with database().read() as session:
        actor = current_actor()
        return plain(views.whole_job(session, actor, control.find_job(session, actor, job_id)))
