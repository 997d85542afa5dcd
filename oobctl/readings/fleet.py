"""The fleet as last read: how healthy, silent, warm, hungry and old, by site and rack. For staff."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor, sees_every_server
from oobctl.constants import POLLED, READ_CAPABILITIES, Capability, Health
from oobctl.errors import NotAllowed
from oobctl.readings import fleet_rows, rounds
from oobctl.readings.fleet_rows import ReadingRow, ServerRow

TOP = 10
MOST_LISTED = 50
"""So many silent, unwell or too hot servers are listed; the others are counted."""


@dataclass
class Tally:
    """What is so now in one place. `servers` is the sum of the five; watts: of the `telling` that say them now.

    silent: those whose BMC gives no readings, in whichever way.
    """

    site: str | None = None
    rack: str | None = None
    servers: int = 0
    ok: int = 0
    warning: int = 0
    critical: int = 0
    unknown: int = 0
    silent: int = 0
    watts: float = 0.0
    telling: int = 0

    def add(self, one: "Known") -> None:
        self.servers += 1
        word = "silent" if one.row.silent_since is not None else one.health.lower()
        setattr(self, word, getattr(self, word) + 1)
        if one.watts is not None:
            self.watts += one.watts
            self.telling += 1


@dataclass(frozen=True)
class Known:
    """A server, and what of it may be taken for its state now."""

    row: ServerRow
    health: Health
    watts: float | None
    warm: bool  # whether its temperatures are of now


@dataclass(frozen=True)
class Unwell:
    """A server whose health is not OK. parts: those that are not, in words. since: None where nobody knows."""

    row: ServerRow
    health: Health
    parts: list[str]
    since: datetime | None


@dataclass(frozen=True)
class Hot:
    """A temperature beyond a threshold of its own. current False: so it was at sensors_read_at, and may still be."""

    row: ServerRow
    name: str
    celsius: float
    limit: float
    health: Health
    current: bool


@dataclass(frozen=True)
class Inlet:
    """margin: degrees up to the lowest upper threshold; None where the sensor has none."""

    row: ServerRow
    celsius: float
    limit: float | None
    margin: float | None


@dataclass(frozen=True)
class Old:
    """A reading, and how many of its intervals ago it was. read_at None: it could not be read yet."""

    row: ServerRow
    capability: Capability
    read_at: datetime | None
    interval: float
    rounds: float
    problem: str | None = None


@dataclass(frozen=True)
class Fleet:
    """Lists begin with the worst and are cut; counts are of all."""

    at: datetime
    places: fleet_rows.Places
    total: Tally
    sites: list[Tally]
    racks: list[Tally]
    unwell: list[Unwell] = field(default_factory=list)
    silent: list[ServerRow] = field(default_factory=list)
    too_hot: list[Hot] = field(default_factory=list)
    too_hot_count: int = 0  # temperatures
    inlets: list[Inlet] = field(default_factory=list)
    inlet_count: int = 0  # servers that tell theirs now
    oldest: list[Old] = field(default_factory=list)

    @property
    def hungriest(self) -> list[Tally]:
        """The racks that draw the most."""
        telling = [rack for rack in self.racks if rack.telling]
        return sorted(telling, key=lambda rack: -rack.watts)[:TOP]


def fleet(session: Session, actor: Actor, *, site: str | None = None, rack: str | None = None) -> Fleet:
    """All servers of that site and rack (by name; fleet_rows.NO_RACK: in none). Raises NotAllowed, NotFound."""
    if not sees_every_server(actor):
        raise NotAllowed("Only staff who may see every server may see the fleet.")
    now = clock.now()
    places = fleet_rows.places(session, site, rack)
    rows = fleet_rows.servers(session, site, rack)
    known = _known(rows, now)
    hot = too_hot(known)
    inlets = hottest_inlets(known)
    total, sites, racks = tallies(known)
    silent = [row for row in rows if row.silent_since is not None]
    silent.sort(key=lambda row: row.silent_since or now, reverse=True)
    readings = fleet_rows.oldest(session, site, rack, _alike({row.profile for row in rows}), TOP)
    return Fleet(
        at=now,
        places=places,
        total=total,
        sites=sites,
        racks=racks,
        unwell=_unwell(session, known),
        silent=silent[:MOST_LISTED],
        too_hot=hot[:MOST_LISTED],
        too_hot_count=len(hot),
        inlets=inlets[:TOP],
        inlet_count=len(inlets),
        oldest=_with_problems(session, oldest(rows, readings, now)),
    )


def _known(rows: Iterable[ServerRow], now: datetime) -> list[Known]:
    every = cache(rounds.interval)

    def current(row: ServerRow, capability: Capability, read_at: datetime | None) -> bool:
        answers = row.silent_since is None and row.lifecycle in POLLED
        return answers and rounds.is_current(read_at, every(row.profile, capability), now)

    return [
        Known(
            row,
            Health(row.health)
            if row.health and current(row, Capability.HEALTH, row.health_read_at)
            else Health.UNKNOWN,
            row.watts if current(row, Capability.POWER_METERING, row.watts_read_at) else None,
            current(row, Capability.SENSORS, row.sensors_read_at),
        )
        for row in rows
    ]


def tallies(known: Iterable[Known]) -> tuple[Tally, list[Tally], list[Tally]]:
    """All of it, by site, and by rack: those with trouble first, then by name."""
    total, sites = Tally(), dict[str, Tally]()
    racks: dict[tuple[str, str | None], Tally] = {}
    for one in known:
        site, rack = one.row.site, one.row.rack
        total.add(one)
        sites.setdefault(site, Tally(site)).add(one)
        racks.setdefault((site, rack), Tally(site, rack)).add(one)
    return total, sorted(sites.values(), key=_by_trouble), sorted(racks.values(), key=_by_trouble)


def _by_trouble(tally: Tally) -> tuple[Any, ...]:
    trouble = (-tally.critical, -tally.silent, -tally.warning, -tally.unknown)
    return (*trouble, tally.site, tally.rack is None, _natural(tally.rack or ""))


def _natural(name: str) -> list[tuple[int, str]]:
    """R2 comes before R10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,9})", name) if part]


