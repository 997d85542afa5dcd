"""Restarting BMCs that have long been silent, few at a time. Off unless the installation wants it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select

from oobctl import clock, control
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.constants import ENDED_STATES, POLLED, Contact, Lifecycle
from oobctl.errors import OobctlError, contact
from oobctl.repeated import Repeated
from oobctl.store import Job, Outage, Server, database

log = structlog.get_logger()

_ACTION = "bmc.reset"
_BUDGET = 0.05
_TRIED_AGAIN = timedelta(days=1)
_SAID_EACH_SECONDS = 3600.0
_HEALED = frozenset({Lifecycle.READY, Lifecycle.ASSIGNED, Lifecycle.SUSPENDED})
_said = Repeated(_SAID_EACH_SECONDS)


@dataclass(frozen=True)
class Silent:
    """A BMC all of whose servers are silent. since: when the last of them fell silent."""

    bmc_id: str
    server_id: str
    since: datetime


def heal_silent(site_id: str) -> None:
    """Ask for the ladder of `bmc.reset` at BMCs that have been silent for as long as the installation says.

    Never at more than a twentieth of the site's at once (at one in a small site), once a day each. Where more are
    silent it is no BMC's fault but the network's or the power's: none is touched. A busy server is left alone, and so
    is a BMC that answers: a restart mends no refused password.
    """
    minutes = settings().heal_silent_minutes
    if not minutes:
        return
    now = clock.now()
    count, silent = _found(site_id)
    budget = max(1, int(count * _BUDGET))
    if len(silent) > budget:
        if _said.due(site_id) is not None:
            log.warning("too many BMCs are silent at once; none is restarted", silent=len(silent), of=count)
        return
    tried, under_way = _tried(site_id, now - _TRIED_AGAIN)
    due = [one for one in silent if one.since <= now - timedelta(minutes=minutes) and one.server_id not in tried]
    for one in sorted(due, key=lambda one: one.since)[: max(0, budget - under_way)]:
        _ask(one, now)


def _found(site_id: str) -> tuple[int, list[Silent]]:
    """How many BMCs the site has, and those that are silent."""
    began = func.coalesce(Outage.from_at, Server.silent_since)  # of the silence: before, it may have answered wrongly
    query = select(Server.bmc_id, Server.id, began, Server.lifecycle, Server.silent_code)
    query = query.outerjoin(Outage, (Outage.server_id == Server.id) & Outage.until_at.is_(None))
    query = query.where(Server.site_id == site_id, Server.lifecycle.in_(POLLED)).order_by(Server.id)
    bmcs: dict[str, list[tuple[str, datetime | None, Lifecycle]]] = {}
    with database().read() as session:
        for bmc_id, server_id, since, lifecycle, code in session.execute(query):
            silent = code is not None and contact(code) is Contact.SILENT
            bmcs.setdefault(bmc_id, []).append((server_id, since if silent else None, lifecycle))
    return len(bmcs), [one for bmc_id, servers in bmcs.items() for one in _silent(bmc_id, servers)]


def _silent(bmc_id: str, servers: list[tuple[str, datetime | None, Lifecycle]]) -> Iterable[Silent]:
    moments = [since for _, since, _ in servers if since is not None]
    asked_of = next((server_id for server_id, _, lifecycle in servers if lifecycle in _HEALED), None)
    if len(moments) == len(servers) and asked_of is not None:
        yield Silent(bmc_id, asked_of, max(moments))


def _tried(site_id: str, since: datetime) -> tuple[set[str], int]:
    """The servers at whose BMC it was tried since then, and how many restarts of ours are under way."""
    query = select(Job.server_id, Job.state).where(
        Job.site_id == site_id, Job.action == _ACTION, Job.actor_id == SYSTEM.id, Job.created_at > since
    )
    with database().read() as session:
        rows = session.execute(query).all()
    return {row[0] for row in rows}, sum(row[1] not in ENDED_STATES for row in rows)


def _ask(one: Silent, now: datetime) -> None:
    key = f"heal-{one.bmc_id}-{now.date().isoformat()}"
    try:
        control.submit(SYSTEM, _ACTION, one.server_id, {}, idempotency_key=key)
    except OobctlError as error:
        log.info("a silent BMC is not restarted now", server=one.server_id, because=error.message)
    else:
        log.warning("a silent BMC is restarted", server=one.server_id, since=one.since.isoformat())
