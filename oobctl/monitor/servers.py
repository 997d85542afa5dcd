"""Which servers a site's monitor reads, and how: its rows, as watches."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import selectinload

from oobctl import clock, profiles
from oobctl.config import settings
from oobctl.constants import MANAGEMENT, POLLED, Capability, Protocol
from oobctl.monitor.plan import Plan, Tried
from oobctl.monitor.watch import TOLD, Watch
from oobctl.readings.tell import handed_over
from oobctl.store import Bmc, Credential, Endpoint, Reading, Server, database

_FIRST_POLLS_PER_SECOND = 50.0  # logins are spread: a thousand at once fail
_FIRST_SWEEPS_PER_SECOND = 10.0  # and what is due of many servers at once, after a pause, is read one after another

_AT_ONCE = 1000  # ids in one statement

TriedOf = Mapping[str, Mapping[Capability, Tried]]


@dataclass(frozen=True, slots=True)
class Known:
    """What is looked at of each server every few seconds.

    signature: everything that a connection is made from, and the identity it is checked against.
    """

    id: str
    bmc_id: str
    power_read_at: datetime | None
    signature: tuple[object, ...]


_SIGNED = (
    Server.system_path,
    Server.system_uuid,
    Server.serial,
    Bmc.guid,
    Bmc.profile,
    Bmc.firmware,  # quirks hold for a range of it
    Endpoint.id,
    Endpoint.address,
    Endpoint.port,
    Endpoint.tls_mode,
    Endpoint.tls_fingerprint,
    Endpoint.tls_ca,
    Credential.sealed,
    Credential.parked_at,
)


def found(monitor: str) -> tuple[list[Known], dict[str, datetime]]:
    """The servers behind this monitor's BMCs that are read, and per server when it last changed hands.

    Columns, no objects: of thousands of servers few have changed.
    """
    mine = (Bmc.monitor == monitor, Server.lifecycle.in_(POLLED))
    query = select(Server.id, Server.bmc_id, Server.power_read_at, *_SIGNED).join(Bmc, Server.bmc_id == Bmc.id)
    query = query.outerjoin(Endpoint, (Endpoint.bmc_id == Bmc.id) & Endpoint.protocol.in_(MANAGEMENT))
    query = query.outerjoin(Credential, Credential.endpoint_id == Endpoint.id)
    with database().read() as session:
        rows = session.execute(query.where(*mine).order_by(Server.id, Endpoint.protocol)).all()
        moments = handed_over(session, select(Server.id).join(Bmc, Server.bmc_id == Bmc.id).where(*mine))
    return [_known(list(group)) for _, group in groupby(rows, key=itemgetter(0))], moments


def _known(rows: Sequence[Row[*tuple[Any, ...]]]) -> Known:
    """rows: one per endpoint."""
    server_id, bmc_id, read_at = rows[0][0], rows[0][1], rows[0][2]
    return Known(server_id, bmc_id, read_at, (bmc_id, *(tuple(row[3:]) for row in rows)))


def load(ids: Sequence[str]) -> list[Server]:
    """These, with all that a connection is made from."""
    query = select(Server).options(selectinload(Server.bmc).selectinload(Bmc.endpoints))
    servers: list[Server] = []
    with database().read() as session:
        for start in range(0, len(ids), _AT_ONCE):
            servers += session.scalars(query.where(Server.id.in_(ids[start : start + _AT_ONCE])))
    return sorted(servers, key=attrgetter("id"))


def tried(ids: Sequence[str]) -> TriedOf:
    """What was tried of these servers, and when: it need not be read again because a monitor begins."""
    kept: dict[str, dict[Capability, Tried]] = defaultdict(dict)
    columns = (Reading.server_id, Reading.capability, Reading.tried_at, Reading.problem["code"].as_string())
    with database().read() as session:
        for start in range(0, len(ids), _AT_ONCE):
            query = select(*columns).where(Reading.server_id.in_(ids[start : start + _AT_ONCE]))
            for server_id, capability, at, code in session.execute(query):
                kept[server_id][Capability(capability)] = Tried(at, code)
    return kept


def watch(server: Server, signature: tuple[object, ...], since: datetime | None, before: TriedOf, place: int) -> Watch:
    """A new watch. place: how many others are new with it. Raises ConfigurationError where its profile is missing."""
    profile = profiles.find(server.bmc.profile)
    endpoints = [endpoint for endpoint in server.bmc.endpoints if endpoint.protocol in MANAGEMENT]
    ways = _ways(profile, {Protocol(endpoint.protocol) for endpoint in endpoints})
    return Watch(
        server.id,
        server.name,
        server.bmc_id,
        interval=profile.polling[Capability.POWER] or settings().poll_interval_seconds,
        signature=signature,
        ways=ways,
        keep_warm=bool(endpoints) and min(profile.sessions.ours(endpoint.protocol) for endpoint in endpoints) > 1,
        next_at=time.monotonic() + place / _FIRST_POLLS_PER_SECOND,
        plan=Plan(
            profile.polling,
            before.get(server.id, {}),
            since=since,
            wall=clock.now(),
            now=time.monotonic(),
            spread=place / _FIRST_SWEEPS_PER_SECOND,
        ),
        handed_over=since,
        silent=server.silent_since is not None,
        event_ways=profile.events.ways if _is_read_over_redfish(ways) else (),
    )


def _is_read_over_redfish(ways: Mapping[Capability, Protocol]) -> bool:
    """Its session is there for its readings: none is opened for events alone."""
    return any(ways.get(name) is Protocol.REDFISH for name in (Capability.POWER, *TOLD))


def _ways(profile: profiles.Profile, spoken: set[Protocol]) -> dict[Capability, Protocol]:
    ways = {capability: profile.way_to(capability, spoken) for capability in Capability}
    return {capability: way for capability, way in ways.items() if way is not None}
