"""The recorders that run at this gateway: begun with the first person who is recorded, ended with the last."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog

from oobctl.config import settings
from oobctl.consoles.recording import kept
from oobctl.consoles.recording.kept import Closed, Subject
from oobctl.consoles.recording.policy import Rule
from oobctl.consoles.recording.recorder import Recorded, Recorder
from oobctl.consoles.seats import Seat, Seats, Told
from oobctl.consoles.tokens import Ticket
from oobctl.constants import ConsoleKind

log = structlog.get_logger()

Key = tuple[str, ConsoleKind]
_AGAIN_SECONDS = 10.0  # after one failed
_CLOSE_SECONDS = 5.0


class Shared(Recorded, Protocol):
    seats: Seats


class Recordings:
    """In one event loop. Of each screen and line there is one recording at a time, whoever is there."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._running: dict[Key, Recorder] = {}
        self._failed: dict[Key, tuple[float, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.unclosed: deque[Closed] = deque()
        """Recordings whose end is not written yet, because the database was away."""

    def keep(self, key: Key, shared: Shared, there: Sequence[Ticket], rule: Rule) -> None:
        """Record this screen or line where somebody who is there is recorded, and else not.

        rule: as it is now. Whose server it is by now gets a recording of their own.
        """
        recorder = self._running.get(key)
        wanted = any(rule.holds_for(of_staff=ticket.of_staff) for ticket in there)
        why = None if recorder is None else _why_over(recorder, shared, rule, wanted=wanted)
        if recorder is not None and why is not None:
            recorder.stop(why)
            self._forget(key, recorder)
            recorder = None
        if wanted and recorder is None and not self._failed_lately(key):
            recorder = self._begin(key, shared, Subject(key[0], there[0].server_name, rule.account_id, key[1]))
        if recorder is not None:
            recorder.consoles |= {ticket.console_id for ticket in there}
        if not wanted:
            self._failed.pop(key, None)

    def end(self, key: Key, shared: Shared) -> None:
        """It is shown no more."""
        recorder = self._running.get(key)
        if recorder is not None and recorder.shared is shared:
            recorder.stop("It was shown no more.")
            self._forget(key, recorder)

    def light(self, key: Key) -> Told:
        """What people are told of it."""
        if key in self._running:
            return {"type": "recording", "on": True, "keys": settings().record_keys}
        failed = self._failed.get(key)
        return {"type": "recording", "on": False, **({"because": failed[1]} if failed else {})}

    def typed(self, key: Key, name: str, content: bytes) -> None:
        """What somebody typed, where the site keeps that."""
        if settings().record_keys and key in self._running:
            self._running[key].typed(name, content)

    async def close(self) -> None:
        """The gateway ends."""
        for recorder in self._running.values():
            recorder.stop("The gateway was stopped.")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)

    def note_ends(self) -> None:
        """What could not be written before. In a thread; raises StoreUnavailable."""
        while self.unclosed:
            kept.close(self.unclosed[0])
            self.unclosed.popleft()

    def _begin(self, key: Key, shared: Shared, subject: Subject) -> Recorder:
        recorder = self._running[key] = Recorder(shared, subject, self._gateway)
        task = asyncio.create_task(self._run(key, shared, recorder))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return recorder

    async def _run(self, key: Key, shared: Shared, recorder: Recorder) -> None:
        failed: str | None = "Something in the gateway is wrong."
        try:
            await recorder.run()
            failed = recorder.failed
        except Exception:
            log.exception("a console could not be recorded")
        if recorder.unclosed is not None:
            self.unclosed.append(recorder.unclosed)
        if failed is not None:
            self._failed[key] = (time.monotonic(), f"It is not recorded: {failed}")
        self._forget(key, recorder)
        tell(shared.seats, self.light(key))

    def _forget(self, key: Key, recorder: Recorder) -> None:
        if self._running.get(key) is recorder:
            del self._running[key]

    def _failed_lately(self, key: Key) -> bool:
        return key in self._failed and time.monotonic() - self._failed[key][0] < _AGAIN_SECONDS


def _why_over(recorder: Recorder, shared: Shared, rule: Rule, *, wanted: bool) -> str | None:
    if not wanted:
        return "Nobody who is recorded was there any more."
    if recorder.subject.account_id != rule.account_id:
        return "The server changed hands."
    return None if recorder.shared is shared else "It was shown no more."


def tell(seats: Seats | Sequence[Seat], message: Told) -> None:
    for seat in seats:
        seat.tell(message)
