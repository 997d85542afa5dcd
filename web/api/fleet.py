"""The whole fleet at a glance, for staff."""

from typing import Any

from oobctl.readings import fleet
from oobctl.store import database
from web import fleet as views
from web.api.blueprint import FLEET, blueprint, plain
from web.api.requests import FleetQuery
from web.identity import current_actor
from web.shapes.fleet import FleetShape


@blueprint.get("/fleet", tags=[FLEET], summary="The fleet", responses={200: FleetShape})
def get_fleet(query: FleetQuery) -> dict[str, Any]:
    """Health, silence, heat, power draw and age of all servers, the worst first. Nothing old is told as now."""
    with database().read() as session:
        return plain(views.shape(fleet.fleet(session, current_actor(), site=query.site, rack=query.rack)))
