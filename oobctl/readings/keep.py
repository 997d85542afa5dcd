"""Keeping what was read: the newest report of each capability of each server, in batches fit for a fleet."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Table, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from oobctl import clock, history
from oobctl.constants import Capability, Lifecycle
from oobctl.drivers.readings import BiosReport, EventLogReport, MediaReport, SecurityReport, as_json
from oobctl.errors import NotSupported, OobctlError
from oobctl.readings import drift, event_log, figures, known_users, storable
from oobctl.readings.numbers import numbers_of
from oobctl.readings.take import Report, Taken
from oobctl.store import AttributeRegistry, Base, Figures, Reading, Server

Key = tuple[str, Capability]

_BUILT_ON_THE_LAST = frozenset({Capability.EVENT_LOG, Capability.SECURITY, Capability.BIOS})


def keep(session: Session, server_id: str, capability: Capability, found: Report | OobctlError, at: datetime) -> None:
    """Keep one report, or why there is none, in the caller's transaction. at: when the reading began.

    An older one never takes the place of a newer one. NotSupported is no failure: it is kept as what it is.
    """
    keep_all(session, [Taken(server_id, capability, at, found)])


def keep_all(session: Session, taken: Sequence[Taken]) -> None:
    """As `keep`, for many: a handful of statements whatever their number."""
    bmcs = _bmcs_of(session, {one.server_id for one in taken})
    known = [one for one in taken if one.server_id in bmcs]
    newest = {_key(one): one for one in sorted(known, key=_at)}
    if not newest:
        return
    rows = _locked(session, newest)
    for one in known:
        if isinstance(one.found, EventLogReport):
            event_log.add(session, one.server_id, one.found, one.at)
    history.add(session, [found for one in known if (found := numbers_of(one)) is not None])
    batch = _Batch(session, bmcs, _contents(session, newest))
    latest = newest_of_each(known)
    for one in latest:
        if isinstance(one.found, EventLogReport) and not _has_newer(rows[_key(one)], one):
            event_log.mark_gone(session, one.server_id, one.found, one.at)
    batch.counts = event_log.counts(session, [one.server_id for one in latest if batch.is_counted(one)])
    updates: dict[Key, dict[str, Any]] = {}
    fresh: dict[Key, Taken] = {}
    for one in latest:
        values = _updated(batch, rows[_key(one)], one) or {}
        updates.setdefault(_key(one), {}).update(values)
        if "content" in values:
            fresh[_key(one)] = one
    _insert(session, AttributeRegistry, [batch.registries[number] for number in sorted(batch.registries)], "id")
    changed = [values for values in updates.values() if values]
    if changed:
        session.execute(update(Reading), changed)
    _keep_figures(session, [one for _, one in sorted(fresh.items(), key=itemgetter(0))])


def newest_of_each(taken: Sequence[Taken]) -> list[Taken]:
    """Of each reading the newest report and the newest failure, the oldest first: neither hides the other."""
    newest = {(_key(one), isinstance(one.found, OobctlError)): one for one in sorted(taken, key=_at)}
    return sorted(newest.values(), key=_at)


def _key(one: Taken) -> Key:
    return one.server_id, one.capability


def _at(one: Taken) -> datetime:
    return one.at


def forget(session: Session, server_id: str, *only: Capability) -> None:
    """Another BMC may answer for the server: what was read is read anew. What of its security was told stays known.

    only: these capabilities alone.
    """
    which = Reading.capability.in_(only) if only else Reading.capability != Capability.SECURITY
    session.execute(delete(Reading).where(Reading.server_id == server_id, which))
    empty = [figures.nothing(one) for one in figures.CAPABILITIES if not only or one in only]
    if empty:
        values = {name: None for columns in empty for name in columns}
        session.execute(update(Figures).where(Figures.server_id == server_id).values(values))


@dataclass
class _Batch:
    """What the reports of one transaction are put together with. before: the contents that they are built on."""

    session: Session
    bmcs: dict[str, str]
    before: dict[Key, dict[str, Any]]
    counts: dict[str, event_log.Counts] = field(default_factory=dict)
    registries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def is_counted(self, one: Taken) -> bool:
        """Whether the entries of its logs may be others than were counted last."""
        if not isinstance(one.found, EventLogReport):
            return False
        return bool(one.found.entries or one.found.whole or (one.server_id, one.capability) not in self.before)


@dataclass(frozen=True)
class _Row:
    read_at: datetime | None
    tried_at: datetime


def _bmcs_of(session: Session, server_ids: set[str]) -> dict[str, str]:
    """The BMC of each server that is still one of ours."""
    query = select(Server.id, Server.bmc_id).where(Server.id.in_(server_ids), Server.lifecycle != Lifecycle.RETIRED)
    return {row.id: row.bmc_id for row in session.execute(query)}


def _locked(session: Session, newest: dict[Key, Taken]) -> dict[Key, _Row]:
    """The rows, made where they are missing, and locked in one order: two writers wait, and neither for ever."""
    keys = sorted(newest)
    missing = [{"server_id": key[0], "capability": key[1], "tried_at": newest[key].at} for key in keys]
    _insert(session, Reading, missing, "server_id", "capability")
    query = select(Reading.server_id, Reading.capability, Reading.read_at, Reading.tried_at)
    query = query.where(tuple_(Reading.server_id, Reading.capability).in_(keys))
    locked = query.order_by(Reading.server_id, Reading.capability).with_for_update()
    return {(row[0], row[1]): _Row(row[2], row[3]) for row in session.execute(locked)}


def _insert(session: Session, table: type[Base], rows: Sequence[dict[str, Any]], *key: str) -> None:
    """Those rows whose key is not there yet."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    if rows:
        statement = insert(cast(Table, table.__table__)).on_conflict_do_nothing(index_elements=list(key))
        session.execute(statement, rows)


