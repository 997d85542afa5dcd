"""The rows of recordings, and their files: begun, closed, found after a gateway's death, and removed in time."""

import contextlib
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.consoles.recording.sealed import SUFFIX, Writer, sha256_of
from oobctl.constants import ConsoleKind, RecordingPurpose
from oobctl.errors import StoreUnavailable
from oobctl.ids import new_id
from oobctl.store import Process, Recording, RecordingKey, Site, database

_KEY_KEPT = timedelta(days=1)
_LEFT_FREE = 1 << 30  # bytes of the disk that recordings leave to others
NOTHING_SHOWN = "Nothing was shown."
_NOTED = frozenset({RecordingPurpose.CONSOLE, RecordingPurpose.PICTURE})
_GATEWAY_STOPPED = "The gateway that made it stopped."


@dataclass(frozen=True)
class Subject:
    """What is recorded, for whom, and why. job_id: the job that a serial log is kept for."""

    server_id: str
    server_name: str
    account_id: str | None
    kind: ConsoleKind
    purpose: RecordingPurpose = RecordingPurpose.CONSOLE
    job_id: str | None = None


@dataclass(frozen=True)
class Closed:
    """How a recording ended. sha256 None: its file was given up."""

    recording_id: str
    because: str
    sha256: str | None
    size: int
    consoles: tuple[str, ...]
    empty: bool = False
    """Nothing was shown: nobody needs it."""


def begin(subject: Subject, gateway: str, *, began_at: datetime | None = None) -> tuple[str, Writer] | None:
    """A row, its id, and its file. None where another gateway keeps the server's serial log.

    Raises OSError, StoreUnavailable.
    """
    recording_id, began_at = new_id(), began_at or clock.now()
    try:
        with database().write() as session:
            row = Recording(
                id=recording_id, server_id=subject.server_id, account_id=subject.account_id, kind=subject.kind,
                purpose=subject.purpose, gateway=gateway, began_at=began_at, job_id=subject.job_id, consoles=[],
            )  # fmt: skip
            session.add(row)
            session.flush()
    except IntegrityError:
        return None
    try:
        return recording_id, open_file(recording_id)
    except (OSError, StoreUnavailable):
        path_of(recording_id).unlink(missing_ok=True)
        with contextlib.suppress(StoreUnavailable), database().write() as session:
            session.execute(delete(Recording).where(Recording.id == recording_id))
        raise


def open_file(recording_id: str) -> Writer:
    """A new file for the recording, sealed to its site. Raises OSError, StoreUnavailable."""
    with database().read() as session:
        row = session.get_one(Recording, recording_id)
        public_key = session.get_one(Site, row.server.site_id).public_key
        told = {"id": row.id, "kind": str(row.kind), "began_at": str(clock.rfc3339(row.began_at))}
    return Writer(path_of(recording_id), told, public_key)


def path_of(recording_id: str) -> Path:
    """Where a recording's file lies, at the gateway that made it."""
    return settings().recordings / f"{recording_id}{SUFFIX}"


def close(closed: Closed) -> None:
    """Say how a recording ended; its file's SHA-256 goes into the audit record. Raises StoreUnavailable."""
    sha256 = closed.sha256 or _file(closed.recording_id)[0]  # no transaction waits for it
    with database().write() as session:
        row = session.get(Recording, closed.recording_id, with_for_update=True)
        if row is None or row.ended_at is not None:
            return
        row.consoles, row.whole = list(closed.consoles), closed.sha256 is not None
        _close(session, row, closed.because, sha256, closed.size)
        if closed.empty:
            _remove(row, NOTHING_SHOWN)


def close_left_by(gateways: Sequence[str]) -> None:
    """Close what stopped gateways were writing: as it is now, up to its last second. Raises StoreUnavailable.

    Where such a file lies at another computer its SHA-256 is known once a gateway there looks (`prune`).
    """
    query = select(Recording).where(Recording.gateway.in_(gateways), Recording.ended_at.is_(None))
    with database().read() as session:
        found = {row.id: _file(row.id) for row in session.scalars(query)}  # no transaction waits for it
    if not found:
        return
    with database().write() as session:
        for row in session.scalars(query.with_for_update()):
            sha256, size = found.get(row.id) or _file(row.id)
            _close(session, row, _GATEWAY_STOPPED, sha256, size)


def _close(session: Session, row: Recording, because: str, sha256: str | None, size: int | None) -> None:
    row.gateway, row.ended_at, row.ended_because = None, clock.now(), because
    row.sha256, row.size = sha256, size
    evidence = {
        "sha256": sha256,
        "bytes": size,
        "seconds": round((row.ended_at - row.began_at).total_seconds(), 1),
        "consoles": row.consoles,
    }
    _note(session, row, Tag.SERVER_CONSOLE_RECORDED, because, evidence)