def too_hot(known: Iterable[Known]) -> list[Hot]:
    """The worst first. Of a silent server too, as it was: heat may be why it is silent."""
    found = [
        Hot(one.row, item["name"], item["celsius"], item["limit"], Health(item["health"]), one.warm)
        for one in known
        for item in one.row.too_hot or ()
    ]
    return sorted(found, key=lambda hot: (hot.health is not Health.CRITICAL, hot.limit - hot.celsius))


def hottest_inlets(known: Iterable[Known]) -> list[Inlet]:
    found = [_inlet(one.row, one.row.inlet_celsius) for one in known if one.warm and one.row.inlet_celsius is not None]
    return sorted(found, key=lambda inlet: -inlet.celsius)


def _inlet(row: ServerRow, celsius: float) -> Inlet:
    limits = [limit for limit in (row.inlet_upper_caution, row.inlet_upper_critical) if limit is not None]
    limit = min(limits, default=None)
    return Inlet(row, celsius, limit, None if limit is None else round(limit - celsius, 2))


def _alike(profiles: Iterable[str]) -> list[tuple[Capability, list[str]]]:
    """Per capability the profiles that have it read in one interval: among these the oldest is the most rounds old."""
    found: dict[tuple[Capability, float], list[str]] = {}
    for capability in READ_CAPABILITIES:
        for profile in sorted(profiles):
            if seconds := rounds.interval(profile, capability):
                found.setdefault((capability, seconds), []).append(profile)
    return [(capability, alike) for (capability, _), alike in found.items()]


def oldest(rows: Iterable[ServerRow], readings: Iterable[ReadingRow], now: datetime) -> list[Old]:
    """The TOP readings that are the most intervals old, of servers that are asked: power is one of them."""
    every = cache(rounds.interval)
    by_id = {row.id: row for row in rows}
    found = []
    for one in readings:
        seconds, row = every(one.profile, one.capability), by_id.get(one.server_id)
        if seconds and row is not None:
            found.append(_old(row, one.capability, one.read_at, one.read_at or one.since, seconds, now))
    for row in by_id.values():
        seconds = every(row.profile, Capability.POWER)
        if seconds and row.power_read_at and row.silent_since is None and row.lifecycle in POLLED:
            found.append(_old(row, Capability.POWER, row.power_read_at, row.power_read_at, seconds, now))
    return sorted(found, key=lambda old: -old.rounds)[:TOP]


def _old(
    row: ServerRow, capability: Capability, read_at: datetime | None, since: datetime, seconds: float, now: datetime
) -> Old:
    return Old(row, capability, read_at, seconds, max(0.0, (now - since).total_seconds()) / seconds)


def _with_problems(session: Session, found: list[Old]) -> list[Old]:
    said = fleet_rows.problems(session, [(old.row.id, old.capability) for old in found])
    return [Old(**{**vars(old), "problem": said.get((old.row.id, old.capability))}) for old in found]


def _unwell(session: Session, known: Iterable[Known]) -> list[Unwell]:
    """Critical ones first."""
    bad = [one for one in known if one.health in {Health.CRITICAL, Health.WARNING}]
    bad = sorted(bad, key=lambda one: one.health is not Health.CRITICAL)[:MOST_LISTED]
    parts = fleet_rows.bad_parts(session, [one.row.id for one in bad])
    return [
        Unwell(one.row, one.health, [_words(part) for part in parts.get(one.row.id, ())], _since(one)) for one in bad
    ]


def _since(one: Known) -> datetime | None:
    return one.row.health_since if one.row.health_known == one.health else None


def _words(part: dict[str, Any]) -> str:
    return f"{part['name']}: {part['because']}" if part.get("because") else str(part["name"])