def _keep_figures(session: Session, taken: Sequence[Taken]) -> None:
    """taken: what is the newest now, by server: two writers that wait for a row do it in one order."""
    healths = _healths(session, [one.server_id for one in taken if one.capability is Capability.HEALTH])
    rows: dict[str, dict[str, Any]] = {}
    for one in taken:
        if one.capability in figures.CAPABILITIES:
            columns = figures.columns(one, healths.get(one.server_id, (None, None)))
            rows.setdefault(one.server_id, {"server_id": one.server_id}).update(columns)
    _insert(session, Figures, [{"server_id": server_id} for server_id in rows], "server_id")
    if rows:
        session.execute(update(Figures), list(rows.values()))


def _healths(session: Session, server_ids: Sequence[str]) -> dict[str, figures.Since]:
    """The health that is kept of each, and since when it is so."""
    query = select(Figures.server_id, Figures.health, Figures.health_since).where(Figures.server_id.in_(server_ids))
    return {row[0]: (row[1], row[2]) for row in session.execute(query)} if server_ids else {}


def _contents(session: Session, newest: dict[Key, Taken]) -> dict[Key, dict[str, Any]]:
    keys = sorted(key for key in newest if key[1] in _BUILT_ON_THE_LAST)
    query = select(Reading.server_id, Reading.capability, Reading.content)
    query = query.where(tuple_(Reading.server_id, Reading.capability).in_(keys), Reading.read_at.is_not(None))
    return {(row[0], row[1]): row[2] for row in session.execute(query)} if keys else {}


def _has_newer(row: _Row, one: Taken) -> bool:
    return row.read_at is not None and _is_later(row.read_at, one)


def _is_later(moment: datetime, one: Taken) -> bool:
    """A time to come is a wrong clock's, and hides nothing."""
    return one.at < moment and clock.has_been(moment)


def _updated(batch: _Batch, row: _Row, one: Taken) -> dict[str, Any] | None:
    """What of the row is to be another, its key with it; nothing where all of it is newer already."""
    key = {"server_id": one.server_id, "capability": one.capability}
    problem: dict[str, Any] | None = None
    values: dict[str, Any] = {}
    if isinstance(one.found, NotSupported):
        problem = _problem(one.found)
        values = {} if _has_newer(row, one) else {"content": None, "read_at": None}
    elif isinstance(one.found, OobctlError):
        problem = _problem(one.found)
    elif not _has_newer(row, one):
        values = {"content": _content(batch, one, one.found), "read_at": one.at}
    if not _is_later(row.tried_at, one):
        values |= {"tried_at": one.at, "problem": problem}
    return {**key, **values} if values else None


def _problem(error: OobctlError) -> dict[str, Any]:
    return {"code": error.code, "message": storable.text(error.message)}


def _content(batch: _Batch, one: Taken, report: Report) -> dict[str, Any]:
    before = batch.before.get((one.server_id, one.capability))
    if isinstance(report, EventLogReport):
        return _event_log(batch, one, report, before)
    plain = dict(one.plain)
    if isinstance(report, BiosReport):
        plain["registry"] = _registry(batch, plain, before)
        del plain["attributes"]
    if isinstance(report, MediaReport):
        plain = storable.without_keys(plain)
    if isinstance(report, SecurityReport):
        plain |= _drift(batch, one, report, plain, before)
    return plain


def _event_log(batch: _Batch, one: Taken, report: EventLogReport, before: dict[str, Any] | None) -> dict[str, Any]:
    """The markers and how much there is; the entries have a table of their own."""
    counts = batch.counts.get(one.server_id, {}) if before is None or batch.is_counted(one) else before["counts"]
    plain = {"markers": as_json(report.markers), "counts": counts, "problems": as_json(report.problems)}
    found: dict[str, Any] = storable.content(plain)
    return found


def _registry(batch: _Batch, plain: dict[str, Any], before: dict[str, Any] | None) -> str | None:
    """Where the registry of the attributes is kept: once for all servers that have it.

    A registry that could not be read this time is the one of last time, where the BMC still names the same.
    """
    if not plain["attributes"]:
        same = before is not None and before["registry_id"] == plain["registry_id"]
        return before["registry"] if same and before is not None else None
    content = {"registry_id": plain["registry_id"], "attributes": plain["attributes"]}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    number = hashlib.sha256(canonical.encode()).hexdigest()
    batch.registries[number] = {"id": number, "content": content}
    return number


def _drift(
    batch: _Batch, one: Taken, report: SecurityReport, plain: dict[str, Any], before: dict[str, Any] | None
) -> dict[str, Any]:
    """How the BMC differs from its profile's baseline now, and who of its users is not known; recorded where either
    is another than before. Who can't be read stays as it was.
    """
    bmc_id = batch.bmcs[one.server_id]
    earlier: drift.Drift = before["drift"] if before is not None else []
    baseline = drift.baseline_of(batch.session, bmc_id)
    facts = [item for item in earlier if item["fact"] != known_users.FACT]
    now = facts if baseline is None else drift.between(report, baseline, facts)
    unknown = known_users.unknown(batch.session, bmc_id, plain, one.at)
    if unknown is None:
        unknown = (before or {}).get("unknown_users") or []
    now = now + known_users.as_drift(unknown)
    drift.tell(batch.session, one.server_id, earlier, now)
    return {"drift": now, "unknown_users": unknown}
