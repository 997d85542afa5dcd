"""A server's hardware pages: health and sensors, event log, parts, BIOS settings, the BMC itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import administer, control
from oobctl.access import Actor, find_server, holds
from oobctl.constants import STAFF_CAPABILITIES, Capability, Lock, Permission
from oobctl.errors import InvalidParameter, NotFound, OobctlError
from oobctl.readings import baselines, tell
from oobctl.store import Job, Server, database
from web import bios_form, cursors, hardware_words, over_time, parameters, readings, views
from web.identity import current_actor
from web.shapes import ServerDetail
from web.shapes.readings import (
    HealthShape,
    InventoryShape,
    MediaShape,
    MeteringShape,
    SensorsShape,
    UsersShape,
)

blueprint = Blueprint("hardware", __name__, url_prefix="/servers/<server>/hardware")

_ENTRIES = 50
_READ = "server.inspect"


@dataclass(frozen=True)
class Page:
    """One page: what it is called, what is read for it, and how its content is found."""

    name: str
    title: str
    capabilities: tuple[Capability, ...]
    content: Callable[[Session, Actor, Server], dict[str, Any]]


def _health(session: Session, actor: Actor, server: Server) -> dict[str, Any]:
    sensors = readings.shape(session, actor, server, Capability.SENSORS, SensorsShape)
    return {
        "health": readings.shape(session, actor, server, Capability.HEALTH, HealthShape),
        "sensors": sensors,
        "groups": hardware_words.sensor_groups(sensors.sensors or []),
        "metering": readings.shape(session, actor, server, Capability.POWER_METERING, MeteringShape),
    }


def _event_log(session: Session, actor: Actor, server: Server) -> dict[str, Any]:
    after = request.args.get("after")
    log = request.args.get("log") or None
    cursor = cursors.decode(after, 1)[0] if after else None
    rows, following = tell.entries(session, actor, server, log=log, after=cursor, limit=_ENTRIES)
    page = readings.event_log(session, actor, server, rows, cursors.encode(following) if following else None)
    return {"page": page, "log": log, "after": after, "of_part": hardware_words.of_part}


def _parts(session: Session, actor: Actor, server: Server) -> dict[str, Any]:
    found = readings.shape(session, actor, server, Capability.INVENTORY, InventoryShape)
    return {"inventory": found, "groups": hardware_words.part_groups(found.parts or [])}


def _bios(session: Session, actor: Actor, server: Server) -> dict[str, Any]:
    bios = readings.bios(session, actor, server)
    search = request.args.get("q", "").strip()[:64]
    wanted = request.args.get("baseline") or None
    difference = None
    if wanted is not None:
        difference = readings.difference(*baselines.compare(session, actor, server, wanted))
    return {
        "bios": bios,
        "search": search,
        "menus": bios_form.menus(bios.attributes or [], search),
        "pending": [one for one in bios.attributes or [] if one.pending is not None],
        "baselines": [readings.baseline(row) for row in baselines.listed(session, actor, server)],
        "difference": difference,
    }


def _bmc(session: Session, actor: Actor, server: Server) -> dict[str, Any]:
    media = readings.shape(session, actor, server, Capability.VIRTUAL_MEDIA, MediaShape)
    found: dict[str, Any] = {"media": media, "temporary": views.temporary_users(session, server.id)}
    if actor.is_staff:
        found["users"] = readings.shape(session, actor, server, Capability.USERS, UsersShape)
        found["security"] = readings.security(session, actor, server)
        found["may_administer"] = holds(actor, Permission.ADMINISTER).allowed
    return found


def _over_time(session: Session, actor: Actor, server: Server) -> dict[str, Any]:
    return over_time.page(session, actor, server, request.args.get("span", ""))


PAGES = {
    page.name: page
    for page in (
        Page("health", "Health", (Capability.HEALTH, Capability.SENSORS, Capability.POWER_METERING), _health),
        Page("over-time", "Over time", (Capability.SENSORS, Capability.POWER_METERING), _over_time),
        Page("event-log", "Event log", (Capability.EVENT_LOG,), _event_log),
        Page("parts", "Parts", (Capability.INVENTORY,), _parts),
        Page("bios", "BIOS", (Capability.BIOS,), _bios),
        Page("bmc", "BMC", (Capability.VIRTUAL_MEDIA, Capability.USERS, Capability.SECURITY), _bmc),
    )
}


@blueprint.get("/<page>")
def show(server: str, page: str) -> str:
    """One of the pages. Live pages ask for its content alone."""
    wanted = _page(page)
    live = request.headers.get("HX-Target") == "reading"
    return render_template("hardware/live.html" if live else "hardware/show.html", **_shown(server, wanted))


@blueprint.post("/<page>/read")
def read_now(server: str, page: str) -> Response:
    """Ask the BMC now for what the page shows. Where it is being read already, that is as good."""
    actor, wanted = current_actor(), _page(page)
    try:
        control.submit(actor, _READ, server, {"capabilities": _readable(actor, wanted)})
    except OobctlError as error:
        if error.http_status != 409:
            raise
    return make_response(redirect(url_for("hardware.show", server=server, page=page, **_chosen()), 303))


@blueprint.post("/bmc/known-users")
def acknowledge_user(server: str) -> Response:
    """A user of the BMC that nobody knew is right."""
    return _judged(server, administer.acknowledge_bmc_user)


@blueprint.post("/bmc/doubted-users")
def doubt_user(server: str) -> Response:
    """A user of the BMC that was known is not right after all."""
    return _judged(server, administer.doubt_bmc_user)


def _judged(server: str, judge: Callable[[Actor, str, str], None]) -> Response:
    try:
        judge(current_actor(), server, request.form.get("name", ""))
    except OobctlError as error:
        page = render_template("hardware/show.html", **_shown(server, PAGES["bmc"]), error=error)
        return make_response(page, error.http_status)
    return make_response(redirect(url_for("hardware.show", server=server, page="bmc"), 303))


@blueprint.post("/bios/review")
def review(server: str) -> Response:
    """What of the form is not as it is: shown with its consequence before anything is asked for."""
    return _reviewed(server, error=None)


@blueprint.post("/bios/set")
def set_bios(server: str) -> Response:
    """The changes that were reviewed become a job."""
    actor = current_actor()
    with database().read() as session:
        shape = views.server(session, actor, find_server(session, actor, server))
        attributes = readings.bios(session, actor, find_server(session, actor, server)).attributes or []
    wanted = {"values": bios_form.values(attributes, request.form), "apply": request.form.get("apply", "next_boot")}
    try:
        control.submit(actor, "bios.set", shape.id, wanted, idempotency_key=request.form.get("key") or None)
    except InvalidParameter as error:  # nothing is to be changed: the page says so better
        return _reviewed(server, error if wanted["values"] else None)
    except OobctlError as error:
        return _reviewed(server, error)
    return make_response(redirect(url_for("servers.show", server=shape.id), 303))


@blueprint.post("/bios/baselines")
def save_baseline(server: str) -> Response:
    """Save the settings as they are, to compare with later."""
    name = request.form.get("name", "").strip()
    try:
        baselines.save(current_actor(), server, name)
    except OobctlError as error:
        page = render_template("hardware/show.html", **_shown(server, PAGES["bios"]), error=error, typed=name)
        return make_response(page, error.http_status)
    return make_response(redirect(url_for("hardware.show", server=server, page="bios", baseline=name), 303))


@blueprint.post("/bios/baselines/remove")
def remove_baseline(server: str) -> Response:
    """Remove saved settings."""
    try:
        baselines.remove(current_actor(), server, request.form.get("name", ""))
    except OobctlError as error:
        page = render_template("hardware/show.html", **_shown(server, PAGES["bios"]), error=error)
        return make_response(page, error.http_status)
    return make_response(redirect(url_for("hardware.show", server=server, page="bios"), 303))


def _reviewed(server: str, error: OobctlError | None) -> Response:
    actor = current_actor()
    with database().read() as session:
        row = find_server(session, actor, server)
        shape = views.server(session, actor, row)
        attributes = readings.bios(session, actor, row).attributes or []
        wrong = readings.wrong_values(session, actor, row, bios_form.values(attributes, request.form))
    changes = [replace(one, wrong=wrong.get(one.attribute.name)) for one in bios_form.changes(attributes, request.form)]
    listed = {one.attribute.name for one in changes}
    page = render_template(
        "hardware/review.html",
        server=shape,
        changes=changes,
        foreign=[words for name, words in wrong.items() if name not in listed],
        apply=request.form.get("apply", "next_boot"),
        key=parameters.new_key(),
        offer=next((offer for offer in shape.actions if offer.name == "bios.set"), None),
        error=error,
    )
    return make_response(page, error.http_status if error else 422 if wrong else 200)


def _page(name: str) -> Page:
    if name not in PAGES:
        raise NotFound(f"There is no page {name!r} of a server's hardware. There are: {', '.join(PAGES)}.")
    return PAGES[name]


def _chosen() -> dict[str, Any]:
    """What of a page is looked at; kept when it is read anew."""
    return {name: request.args[name] for name in ("span", "log") if name in request.args}


def _readable(actor: Actor, page: Page) -> list[str]:
    return [str(one) for one in page.capabilities if actor.is_staff or one not in STAFF_CAPABILITIES]


def _shown(name: str, page: Page) -> dict[str, Any]:
    actor = current_actor()
    with database().read() as session:
        row = find_server(session, actor, name)
        shape = views.server(session, actor, row)
        content = page.content(session, actor, row)
        reading = _being_read(session, row)
    return {
        "server": shape,
        "page_of": page,
        "reading": reading,
        "chosen": _chosen(),
        "may_read": _allowed(shape, _READ),
        "may_set": _allowed(shape, "bios.set"),
        "staff": actor.is_staff,
        **content,
    }


def _allowed(shape: ServerDetail, action: str) -> bool:
    return any(offer.name == action and offer.allowed for offer in shape.actions)


def _being_read(session: Session, server: Server) -> str | None:
    """The inspection that is under way, if there is one."""
    query = select(Job.id).where(Job.server_id == server.id, Job.lock == Lock.READ, Job.finished_at.is_(None))
    return session.scalar(query.order_by(Job.id.desc()).limit(1))
