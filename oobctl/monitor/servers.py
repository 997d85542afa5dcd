"""Which servers a site's monitor reads, and how: its rows, as watches."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from oobctl import clock, profiles
from oobctl.config import settings
from oobctl.constants import POLLED, Capability, Protocol
from oobctl.monitor.plan import Plan, Tried
from oobctl.monitor.watch import TOLD, Watch, signature_of
from oobctl.readings.tell import handed_over
from oobctl.store import Bmc, Endpoint, Reading, Server, database

_FIRST_POLLS_PER_SECOND = 50.0  # logins are spread: a thousand at once fail
_FIRST_SWEEPS_PER_SECOND = 10.0  # and what is due of many servers at once, after a pause, is read one after another

TriedOf = Mapping[str, Mapping[Capability, Tried]]


def found(monitor: str) -> tuple[list[Server], dict[str, datetime]]:
    """The servers behind this monitor's BMCs that are read, and per server when it last changed hands."""
    query = select(Server).join(Server.bmc).where(Bmc.monitor == monitor, Server.lifecycle.in_(POLLED))
    query = query.options(selectinload(Server.bmc).selectinload(Bmc.endpoints).selectinload(Endpoint.credential))
    with database().read() as session:
        servers = list(session.scalars(query))
        return servers, _handed_over(session, [server.id for server in servers])


_AT_ONCE = 1000


def _handed_over(session: Session, ids: Sequence[str]) -> dict[str, datetime]:
    moments: dict[str, datetime] = {}
    for start in range(0, len(ids), _AT_ONCE):
        moments |= handed_over(session, ids[start : start + _AT_ONCE])
    return moments


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


def watch(server: Server, since: datetime | None, before: TriedOf, place: int) -> Watch:
    """A new watch. place: how many others are new with it. Raises ConfigurationError where its profile is missing."""
    profile = profiles.find(server.bmc.profile)
    endpoints = server.bmc.endpoints
    ways = _ways(profile, {Protocol(endpoint.protocol) for endpoint in endpoints})
    return Watch(
        server.id,
        server.name,
        server.bmc_id,
        interval=profile.polling[Capability.POWER] or settings().poll_interval_seconds,
        signature=signature_of(server),
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
