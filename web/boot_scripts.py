"""The pages of the iPXE scripts that an account keeps."""

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from oobctl import control
from oobctl.errors import NotAllowed, OobctlError
from web.discretion import complaints
from web.identity import current_actor

blueprint = Blueprint("boot_scripts", __name__, url_prefix="/boot-scripts")


@blueprint.get("")
def index() -> Response:
    return _page()


@blueprint.post("")
def add() -> Response:
    """What was refused stands at its input, with what was typed."""
    try:
        control.add_boot_script(current_actor(), request.form.get("name", "").strip(), request.form.get("script", ""))
    except NotAllowed:
        raise
    except OobctlError as error:
        return _page(error)
    return make_response(redirect(url_for("boot_scripts.index"), 303))


@blueprint.get("/<script>")
def show(script: str) -> str:
    row = control.find_boot_script(current_actor(), script)
    return render_template("boot_scripts/show.html", script=row)


@blueprint.post("/<script>/remove")
def remove(script: str) -> Response:
    control.remove_boot_script(current_actor(), script)
    return make_response(redirect(url_for("boot_scripts.index"), 303))


def _page(error: OobctlError | None = None) -> Response:
    actor = current_actor()
    page = render_template(
        "boot_scripts/index.html",
        scripts=control.boot_scripts(actor),
        typed=request.form,
        wrong=complaints(error, "name", staff=actor.is_staff),
    )
    return make_response(page, 200 if error is None else error.http_status)
