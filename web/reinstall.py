"""A server's reinstall: the form, the plan with what is lost, and the name that has to be typed."""

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from oobctl import control
from oobctl.access import Actor, find_server
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, OobctlError
from oobctl.store import database
from web import parameters, reinstall_form, views
from web.discretion import told
from web.identity import current_actor
from web.installs import image_shapes
from web.reinstall_form import Filled
from web.servers import shown_once
from web.shapes import ServerDetail

blueprint = Blueprint("reinstall", __name__, url_prefix="/servers/<server>/reinstall")


@blueprint.get("")
def show(server: str) -> Response:
    shape = _server(server)
    return _form(shape, reinstall_form.begun(shape.name, control.choices(current_actor(), shape.id)))


@blueprint.post("")
def ask(server: str) -> Response:
    """`plan` shows what it would do, `edit` the form again; else it is done, where the server's name was typed."""
    shape, actor = _server(server), current_actor()
    typed = reinstall_form.filled(request.form)
    if "edit" in request.form:
        return _form(shape, typed)
    try:
        asked = reinstall_form.request_of(typed, control.ssh_keys(actor))
        if "plan" in request.form or request.form.get("confirm", "").strip() != shape.name:
            wrong = None if "plan" in request.form else f"Type {shape.name}, just so, to go on."
            return _plan(shape, typed, asked, control.plan(actor, shape.id, asked), wrong)
        if "unknown_disks" in request.form and (plan := _planned_otherwise(actor, shape, asked)) is not None:
            return _plan(shape, typed, asked, plan, f"Type {shape.name} again, to go on.", changed=True)
        job, secret = control.submit_shown(
            actor, control.REINSTALL, shape.id, asked, idempotency_key=request.form.get("key") or None
        )
    except (NotFound, NotAllowed):
        raise
    except OobctlError as error:
        return _form(shape, typed, error)
    if secret is not None or asked.get("root_password"):
        return shown_once(shape, job, secret)
    return make_response(redirect(url_for("jobs.show", job=job.id), 303))


def _planned_otherwise(actor: Actor, shape: ServerDetail, asked: dict[str, Any]) -> control.Plan | None:
    """The plan as it is by now, where somebody agreed to one that named no disk, and disks are known meanwhile."""
    try:
        plan = control.plan(actor, shape.id, asked)
    except OobctlError:  # it is said when it is asked for; or it was asked for already, and this is the same again
        return None
    return plan if plan.disks else None


def _server(server: str) -> ServerDetail:
    actor = current_actor()
    with database().read() as session:
        return views.server(session, actor, find_server(session, actor, server))


def _form(shape: ServerDetail, typed: Filled, error: OobctlError | None = None) -> Response:
    """The form with what was typed; what was wrong stands at its input, or at the top where it is about none."""
    actor = current_actor()
    choices = control.choices(actor, shape.id)
    place, words = (None, "") if error is None else reinstall_form.place_of(error, staff=actor.is_staff)
    offer = next((offer for offer in shape.actions if offer.name == control.REINSTALL), None)
    page = render_template(
        "reinstall/form.html",
        server=shape,
        offer=offer,
        lacks=None if choices.lacks is None else told(choices.lacks, staff=actor.is_staff),
        images=image_shapes([(image, (choices.site,)) for image in choices.images]),
        disks=choices.hardware.disks,
        macs=choices.hardware.macs,
        saved=control.ssh_keys(actor),
        typed=typed.shown,
        wrong=reinstall_form.complaints(place, words, held_back=typed.holds_back),
        held_back=typed.holds_back,
        more=reinstall_form.shows_more(typed, place),
        error=error if place is None else None,
        busy=error.details.get("job") if error is not None else None,
        layouts=reinstall_form.LAYOUTS,
        boot_paths=choices.boot_paths,
        boot_path_words=reinstall_form.BOOT_PATHS,
        bond_modes=reinstall_form.BOND_MODES,
        staff=actor.is_staff,
    )
    return make_response(page, 200 if error is None else error.http_status)


def _plan(
    shape: ServerDetail,
    typed: Filled,
    asked: dict[str, Any],
    plan: control.Plan,
    wrong: str | None = None,
    *,
    changed: bool = False,
) -> Response:
    """wrong: what is wrong with the name that was typed. changed: it is another plan than the one before.

    The disks that it names are those that are asked for, whatever is inspected until then.
    """
    typed = reinstall_form.with_disks(typed, [disk.serial for disk in plan.disks])
    page = render_template(
        "reinstall/plan.html",
        server=shape,
        plan=plan,
        typed=typed.shown,
        asked=asked,
        keys=list(reinstall_form.keys_of(asked)),
        lines_in=reinstall_form.lines_in,
        boot_path_words=reinstall_form.BOOT_PATHS,
        layouts=reinstall_form.LAYOUTS,
        total=sum(step.usually_seconds or 0 for step in plan.steps),
        wrong=wrong,
        changed=changed,
        confirmed="" if changed else request.form.get("confirm", ""),
        key=request.form.get("key") or parameters.new_key(),
    )
    return make_response(page, 200 if wrong is None else InvalidParameter.http_status)
