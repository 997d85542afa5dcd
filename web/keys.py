"""The page of a user's SSH keys."""

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from oobctl import control
from oobctl.errors import OobctlError
from oobctl.images.ssh_keys import to_show_again
from web.discretion import complaints
from web.identity import current_actor

blueprint = Blueprint("keys", __name__, url_prefix="/keys")


@blueprint.get("")
def index() -> Response:
    return _page()


@blueprint.post("")
def add() -> Response:
    """What was refused stands at its input, with what was typed: but for what is, or may be, a private key."""
    try:
        control.add_ssh_key(current_actor(), request.form.get("key", ""), request.form.get("name", ""))
    except OobctlError as error:
        return _page(error)
    return make_response(redirect(url_for("keys.index"), 303))


@blueprint.post("/<key>/remove")
def remove(key: str) -> Response:
    control.remove_ssh_key(current_actor(), key)
    return make_response(redirect(url_for("keys.index"), 303))


def _page(error: OobctlError | None = None) -> Response:
    actor = current_actor()
    page = render_template(
        "keys/index.html",
        keys=control.ssh_keys(actor),
        typed={"key": to_show_again(request.form.get("key", "")), "name": request.form.get("name", "")},
        wrong=complaints(error, "key", staff=actor.is_staff),
    )
    return make_response(page, 200 if error is None else error.http_status)
