"""The fleet's page: what is wrong anywhere, and where; and the same for the API."""

from typing import Any

from flask import Blueprint, render_template, request, url_for
from sqlalchemy.orm import Session

from oobctl import readings
from oobctl.access import Actor
from oobctl.constants import PowerState
from oobctl.errors import NotFound, contact
from oobctl.readings import fleet, fleet_rows, rounds
from oobctl.readings.fleet import Fleet, Hot, Inlet, Old, Unwell
from oobctl.readings.fleet_rows import ServerRow
from oobctl.store import database
from web.identity import current_actor
from web.shapes.fleet import (
    FleetShape,
    InletShape,
    OldShape,
    PlaceShape,
    SilentShape,
    TooHotShape,
    UnwellShape,
)
from web.words import upper_first

blueprint = Blueprint("fleet", __name__, url_prefix="/fleet")

_LIMITS = {"site": 64, "rack": 64}


@blueprint.get("")
def index() -> str:
    """The page. Live pages ask for its blocks alone."""
    chosen = {name: request.args.get(name, "").strip()[:most] or None for name, most in _LIMITS.items()}
    with database().read() as session:
        found = _found(session, current_actor(), **chosen)
    live = request.headers.get("HX-Target") == "fleet"
    return render_template("fleet/blocks.html" if live else "fleet/index.html", **_shown(found, **chosen))


def _found(session: Session, actor: Actor, site: str | None, rack: str | None) -> Fleet:
    """Who chooses another site has still the last one's rack in the form: there it means nothing."""
    try:
        return fleet.fleet(session, actor, site=site, rack=rack)
    except NotFound:
        if site is None or rack is None:
            raise
        return fleet.fleet(session, actor, site=site)


def _shown(found: Fleet, site: str | None, rack: str | None) -> dict[str, Any]:
    return {
        "fleet": shape(found),
        "places": {"sites": found.places.sites, "racks": _rack_names(found.places)},
        "several": len(found.places.sites) > 1,
        "site": site,
        "rack": rack,
        "no_rack": fleet_rows.NO_RACK,
        "rounds": rounds.ROUNDS,
        "rack_url": rack_url,
        "numeral": numeral,
        "power": power,
        "span": span,
        "upper_first": upper_first,
        "words": readings.words,
    }


def _rack_names(places: fleet_rows.Places) -> list[str]:
    return list(dict.fromkeys(name for _, name in places.racks))


def numeral(value: float) -> str:
    """1,234 or 23.5."""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.1f}"


def power(watts: float) -> str:
    return f"{watts / 1000:,.1f} kW" if watts >= 10_000 else f"{watts:,.0f} W"


def span(seconds: float) -> str:
    """An interval, in the largest unit in which it is whole."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"


def rack_url(place: PlaceShape) -> str:
    """The fleet's page of that rack alone."""
    return url_for("fleet.index", site=place.site, rack=place.rack or fleet_rows.NO_RACK)


def shape(found: Fleet) -> FleetShape:
    """The fleet as the API tells it."""
    return FleetShape(
        at=found.at,
        total=PlaceShape.model_validate(found.total),
        sites=[PlaceShape.model_validate(one) for one in found.sites],
        racks=[PlaceShape.model_validate(one) for one in found.racks],
        unwell=[_unwell(one) for one in found.unwell],
        silent=[_silent(row) for row in found.silent],
        too_hot=[_too_hot(one) for one in found.too_hot],
        too_hot_count=found.too_hot_count,
        inlets=[_inlet(one) for one in found.inlets],
        inlet_count=found.inlet_count,
        hungriest=[PlaceShape.model_validate(one) for one in found.hungriest],
        oldest=[_old(one) for one in found.oldest],
    )


def _unwell(one: Unwell) -> UnwellShape:
    found = {"health": one.health, "parts": one.parts, "health_read_at": one.row.health_read_at}
    found["health_since"] = one.since
    return UnwellShape.model_validate(_of(one.row) | found)


def _too_hot(one: Hot) -> TooHotShape:
    found = {"sensor": one.name, "celsius": one.celsius, "limit": one.limit, "health": one.health}
    return TooHotShape.model_validate(
        _of(one.row) | found | {"current": one.current, "read_at": one.row.sensors_read_at}
    )


def _inlet(one: Inlet) -> InletShape:
    found = {"sensor": one.row.inlet, "celsius": one.celsius, "limit": one.limit, "margin": one.margin}
    return InletShape.model_validate(_of(one.row) | found | {"read_at": one.row.sensors_read_at})


def _old(one: Old) -> OldShape:
    found = {"capability": one.capability, "read_at": one.read_at, "interval_seconds": one.interval}
    return OldShape.model_validate(_of(one.row) | found | {"rounds": round(one.rounds, 1), "problem": one.problem})


def _silent(row: ServerRow) -> SilentShape:
    state = row.power_state if row.power_read_at else PowerState.UNKNOWN
    known = {"power_state": state, "power_read_at": row.power_read_at}
    found = {"silent_since": row.silent_since, "silent_because": row.silent_because, "silent_code": row.silent_code}
    found["contact"] = contact(row.silent_code)
    return SilentShape.model_validate(_of(row) | found | known)


def _of(row: ServerRow) -> dict[str, Any]:
    return {"server": row.name, "server_id": row.id, "site": row.site, "rack": row.rack}
