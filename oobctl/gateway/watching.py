"""Recordings, read for a browser: what stands in one, and chunk by chunk what was shown."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from aiohttp import WSMsgType, web
from nacl.public import PrivateKey

from oobctl import clock
from oobctl.audit import record
from oobctl.config import settings
from oobctl.consoles.recording import kept, log, watching
from oobctl.consoles.recording.lines import Line, last_of, lines_of
from oobctl.consoles.recording.sealed import Entry, Reader, sha256_of
from oobctl.consoles.recording.watching import View
from oobctl.constants import ConsoleKind
from oobctl.errors import DamagedRecording, NotFound, OobctlError
from oobctl.gateway.entrance import Entrance, Pace, Redeem, close, end, message_of, websocket
from oobctl.store import Recording, database
from oobctl.vault import read_key

_log = structlog.get_logger()

PATH = "/recording"
_LINES, _LONGEST_WORDS = 200, 200
_READ_AT_ONCE = 4
_NOT_HERE = "Its file is not at this gateway. It lies where it was made, or was removed by hand."
_CHANGED = "The file is not the one that was recorded: its SHA-256 is another. Do not trust what it shows."


class Watching:
    """The websocket's handler: it answers each request of the browser's with one message."""

    def __init__(self, site_id: str, entrance: Entrance) -> None:
        self._site_id, self._entrance = site_id, entrance
        self._redeem: Redeem[View] = partial(watching.redeem, site_id=site_id)
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """As Connections.handle."""
        refusal = self._entrance.refusal(request)
        if refusal is not None:
            return refusal
        socket = await websocket(request)
        try:
            view = await self._entrance.let_in(request, socket, self._redeem)
            if view is not None:
                await self._serve(socket, view)
        except OobctlError as error:
            await end(socket, error.code, error.message)
        except ConnectionError:
            _log.info("who watched a recording went away")
        await close(request, socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, view: View) -> None:
        """Until the browser goes, or may not any more."""
        key = await asyncio.to_thread(read_key, settings().keys / f"{self._site_id}.key")
        film, pace = Film(view, key), Pace()
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    return
                await pace.take(len(message.data))
                async with self._reading:  # a search reads megabytes: consoles need threads too
                    answer = await asyncio.to_thread(film.answer, message_of(message.data))
                if isinstance(answer, bytes):
                    await socket.send_bytes(answer)
                else:
                    await socket.send_json(answer)
        finally:
            film.close()


@dataclass
class Film:
    """One recording that somebody watches. Its methods are for threads, one at a time."""

    view: View
    key: PrivateKey
    _reader: Reader | None = None
    _entries: list[Entry] = field(default_factory=list)

    def answer(self, asked: dict[str, Any]) -> bytes | dict[str, Any]:
        """`index`: what it is, and the heads of its chunks. `chunk` (with `number`): the content of one.

        `lines` (of a serial line, with `words` and `before`): the newest that have them, oldest first.

        Raises NotAllowed, NotFound, DamagedRecording, ConfigurationError, StoreUnavailable.
        """
        watching.still(self.view)
        match asked.get("type"), asked.get("number"):
            case "index", _:
                return self._index()
            case "chunk", int(number) if 0 <= number < len(self._entries):
                assert self._reader is not None
                return self._reader.read(self._entries[number])
            case "lines", _:
                return self._lines(asked)
            case _:
                return {"type": "wrong", "because": "There is no such thing in this recording."}

    def _lines(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.view.recording_id is not None and self._row().kind is not ConsoleKind.SERIAL:
            return {"type": "wrong", "because": "A screen has no lines."}
        words, before = str(asked.get("words") or "")[:_LONGEST_WORDS], asked.get("before")
        until = _moment(before) if isinstance(before, str) else None
        found = last_of(self._all_lines(), words, until, _LINES)
        more = len(found) >= _LINES
        return {"type": "lines", "lines": [[one.at.isoformat(), one.text] for one in found], "more": more}

    def _all_lines(self) -> Iterator[Line]:
        with database().read() as session:
            if self.view.recording_id is not None:
                rows = [row for row in [session.get(Recording, self.view.recording_id)] if row is not None]
            else:
                rows = log.rows_of(session, self.view.server_id, record.account_of(session, self.view.server_id))
        for row in rows:
            with contextlib.suppress(OSError, DamagedRecording), Reader(kept.path_of(row.id), self.key) as reader:
                yield from lines_of(reader)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.__exit__()

    def _index(self) -> dict[str, Any]:
        row = self._row()
        path = kept.path_of(row.id)
        try:
            self.close()
            self._reader = Reader(path, self.key)
        except OSError as error:
            raise NotFound(_NOT_HERE) from error
        self._entries = list(self._reader.entries())
        chunks = [[one.number, one.flags, one.start, one.end, *one.size] for one in self._entries]
        return {"type": "index", **_about(row), "changed": _changed(row, path), "chunks": chunks}

    def _row(self) -> Recording:
        with database().read() as session:
            row = session.get(Recording, self.view.recording_id) if self.view.recording_id else None
        if row is None:
            raise NotFound("There is no such recording.")
        if row.removed_at is not None:
            raise NotFound(f"The recording was removed. {row.removed_because}")
        return row


def _about(row: Recording) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "began_at": clock.rfc3339(row.began_at),
        "ended": row.ended_at is not None,
        "whole": row.whole,
    }


def _moment(text: str) -> datetime | None:
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is not None else None
    return None


def _changed(row: Recording, path: Path) -> str | None:
    """In words, where the file is not what was recorded."""
    if row.ended_at is None or row.sha256 is None or sha256_of(path) == row.sha256:
        return None
    _log.error("a recording's file was changed", recording=row.id)
    return _CHANGED
