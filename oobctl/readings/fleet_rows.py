"""What a view of the whole fleet asks the store for: a handful of queries, none of which opens a report of sensors."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, select, true
from sqlalchemy.orm import Session

from oobctl.constants import POLLED, READ_CAPABILITIES, Capability, Health, Lifecycle, PowerState
from oobctl.errors import NotFound, NotSupported
from oobctl.store import Bmc, Figures, Rack, Reading, Server, Site

NO_RACK = "-"
"""In the place of a rack's name: those that stand in none."""
_MOST_NEVER_READ = 100


class ServerRow(NamedTuple):
    """A server with its figures; its health as last read."""

    id: str
    name: str
    site: str
    rack: str | None
    lifecycle: Lifecycle
    profile: str
    power_state: PowerState
    power_read_at: datetime | None
    silent_since: datetime | None
    silent_because: str | None
    silent_code: str | None
    inlet: str | None
    inlet_celsius: float | None
    inlet_upper_caution: float | None
    inlet_upper_critical: float | None
    too_hot: list[dict[str, Any]] | None
    sensors_read_at: datetime | None
    watts: float | None
    watts_read_at: datetime | None
    health: Health | None
    health_read_at: datetime | None
    health_known: Health | None  # the word of which health_since tells
    health_since: datetime | None


class ReadingRow(NamedTuple):
    """One capability of one server. read_at None: it could not be read since since, when the server was added."""

    server_id: str
    capability: Capability
    profile: str
    read_at: datetime | None
    since: datetime


@dataclass(frozen=True)
class Places:
    """All sites, and the racks of those that are looked at."""

    sites: list[str]
    racks: list[tuple[str, str]]


def places(session: Session, site: str | None, rack: str | None) -> Places:
    """Raises NotFound where there is no such site, or no such rack in it."""
    sites = list(session.scalars(select(Site.name).order_by(Site.name)))
    if site is not None and site not in sites:
        raise NotFound(f"There is no site {site!r}. There are: {', '.join(sites)}.")
    query = select(Site.name, Rack.name).join(Rack, Rack.site_id == Site.id)
    query = query.where(Site.name == site) if site is not None else query
    racks = [(row[0], row[1]) for row in session.execute(query.order_by(Site.name, Rack.name))]
    if rack not in {None, NO_RACK} and rack not in {name for _, name in racks}:
        raise NotFound(f"There is no rack {rack!r}{f' in {site}' if site else ''}.")
    return Places(sites, racks)


def servers(session: Session, site: str | None, rack: str | None) -> list[ServerRow]:
    """All that are not retired, by name."""
    health = Reading.content["health"].as_string()
    query = (
        select(
            Server.id, Server.name, Site.name, Rack.name, Server.lifecycle, Bmc.profile, Server.power_state,
            Server.power_read_at, Server.silent_since, Server.silent_because, Server.silent_code, Figures.inlet,
            Figures.inlet_celsius, Figures.inlet_upper_caution, Figures.inlet_upper_critical, Figures.too_hot,
            Figures.sensors_read_at, Figures.watts, Figures.watts_read_at, health, Reading.read_at, Figures.health,
            Figures.health_since,
        )
        .join(Site, Site.id == Server.site_id)
        .join(Bmc, Bmc.id == Server.bmc_id)
        .outerjoin(Rack, Rack.id == Server.rack_id)
        .outerjoin(Figures, Figures.server_id == Server.id)
        .outerjoin(Reading, (Reading.server_id == Server.id) & (Reading.capability == Capability.HEALTH))
        .where(_among(site, rack))
        .order_by(Server.name, Server.id)
    )  # fmt: skip
    return [ServerRow._make(row) for row in session.execute(query)]


def oldest(
    session: Session, site: str | None, rack: str | None, alike: Iterable[tuple[Capability, list[str]]], most: int
) -> list[ReadingRow]:
    """Of each capability and profiles (which read it alike often) the `most` that were read the longest ago.

    Of servers whose BMCs answer. One query each: it walks the index from the old end, and opens no other reading.
    """
    found: list[Row[Any]] = []
    for capability, profiles in alike:
        query = _readings(site, rack).where(Reading.capability == capability, Bmc.profile.in_(profiles))
        query = query.where(Reading.read_at.is_not(None)).order_by(Reading.read_at).limit(most)
        found += session.execute(query).all()
    missing = Reading.problem["code"].as_string() != NotSupported.code
    never = _readings(site, rack).where(Reading.read_at.is_(None), missing, Reading.capability.in_(READ_CAPABILITIES))
    found += session.execute(never.order_by(Server.created_at).limit(_MOST_NEVER_READ)).all()
    return [ReadingRow._make(row) for row in found]


def _readings(site: str | None, rack: str | None) -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(
        Reading.server_id, Reading.capability, Bmc.profile, Reading.read_at, Server.created_at
    )
    query = query.join(Server, Server.id == Reading.server_id).join(Bmc, Bmc.id == Server.bmc_id)
    query = query.where(Server.silent_since.is_(None), Server.lifecycle.in_(POLLED))
    if rack is not None:
        query = query.outerjoin(Rack, Rack.id == Server.rack_id)
    if site is not None:
        query = query.join(Site, Site.id == Server.site_id)
    return query.where(_among(site, rack))


def problems(session: Session, wanted: list[tuple[str, Capability]]) -> dict[tuple[str, Capability], str]:
    """Why these readings are not newer, where the newest try says so; of a power state, that of anything else."""
    found = {}
    for server_id, capability in wanted:
        which = [Reading.server_id == server_id, Reading.problem.is_not(None)]
        if capability is Capability.POWER:
            which.append(Reading.problem["code"].as_string() != NotSupported.code)
        else:
            which.append(Reading.capability == capability)
        newest = select(Reading.problem).where(*which).order_by(Reading.tried_at.desc()).limit(1)
        row = session.execute(newest).scalar()
        if row is not None:
            found[server_id, capability] = str(row["message"])
    return found


def bad_parts(session: Session, server_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Per server the parts of which its health's report says that they are not well; not those that say nothing."""
    query = select(Reading.server_id, Reading.content).where(Reading.server_id.in_(server_ids))
    rows = session.execute(query.where(Reading.capability == Capability.HEALTH, Reading.read_at.is_not(None)))
    return {row[0]: [part for part in row[1]["parts"] if part["health"] != Health.UNKNOWN] for row in rows}


def _among(site: str | None, rack: str | None) -> ColumnElement[bool]:
    chosen: ColumnElement[bool] = Server.lifecycle != Lifecycle.RETIRED
    if rack is not None:
        chosen &= Rack.name.is_(None) if rack == NO_RACK else Rack.name == rack
    return chosen & (true() if site is None else Site.name == site)