def prune() -> int:
    """Delete files that are too old, or too many: the oldest first. Returns how many. Raises StoreUnavailable.

    Of the recordings whose files lie here. Serial logs are bounded for each server, and go with their age here too.
    """
    _close_nobodys()
    _complete()
    _forget_keys()
    oldest = clock.now() - timedelta(days=settings().recordings_days)
    with database().write() as session:
        rows = [row for row in session.scalars(_finished()) if path_of(row.id).exists()]
        late = [row for row in rows if row.ended_at is not None and row.ended_at < oldest]
        for row in late:
            _delete(session, row, f"It was older than {settings().recordings_days} days.")
        left = [row for row in rows if row not in late and row.purpose is not RecordingPurpose.LOG]
        too_many = list(_beyond(left, _room(sum(row.size or 0 for row in left))))
        for row in too_many:
            _delete(session, row, "Recordings took more room than they have; the oldest went first.")
        return len(late) + len(too_many)


def _share() -> int:
    """Bytes of one server's serial log."""
    return settings().serial_log_mb << 20


def drop_logs(servers: Collection[str]) -> None:
    """Delete the closed files of these servers' serial logs. Raises StoreUnavailable."""
    with database().write() as session:
        query = _finished().where(Recording.server_id.in_(servers), Recording.purpose == RecordingPurpose.LOG)
        for row in session.scalars(query):
            _remove(row, "No job failed.")


def _close_nobodys() -> None:
    """What a gateway was writing that is gone, and that nobody closed: the database was away then."""
    goes_on = (Recording.ended_at.is_(None), Recording.gateway.is_not(None))
    query = select(Recording.gateway).where(*goes_on, Recording.gateway.not_in(select(Process.id))).distinct()
    with database().read() as session:
        gone = [gateway for gateway in session.scalars(query) if gateway is not None]
    if gone:
        close_left_by(gone)


def _forget_keys() -> None:
    """Who watches for a day gets a new one."""
    with database().write() as session:
        session.execute(delete(RecordingKey).where(RecordingKey.token_expires_at < clock.now() - _KEY_KEPT))


def _complete() -> None:
    """The SHA-256 of files whose gateway died, and which another computer's gateway could not read."""
    query = select(Recording).where(
        Recording.ended_at.is_not(None), Recording.sha256.is_(None), Recording.removed_at.is_(None)
    )
    with database().read() as session:
        found = {row.id: _file(row.id) for row in session.scalars(query)}
    for recording_id, (sha256, size) in found.items():
        if sha256 is not None:
            with database().write() as session:
                row = session.get_one(Recording, recording_id)
                row.sha256, row.size = sha256, size
                evidence = {"sha256": sha256, "bytes": size, "consoles": row.consoles}
                _note(session, row, Tag.SERVER_CONSOLE_RECORDED, _GATEWAY_STOPPED, evidence)


def _room(taken: int) -> int:
    """How many bytes recordings may have: as the setting says, and never the disk's last."""
    folder = settings().recordings
    free = shutil.disk_usage(folder).free if folder.exists() else _LEFT_FREE
    return min(settings().recordings_mb << 20, taken + free - _LEFT_FREE)


def prune_log(server_id: str, account_id: str | None) -> None:
    """Delete the oldest of a server's serial log that are more than its share. Raises StoreUnavailable."""
    with database().write() as session:
        query = _finished().where(
            Recording.server_id == server_id, Recording.account_id == account_id,
            Recording.purpose == RecordingPurpose.LOG,
        )  # fmt: skip
        for row in _beyond(list(session.scalars(query)), _share()):
            _remove(row, "The serial log had grown beyond its size.")


def _finished() -> Any:
    """Those that have a file, the newest first."""
    there = (Recording.ended_at.is_not(None), Recording.removed_at.is_(None))
    return select(Recording).where(*there).order_by(Recording.began_at.desc(), Recording.id.desc())


def _beyond(rows: Iterable[Recording], most: int) -> Iterable[Recording]:
    """Those that are too many, of rows the newest of which comes first."""
    total = 0
    for row in rows:
        total += row.size or 0
        if total > most:
            yield row


def _delete(session: Session, row: Recording, because: str) -> None:
    _remove(row, because)
    if row.purpose in _NOTED:
        _note(session, row, Tag.SERVER_RECORDING_REMOVED, because, {"sha256": row.sha256})


def _remove(row: Recording, because: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        path_of(row.id).unlink()
    row.removed_at, row.removed_because = clock.now(), because


def _note(session: Session, row: Recording, tag: Tag, because: str, evidence: dict[str, Any]) -> None:
    if row.purpose not in _NOTED:  # a log is cut into files; that they begin and end is no event
        return
    record.insert(
        session, SYSTEM, "event", tag, server_id=row.server_id, account_id=row.account_id,
        job_id=row.job_id, parameters={"recording": row.id, "kind": row.kind}, reason=because, outcome="done",
        evidence=evidence,
    )  # fmt: skip


def _file(recording_id: str) -> tuple[str | None, int | None]:
    """The SHA-256 and size of its file; None where that is not here."""
    try:
        path = path_of(recording_id)
        return sha256_of(path), path.stat().st_size
    except OSError:
        return None, None
