"""The API's blueprint, and what all its routes share: the form of bodies and of refusals."""

from typing import Any, NoReturn

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from oobctl import __version__
from oobctl.access import Actor, holds
from oobctl.constants import Permission
from oobctl.errors import InvalidParameter, NotAllowed
from web import characters
from web.identity import current_actor
from web.limits import WRITES, limiter
from web.shapes import ProblemShape

INFO = Info(
    title="oobctl",
    version=__version__,
    description="One API in front of every BMC. Times are RFC 3339 in UTC; errors are RFC 9457 problem JSON with a "
    "`code`; lists are `{items, next}`, and `next` goes into `after`.",
)
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "oobctl_session",
        "description": "The panel's session. Writes need the CSRF token in X-CSRFToken too.",
    },
}
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"session": []}]

_PROBLEM = {"application/problem+json": {"schema": ProblemShape.model_json_schema()}}
_PROBLEMS = {
    status: {"description": meaning, "content": _PROBLEM}
    for status, meaning in (
        (401, "Nobody is signed in, or the token is not valid"),
        (403, "Known, but not allowed: the reason is told"),
        (404, "Unknown, or not yours"),
        (409, "Busy (`job` names the job that has the server) or in the wrong state"),
        (422, "A parameter is wrong: `field` names it"),
        (503, "The database is away; nothing was written"),
    )
}

_BODIES = ("Body", "Spec")  # how the models of bodies are named

SERVERS = Tag(name="servers")
HARDWARE = Tag(name="hardware", description="What was last read of a server, with its age; nothing waits for a BMC.")
CONSOLES = Tag(name="consoles", description="A server's screen and serial line.")
FLEET = Tag(name="fleet", description="All servers at once, as last read. For staff.")
JOBS = Tag(name="jobs")
SSH_KEYS = Tag(name="ssh keys", description="Public keys that you keep here, to be chosen at reinstalls.")
BOOT_SCRIPTS = Tag(name="boot scripts", description="iPXE scripts that your account keeps, for boot.script.")
AUDIT = Tag(name="audit")
ADMINISTRATION = Tag(name="administration", description="For administrators; each change leaves a record.")

blueprint = APIBlueprint(
    "api",
    __name__,
    url_prefix="/api/v1",
    abp_security=SECURITY,
    abp_responses={**_PROBLEMS},  # type: ignore[dict-item]
)


@blueprint.before_request
def check_body() -> None:
    """A body is JSON and says so. Raises UnsupportedMediaType, or BadRequest where it is no JSON."""
    if request.method in {"POST", "PUT", "PATCH"} and request.get_data(cache=True):
        if not request.is_json:
            raise UnsupportedMediaType
        try:
            characters.check_json(request.get_json())
        except RecursionError:
            raise InvalidParameter("The body is nested too deep.", field="body") from None


@blueprint.before_request
@limiter.limit(WRITES, methods=["POST", "PUT", "PATCH", "DELETE"])
def check_rate() -> None:
    """Raises RateLimitExceeded where one actor writes more than WRITES."""


def refuse_invalid(error: ValidationError) -> NoReturn:
    """What is wrong with a request, as the one error that names its field. Raises InvalidParameter, always."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "body"
    if error.title.endswith(_BODIES) and not request.get_data(cache=True):
        raise InvalidParameter(f"A JSON body is needed here: {error.title}.", field="body")
    message = first["msg"].removeprefix("Value error, ")
    raise InvalidParameter(f"{field} is wrong: {message}.", field=field)


def json_object() -> dict[str, Any]:
    """The body as an object; none is an empty one. Raises InvalidParameter for a list, number or string."""
    body = request.get_json() if request.get_data(cache=True) else {}
    if not isinstance(body, dict):
        raise InvalidParameter("The body must be a JSON object with the action's parameters.", field="body")
    return body


def require_administrator() -> Actor:
    """The actor, where they administer. Raises NotAllowed. For reading; changes check in oobctl.administer."""
    actor = current_actor()
    decision = holds(actor, Permission.ADMINISTER)
    if not decision.allowed:
        raise NotAllowed(f"Only administrators may see this: {decision.reason}.")
    return actor


def plain(shape: BaseModel) -> dict[str, Any]:
    return shape.model_dump(mode="json", by_alias=True)
