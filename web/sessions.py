"""Signing in and out of the panel."""

from datetime import timedelta

from flask import Blueprint, Response, make_response, redirect, render_template, request, session, url_for
from flask_limiter import RequestLimit

from oobctl.access import refuse_sign_in
from oobctl.access import sign_in as check_password
from oobctl.access import sign_out as end_session
from oobctl.access.cookie import is_https, session_cookie
from oobctl.config import settings
from oobctl.errors import InvalidParameter, NotSignedIn
from web.identity import current_actor, signed_in
from web.limits import (
    PANEL_WRITES,
    SIGN_INS_BY_ADDRESS,
    WRONG_SIGN_INS_BY_NAME,
    WRONG_SIGN_INS_FROM_ANYWHERE,
    limiter,
    signed_in_from_here_before,
    typed_name,
    typed_name_and_address,
)

blueprint = Blueprint("sessions", __name__)


def _was_wrong(response: Response) -> bool:
    return response.status_code == 401


def _record(_limit: RequestLimit) -> None:
    """Tries that were not even looked at are refusals too."""
    refuse_sign_in(
        request.form.get("name", "").strip(),
        "too many tries",
        address=request.remote_addr,
        user_agent=request.headers.get("User-Agent"),
    )


@blueprint.route("/sign-in", methods=["GET", "POST"])
@limiter.limit(SIGN_INS_BY_ADDRESS, methods=["POST"], on_breach=_record)
@limiter.limit(
    WRONG_SIGN_INS_BY_NAME,
    methods=["POST"],
    key_func=typed_name_and_address,
    deduct_when=_was_wrong,
    on_breach=_record,
)
@limiter.limit(
    WRONG_SIGN_INS_FROM_ANYWHERE,
    methods=["POST"],
    key_func=typed_name,
    deduct_when=_was_wrong,
    exempt_when=signed_in_from_here_before,
    on_breach=_record,
)
def sign_in() -> Response:
    """The form, and what it sends. A wrong name or password keeps the name that was typed."""
    following = own_path(request.values.get("next"))
    if request.method == "GET":
        if signed_in() is not None:
            return make_response(redirect(following, 303))
        return make_response(render_template("sessions/sign_in.html", next=following))
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        secret = check_password(
            name, password, address=request.remote_addr, user_agent=request.headers.get("User-Agent")
        )
    except NotSignedIn as error:
        page = render_template("sessions/sign_in.html", next=following, name=name, error=error)
        return make_response(page, 401)
    session.clear()  # the CSRF token of before the sign-in ends with it
    response = make_response(redirect(following, 303))
    response.set_cookie(
        session_cookie(),
        secret,
        max_age=timedelta(hours=settings().session_hours),
        path="/",
        secure=is_https(),
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.post("/sign-out")
@limiter.limit(PANEL_WRITES)
def sign_out() -> Response:
    """Ends the session for every process at once."""
    actor = current_actor()
    if actor.kind == "token":
        raise InvalidParameter("A token has no session to end. To end the token itself, revoke it.", field="token")
    end_session(actor, request.cookies.get(session_cookie(), ""))
    session.clear()
    response = make_response(redirect(url_for("sessions.sign_in"), 303))
    response.delete_cookie(session_cookie(), path="/", secure=is_https(), httponly=True, samesite="Lax")
    return response


def own_path(text: str | None) -> str:
    """Where to go after the sign-in: a path of ours, whatever was asked for."""
    if not text or not text.startswith("/") or text[1:2] in {"/", "\\"} or any(ord(sign) < 32 for sign in text):
        return "/"
    return text
