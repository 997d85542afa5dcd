"""What was last read of a server, with its age. No answer waits for a BMC: the action server.inspect reads anew."""

from typing import Any, TypeVar

from flask import Response, jsonify
from pydantic import Field

from oobctl import clock
from oobctl.access import find_server
from oobctl.constants import Capability
from oobctl.errors import InvalidParameter
from oobctl.readings import baselines, tell
from oobctl.store import database
from web import cursors, readings
from web.api.blueprint import HARDWARE, blueprint, plain
from web.api.requests import Closed, Moment, PageQuery, ServerPath
from web.identity import current_actor
from web.shapes.readings import (
    BaselinePage,
    BaselineShape,
    BiosDiffShape,
    BiosShape,
    EventLogPage,
    HealthShape,
    InventoryShape,
    MediaShape,
    MeteringShape,
    ReadShape,
    SecurityShape,
    SensorsShape,
    UsersShape,
)

Shape = TypeVar("Shape", bound=ReadShape)


class EventLogQuery(PageQuery):
    log: str | None = Field(None, description="One of the BMC's logs alone.", max_length=64)


class SensorsQuery(Closed):
    begin: Moment | None = Field(None, alias="from", description="Tell what was read since then as well.")
    end: Moment | None = Field(None, alias="to", description="Up to then; now, where it is left out.")
    step: int | None = Field(
        None,
        ge=60,
        description="Seconds; left out: as many points as a plot can show. Longer ago only longer ones are kept.",
    )


class BaselineQuery(Closed):
    baseline: str = Field(description="The name of a saved baseline.", max_length=64)


class BaselinePath(ServerPath):
    name: str = Field(description="The name of a saved baseline.", max_length=64)


class BaselineBody(Closed):
    name: str = Field(min_length=1, max_length=64)
    replace: bool = Field(False, description="Save in the place of the one of that name.")


def _latest(path: ServerPath, capability: Capability, into: type[Shape]) -> dict[str, Any]:
    actor = current_actor()
    with database().read() as session:
        return plain(readings.shape(session, actor, find_server(session, actor, path.server), capability, into))


@blueprint.get("/servers/<server>/sensors", tags=[HARDWARE], summary="Sensors", responses={200: SensorsShape})
def get_sensors(path: ServerPath, query: SensorsQuery) -> dict[str, Any]:
    """Values with their units, thresholds and states as last read; with `from`, what was read since then as well."""
    if query.begin is None and (query.end is not None or query.step is not None):
        raise InvalidParameter("A history begins somewhere: give `from` as well.", field="from")
    actor = current_actor()
    with database().read() as session:
        server = find_server(session, actor, path.server)
        found = readings.shape(session, actor, server, Capability.SENSORS, SensorsShape)
        if query.begin is not None:
            found.history = readings.history(session, actor, server, query.begin, query.end or clock.now(), query.step)
        return plain(found)


@blueprint.get("/servers/<server>/health", tags=[HARDWARE], summary="Health", responses={200: HealthShape})
def get_health(path: ServerPath) -> dict[str, Any]:
    """The worst of the parts that tell theirs, and those that are not OK. Unknown where none does."""
    return _latest(path, Capability.HEALTH, HealthShape)


@blueprint.get("/servers/<server>/inventory", tags=[HARDWARE], summary="Parts", responses={200: InventoryShape})
def get_inventory(path: ServerPath) -> dict[str, Any]:
    """What the server is made of, with slots, serial numbers and firmware versions."""
    return _latest(path, Capability.INVENTORY, InventoryShape)


@blueprint.get("/servers/<server>/virtual-media", tags=[HARDWARE], summary="Media", responses={200: MediaShape})
def get_virtual_media(path: ServerPath) -> dict[str, Any]:
    """Virtual drives and what is in them."""
    return _latest(path, Capability.VIRTUAL_MEDIA, MediaShape)


@blueprint.get("/servers/<server>/power-metering", tags=[HARDWARE], summary="Watts", responses={200: MeteringShape})
def get_power_metering(path: ServerPath) -> dict[str, Any]:
    """What the server draws."""
    return _latest(path, Capability.POWER_METERING, MeteringShape)


@blueprint.get("/servers/<server>/users", tags=[HARDWARE], summary="The BMC's users", responses={200: UsersShape})
def get_bmc_users(path: ServerPath) -> dict[str, Any]:
    """For staff: who may sign in at the BMC itself."""
    return _latest(path, Capability.USERS, UsersShape)


@blueprint.get("/servers/<server>/security", tags=[HARDWARE], summary="Exposure", responses={200: SecurityShape})
def get_security(path: ServerPath) -> dict[str, Any]:
    """For staff: how far the BMC is open, and where that is not as its profile asks for."""
    actor = current_actor()
    with database().read() as session:
        return plain(readings.security(session, actor, find_server(session, actor, path.server)))


@blueprint.get("/servers/<server>/event-log", tags=[HARDWARE], summary="Event log", responses={200: EventLogPage})
def get_event_log(path: ServerPath, query: EventLogQuery) -> dict[str, Any]:
    """The newest first. Entries stay when the BMC's log is cleared: `gone_at` says since when they are not there."""
    actor = current_actor()
    after = cursors.decode(query.after, 1)[0] if query.after else None
    with database().read() as session:
        server = find_server(session, actor, path.server)
        rows, following = tell.entries(session, actor, server, log=query.log, after=after, limit=query.limit)
        cursor = cursors.encode(following) if following else None
        return plain(readings.event_log(session, actor, server, rows, cursor))


@blueprint.get("/servers/<server>/bios", tags=[HARDWARE], summary="BIOS settings", responses={200: BiosShape})
def get_bios(path: ServerPath) -> dict[str, Any]:
    """Each with its value, what is pending, and what the BIOS's registry says of it."""
    actor = current_actor()
    with database().read() as session:
        return plain(readings.bios(session, actor, find_server(session, actor, path.server)))


@blueprint.get("/servers/<server>/bios/baselines", tags=[HARDWARE], summary="Saved", responses={200: BaselinePage})
def list_baselines(path: ServerPath) -> dict[str, Any]:
    """BIOS settings that were saved, by name."""
    actor = current_actor()
    with database().read() as session:
        rows = baselines.listed(session, actor, find_server(session, actor, path.server))
        return plain(BaselinePage(items=[readings.baseline(row) for row in rows], next=None))


@blueprint.post("/servers/<server>/bios/baselines", tags=[HARDWARE], summary="Save", responses={201: BaselineShape})
def save_baseline(path: ServerPath, body: BaselineBody) -> Response:
    """Save the BIOS settings as last read, to compare with later."""
    row = baselines.save(current_actor(), path.server, body.name, replace=body.replace)
    response = jsonify(plain(readings.baseline(row)))
    response.status_code = 201
    return response


@blueprint.delete(
    "/servers/<server>/bios/baselines/<path:name>", tags=[HARDWARE], summary="Remove saved", responses={204: None}
)
def remove_baseline(path: BaselinePath) -> tuple[str, int]:
    """Remove saved BIOS settings. The server's own stay as they are."""
    baselines.remove(current_actor(), path.server, path.name)
    return "", 204


@blueprint.get("/servers/<server>/bios/diff", tags=[HARDWARE], summary="Differences", responses={200: BiosDiffShape})
def compare_with_baseline(path: ServerPath, query: BaselineQuery) -> dict[str, Any]:
    """What is not now as it was when the baseline was saved."""
    actor = current_actor()
    with database().read() as session:
        server = find_server(session, actor, path.server)
        return plain(readings.difference(*baselines.compare(session, actor, server, query.baseline)))
