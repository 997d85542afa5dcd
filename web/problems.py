"""Errors as people and programs get them: problem JSON (RFC 9457) in the API, a sentence on a page."""

import logging
import secrets
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Flask, Request, Response, g, jsonify, make_response, render_template, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from oobctl.errors import OobctlError
from web.discretion import told, told_error

log = logging.getLogger("oobctl.web")

_TRACEBACKS_A_MINUTE = 20
_traced: deque[float] = deque(maxlen=_TRACEBACKS_A_MINUTE)  # when each of the last ones was logged

MEDIA_TYPE = "application/problem+json"
_SENTENCES = {
    400: ("bad_request", "The request could not be understood."),
    404: ("not_found", "There is nothing at this address. Check it, or start from the list of servers."),
    405: ("method_not_allowed", "This address does not take that method."),
    406: ("not_acceptable", "This address has no such format."),
    408: ("request_timeout", "The request took too long to arrive. Try again."),
    413: ("body_too_large", "The request is larger than anything that is asked for here."),
    415: ("unsupported_media_type", "The body must be JSON, with Content-Type: application/json."),
    429: ("too_many_requests", "Too many tries. Wait a while, then try again."),
}


@dataclass(frozen=True)
class Problem:
    """One error, before it is written in either form. `details` are more members, never replacing the named ones."""

    status: int
    code: str
    detail: str
    details: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    def to_json(self) -> dict[str, Any]:
        named = {
            "type": f"urn:oobctl:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return {**self.details, **named}


def of_error(error: OobctlError, *, staff: bool) -> Problem:
    """An error of ours. The signed-out are told how to sign in, the impatient when to come back."""
    headers = {}
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="oobctl"'
    if error.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    details = {**told(error.details, staff=staff), "retryable": error.retryable}
    return Problem(error.http_status, error.code, told_error(error.code, error.message, staff=staff), details, headers)


def of_http(error: HTTPException) -> Problem:
    """What Flask, Werkzeug and their extensions raise."""
    if isinstance(error, CSRFError):
        sentence = "This form is from another visit, so nothing was done. Go back, reload the page and try again."
        return Problem(HTTPStatus.BAD_REQUEST, "csrf_failed", sentence, {"reason": error.description})
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    code, sentence = _SENTENCES.get(status, ("http_error", error.description or HTTPStatus(status).phrase))
    if status == HTTPStatus.BAD_REQUEST and error.description and request.is_json:
        sentence = "The body is not valid JSON."
    headers = {name: value for name, value in error.get_headers() if name.lower() in {"allow", "retry-after"}}
    if isinstance(error, RateLimitExceeded):
        seconds = error.limit.limit.get_expiry() if error.limit else 60
        headers["Retry-After"] = str(seconds)
        sentence = f"Too many tries. Wait {_waiting(seconds)}, then try again."
    return Problem(status, code, sentence, headers=headers)


def _waiting(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "some seconds" if seconds < 60 else f"{minutes} minute{'s' if minutes > 1 else ''}"


def unexpected(where: str) -> Problem:
    """What nobody foresaw: logged whole under an id, of which alone the answer speaks. Call it while handling."""
    number = secrets.token_hex(4)
    # The standard traceback on purpose: prettier ones print local variables, and with them passwords.
    kind = getattr(sys.exc_info()[0], "__name__", "")
    log.error("error %s (%s) while answering %s", number, kind, where, exc_info=_has_room())
    sentence = (
        f"Something went wrong that nobody foresaw. It is in the log as {number}: quote that to your provider. "
        "Whether your request was carried out is not known: look at the list of jobs before you try again."
    )
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", sentence, {"error_id": number})


def _has_room() -> bool:
    """Whether one more traceback may go to the log: somebody who found how to cause them must not fill the disk."""
    now = time.monotonic()
    if len(_traced) == _TRACEBACKS_A_MINUTE and now - _traced[0] < 60:
        return False
    _traced.append(now)
    return True


def wants_problem_json(incoming: Request) -> bool:
    """The API, the probes and what a page's script asks for speak JSON; everything else is a page."""
    if incoming.path.startswith("/shared/") and incoming.method == "POST":
        return True
    return incoming.path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))


def answer(problem: Problem) -> Response:
    """The problem in the form that this request asks for."""
    if wants_problem_json(request):
        response = jsonify(problem.to_json())
        response.mimetype = MEDIA_TYPE
    else:
        response = make_response(render_template("problem.html", problem=problem))
    response.status_code = problem.status
    response.headers.update(problem.headers)
    return response


def register(app: Flask) -> None:
    """One place for every error of the Flask side."""

    @app.errorhandler(OobctlError)
    def ours(error: OobctlError) -> Response:
        if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("%s %s: %s: %s", request.method, request.path, error.code, error.message)
        visitor = g.get("visitor")
        return answer(of_error(error, staff=visitor is not None and visitor.actor.is_staff))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.response is not None:
            return make_response(error.response)
        if error.code is not None and error.code < HTTPStatus.BAD_REQUEST:
            return make_response(error.get_response())
        return answer(of_http(error))

    @app.errorhandler(Exception)
    def others(error: Exception) -> Response:
        return answer(unexpected(f"{request.method} {request.path}"))
