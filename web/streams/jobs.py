"""A job's stream: what it is now, each change, and its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from oobctl import control
from oobctl.access import Actor, Presented, identify
from oobctl.errors import NotFound, StoreUnavailable
from oobctl.store import database
from web.security import security_headers
from web.streams.hub import Change, change_of, hub

HEARTBEAT_SECONDS = 15.0
ACCESS_CHECKED_EVERY_SECONDS = 5.0
_RECONNECT_AFTER_MILLISECONDS = 2000
_SEND_WITHIN_SECONDS = 20.0

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def job_events(
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    actor: Actor,
    presented: Presented,
    parameters: dict[str, str],
) -> None:
    """Raises NotFound before anything is sent; afterwards it only ends."""
    watcher = hub.watch(parameters["job"])
    try:
        first = await asyncio.to_thread(_read, actor, parameters["job"])
        stream = _Stream(send, parameters["job"], actor, presented, _last_seen(scope))
        await stream.begin()
        gone = asyncio.create_task(_until_gone(receive))
        follow = asyncio.create_task(stream.follow(first, watcher.changes, lambda: watcher.lagging))
        try:
            await asyncio.wait({gone, follow}, return_when=asyncio.FIRST_COMPLETED)
            if follow.done():
                follow.result()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            follow.cancel()
            await asyncio.gather(gone, follow, return_exceptions=True)
    finally:
        hub.leave(watcher)


class _Stream:
    """One connection: what it was sent last, and when."""

    def __init__(self, send: Send, job_id: str, actor: Actor, presented: Presented, seen: int) -> None:
        self._send = send
        self._job_id = job_id
        self._staff = actor.is_staff
        self._presented = presented
        self._seen = seen
        self._checked = self._wrote = time.monotonic()

    async def begin(self) -> None:
        headers = {
            **security_headers(),
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would hold events back
        }
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": encoded})
        await self._write(f"retry: {_RECONNECT_AFTER_MILLISECONDS}\n\n")

    async def follow(self, first: Change, changes: asyncio.Queue[Change], lagging: Callable[[], bool]) -> None:
        """Until the job has ended, the access has, or the reader is too slow."""
        change: Change | None = first
        while not lagging():
            if change is not None and await self._show(change):
                return
            if time.monotonic() - self._checked > ACCESS_CHECKED_EVERY_SECONDS:
                self._checked = time.monotonic()
                if not await asyncio.to_thread(_still_allowed, self._presented, self._job_id, self._staff):
                    return
            if time.monotonic() - self._wrote > HEARTBEAT_SECONDS:
                await self._write(": still here\n\n")
            try:
                change = await asyncio.wait_for(changes.get(), 1.0)
            except TimeoutError:
                change = None

    async def _show(self, change: Change) -> bool:
        """Send what is newer than what was seen. True when that was the end."""
        content = change.for_staff if self._staff else change.for_others
        if change.revision > self._seen:
            await self._write(f"id: {change.revision}\nevent: job\ndata: {content}\n\n")
            self._seen = change.revision
        if change.ended:
            await self._write(f"id: {change.revision}\nevent: end\ndata: {content}\n\n")
        return change.ended

    async def _write(self, text: str) -> None:
        message = {"type": "http.response.body", "body": text.encode(), "more_body": True}
        await asyncio.wait_for(self._send(message), _SEND_WITHIN_SECONDS)
        self._wrote = time.monotonic()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _read(actor: Actor, job_id: str) -> Change:
    with database().read() as session:
        return change_of(control.find_job(session, actor, job_id))


def _still_allowed(presented: Presented, job_id: str, staff: bool) -> bool:
    """Signed out, revoked, disabled, the server given to somebody else: then no more. A lost database is no reason."""
    try:
        actor = identify(presented, touch=False)
        if actor is None or actor.is_staff is not staff:
            return False  # who has become somebody else connects again
        with database().read() as session:
            control.find_job(session, actor, job_id)
    except NotFound:
        return False
    except StoreUnavailable:
        return True
    return True


def _last_seen(scope: MutableMapping[str, Any]) -> int:
    """Last-Event-ID: what a reader that comes back has seen."""
    value = dict(scope["headers"]).get(b"last-event-id", b"")
    return int(value) if value.isdigit() and len(value) < 19 else -1
