"""The entries of BMCs' logs in the store: each once, in the order they came, and marked when they are gone there."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.constants import Health
from oobctl.drivers import media_slots
from oobctl.drivers.readings import EventLogEntry as Entry
from oobctl.drivers.readings import EventLogReport
from oobctl.ids import new_id
from oobctl.readings import storable
from oobctl.store import EventLogEntry

_AT_ONCE = 500
_NO_DATE = datetime(1, 1, 1, tzinfo=UTC)

Counts = dict[str, dict[str, int]]
"""Per log, how many entries of each severity are there."""


def add(session: Session, server_id: str, report: EventLogReport, at: datetime) -> None:
    """Keep what is new. An entry that was taken for gone and is read again is there again."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    rows = _rows(server_id, report, at)
    statement = insert(cast(Table, EventLogEntry.__table__)).on_conflict_do_update(
        index_elements=["server_id", "log", "entry_id", "digest"],
        set_={"gone_at": None},
        where=EventLogEntry.gone_at.is_not(None),
    )
    for start in range(0, len(rows), _AT_ONCE):
        session.execute(statement, rows[start : start + _AT_ONCE])


def mark_gone(session: Session, server_id: str, report: EventLogReport, at: datetime) -> None:
    """Of the logs that were read whole, the kept entries that are not in them any more. Later ones are left alone."""
    there = {(row["log"], row["entry_id"], row["digest"]) for row in _rows(server_id, report, at)}
    logs = [storable.text(log, 64) for log in report.whole]
    kept = select(EventLogEntry.id, EventLogEntry.log, EventLogEntry.entry_id, EventLogEntry.digest).where(
        EventLogEntry.server_id == server_id,
        EventLogEntry.log.in_(logs),
        EventLogEntry.gone_at.is_(None),
        or_(EventLogEntry.seen_at <= at, EventLogEntry.seen_at > clock.now() + clock.ALLOWANCE),
    )
    gone = [row.id for row in session.execute(kept) if (row.log, row.entry_id, row.digest) not in there]
    for start in range(0, len(gone), _AT_ONCE):
        these = EventLogEntry.id.in_(gone[start : start + _AT_ONCE])
        session.execute(update(EventLogEntry).where(these).values(gone_at=at))


def counts(session: Session, server_ids: Iterable[str], *which: ColumnElement[bool]) -> dict[str, Counts]:
    """Per server, how many entries are in each of its BMC's logs, by severity. which: of these alone."""
    found: dict[str, Counts] = defaultdict(lambda: defaultdict(dict))
    ids = sorted(set(server_ids))
    query = (
        select(EventLogEntry.server_id, EventLogEntry.log, EventLogEntry.severity, func.count())
        .where(EventLogEntry.server_id.in_(ids), EventLogEntry.gone_at.is_(None), *which)
        .group_by(EventLogEntry.server_id, EventLogEntry.log, EventLogEntry.severity)
    )
    for server_id, log, severity, number in session.execute(query) if ids else ():
        found[server_id][log][str(Health(severity))] = number
    return found


def _rows(server_id: str, report: EventLogReport, at: datetime) -> list[dict[str, Any]]:
    """The entries as rows, each once; their ids sort as the entries do."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in _in_order(report.entries):
        row = _row(server_id, entry, at)
        rows.setdefault((row["log"], row["entry_id"], row["digest"]), row)
    for row, number in zip(rows.values(), sorted(new_id() for _ in rows), strict=True):
        row["id"] = number
    return list(rows.values())


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    """The logs merged by their dates, each log's own order kept: a clock that was set back reorders none."""
    latest: dict[str, datetime] = {}
    ordered = []
    for entry in entries:
        latest[entry.log] = max(latest.get(entry.log, _NO_DATE), _created(entry) or _NO_DATE)
        ordered.append((latest[entry.log], entry))
    return [entry for _moment, entry in sorted(ordered, key=lambda pair: pair[0])]


def _created(entry: Entry) -> datetime | None:
    """A date without a zone is taken for UTC."""
    return entry.created if entry.created is None or entry.created.tzinfo else entry.created.replace(tzinfo=UTC)


def _row(server_id: str, entry: Entry, at: datetime) -> dict[str, Any]:
    raw = storable.text(entry.raw)
    return {
        "server_id": server_id,
        "log": storable.text(entry.log, 64),
        "entry_id": storable.text(entry.entry_id, 128),
        "digest": hashlib.sha256(raw.encode()).hexdigest(),
        "created": _created(entry),
        "severity": entry.severity,
        "message": media_slots.without_keys(storable.text(entry.message)),
        "message_id": storable.text_or_none(entry.message_id, 128),
        "component": storable.text_or_none(entry.component, 256),
        "asserted": entry.asserted,
        "repaired": entry.repaired,
        "raw": media_slots.without_keys(raw),
        "seen_at": at,
        "gone_at": None,
    }
