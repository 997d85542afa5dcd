"""The serial logs that this gateway keeps: recorders that hold the lines of servers, whether somebody looks or not."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from oobctl.consoles.recording import kept
from oobctl.consoles.recording.kept import Subject
from oobctl.consoles.recording.recorder import Recorder
from oobctl.constants import ConsoleKind
from oobctl.errors import StoreUnavailable
from oobctl.gateway.places import Places

log = structlog.get_logger()

_AGAIN_SECONDS = 10.0  # after one failed, or where another gateway keeps it
_CLOSE_SECONDS = 5.0


class Logs:
    """In one event loop."""

    def __init__(self, gateway: str, places: Places) -> None:
        self._gateway, self._places = gateway, places
        self._running: dict[str, Recorder] = {}
        self._not_before: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, wanted: Sequence[Subject]) -> None:
        """Keep these, as they are wanted now, and no others."""
        subjects = {one.server_id: one for one in wanted}
        for server_id, recorder in list(self._running.items()):
            if subjects.get(server_id) != recorder.subject or recorder.shared.over:
                recorder.stop("Its serial log is not kept any more, or the server changed hands.")
                del self._running[server_id]
        for server_id, subject in subjects.items():
            if server_id not in self._running and time.monotonic() >= self._not_before.get(server_id, 0.0):
                self._begin(subject)

    async def close(self) -> None:
        """The gateway ends."""
        for recorder in self._running.values():
            recorder.stop("The gateway was stopped.")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)

    def _begin(self, subject: Subject) -> None:
        shared = self._places.hold((subject.server_id, ConsoleKind.SERIAL), subject.server_name)
        recorder = self._running[subject.server_id] = Recorder(shared, subject, self._gateway)
        task = asyncio.create_task(self._run(recorder))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, recorder: Recorder) -> None:
        subject = recorder.subject
        await recorder.run()
        if recorder.unclosed is not None:
            self._places.recordings.unclosed.append(recorder.unclosed)
        if not recorder.recorded:
            self._not_before[subject.server_id] = time.monotonic() + _AGAIN_SECONDS
        if self._running.get(subject.server_id) is recorder:
            del self._running[subject.server_id]
        try:
            await asyncio.to_thread(kept.prune_log, subject.server_id, subject.account_id)
        except StoreUnavailable as error:
            log.info("a serial log is bounded later", server=subject.server_id, because=error.message)
