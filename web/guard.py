"""What every request passes before its page or route: our name, who it is, and that a form is ours."""

from urllib.parse import urlencode

from flask import Flask, Response, abort, g, make_response, redirect, request, url_for
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from oobctl.errors import NotSignedIn
from web import characters
from web.bodies import refusal
from web.identity import load_visitor, signed_in
from web.problems import wants_problem_json
from web.security import NOTHING_MORE, is_our_name, security_headers

OPEN_ENDPOINTS = frozenset(
    {
        "static",
        "sessions.sign_in",
        "consoles.shared",
        "api.document",
        "probes.healthz",
        "probes.readyz",
        "metrics.scrape",
    }
)
"""What answers without a sign-in. /metrics asks for its own token, or for loopback."""

_ANY_NAME_ENDPOINTS = frozenset({"probes.healthz", "probes.readyz", "metrics.scrape"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def register(app: Flask) -> None:
    """Nothing is reached without passing here: a route is closed unless OPEN_ENDPOINTS names it."""
    login = LoginManager()
    login.session_protection = None  # sessions are rows of ours, not Flask's
    login.request_loader(load_visitor)
    login.init_app(app, add_context_processor=False)  # pages must not ask the database while they are rendered
    csrf = CSRFProtect()
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    csrf.init_app(app)

    @app.before_request
    def check() -> Response | None:
        refused = refusal(request.environ)
        if refused is not None:
            abort(refused)
        if request.endpoint not in _ANY_NAME_ENDPOINTS and not is_our_name(request.headers.get("Host")):
            abort(400)
        if request.endpoint != "static":
            characters.check(request)
        visitor = None if request.endpoint in {"static", *_ANY_NAME_ENDPOINTS} else signed_in()
        if request.endpoint is None:
            return None  # the answer is 404 or 405, and tells nothing
        if visitor is None and request.endpoint not in OPEN_ENDPOINTS:
            return refuse_anonymous()
        if request.method not in _SAFE_METHODS and not (visitor and visitor.by_bearer):
            csrf.protect()
        return None

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.update(security_headers(g.get("needs", NOTHING_MORE)))
        if request.endpoint != "static" or response.status_code >= 400:
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def refuse_anonymous() -> Response:
    """The API answers 401; a page leads to the sign-in and back here."""
    if wants_problem_json(request):
        raise NotSignedIn(
            "This needs a bearer token or a signed-in session, and none that is valid came with the request."
        )
    target = f"{url_for('sessions.sign_in')}?{urlencode({'next': _where_to_return()})}"
    if request.headers.get("HX-Request"):
        # A part of a page asked: the whole page has to go to the sign-in, not this part of it.
        response = make_response("", 401)
        response.headers["HX-Redirect"] = target
        return response
    return make_response(redirect(target, 303))


def _where_to_return() -> str:
    if request.headers.get("HX-Request"):
        current = request.headers.get("HX-Current-URL", "")
        return "/" + current.split("/", 3)[3] if current.count("/") >= 3 else "/"
    if request.method != "GET":
        return "/"
    return request.full_path.rstrip("?")
