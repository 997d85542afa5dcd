"""A recorder: it looks at a screen or serial line as a viewer does, unseen, and writes what it is shown."""

import asyncio
import time
from typing import Protocol

import structlog

from oobctl import clock
from oobctl.consoles.recording import kept
from oobctl.consoles.recording.asciicast import LineTape
from oobctl.consoles.recording.fbs import ScreenTape
from oobctl.consoles.recording.kept import Closed, Subject
from oobctl.consoles.recording.sealed import Chunk, Writer
from oobctl.consoles.recording.tape import Events, Tape
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.seats import Seat
from oobctl.constants import ConsoleKind, RecordingPurpose
from oobctl.errors import StoreUnavailable
from oobctl.ids import new_id

log = structlog.get_logger()

_BYTES_PER_SECOND, _BURST = 16 << 20, 32 << 20  # of a stream: what is more passes it by, and a whole picture follows
_WRITE_SECONDS = 1.0
_AGAIN_SECONDS = 1.0
_LONGEST_SECONDS, _LONGEST_BYTES = 8 * 3600.0, 512 << 20  # then another file goes on
_LOG_BYTES = 1 << 20  # a serial log is cut into more of them, so that the oldest can go
STOP = "stop"


class Recorded(Protocol):
    """A screen or a serial line, as a recorder sees it."""

    @property
    def over(self) -> bool: ...

    def record(self, seat: Seat) -> None: ...
    def leave(self, seat: Seat) -> int: ...
    def ask(self, seat: Seat, *, whole: bool) -> None: ...


class Recorder:
    """In one event loop. It is shown all from the moment when it is made; `run` writes that, until it is stopped.

    consoles: the ids of those that were open meanwhile; add to it. failed: why nothing is recorded, None while it is.
    """

    def __init__(self, shared: Recorded, subject: Subject, gateway: str) -> None:
        self.subject = subject
        self.consoles: set[str] = set()
        self.failed: str | None = None
        self.recorded = False  # anything, or it could have been
        self.unclosed: Closed | None = None
        """How it ended, where the database was away then."""
        self.shared, self._gateway = shared, gateway
        self._began = time.monotonic()
        self._tape: Tape = (
            ScreenTape(subject.server_name)
            if subject.kind is ConsoleKind.GRAPHICAL
            else LineTape(subject.server_name, clock.now())
        )
        self._events = Events()
        self._allowance, self._allowed_at = float(_BURST), self._began
        self._stopped: str | None = None
        self._shown = False
        self._seat = self._sit()

    def stop(self, because: str) -> None:
        """What was shown up to now is written, then it ends."""
        if self._stopped is None:
            self._stopped = because
            self._seat.tell({"type": STOP})

    def typed(self, name: str, content: bytes) -> None:
        """What somebody typed, where the site keeps that."""
        self._events.add({"type": "typed", "by": name, "hex": content.hex()}, self._now())

    async def run(self) -> None:
        """Raises nothing: what went wrong is `failed`."""
        try:
            begun = await asyncio.to_thread(kept.begin, self.subject, self._gateway)
        except (OSError, StoreUnavailable) as error:
            self._fail(error)
            self._leave()
            return
        if begun is None:
            self._leave()
            return
        recording_id, writer = begun
        self.recorded = True
        try:
            await self._record(writer)
        except OSError as error:
            self._fail(error)
        finally:
            self._leave()
            await asyncio.shield(asyncio.to_thread(self._close, recording_id, writer))

    async def _record(self, writer: Writer) -> None:
        while self._stopped is None:
            await self._watch(writer)
            if self._stopped is None:  # let go, or the stream broke: it looks again
                self.shared.leave(self._seat)
                await asyncio.sleep(_AGAIN_SECONDS)
                self._tape.again()
                self._seat = self._sit()

    async def _watch(self, writer: Writer) -> None:
        """Until its seat ends, or it is stopped."""
        write_at = time.monotonic() + _WRITE_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + write_at - time.monotonic()):
                    content = await self._seat.next()
            except TimeoutError:
                content = b""
            if content is None or (isinstance(content, dict) and content.get("type") == STOP):
                return
            if not await self._take(content):
                return
            if time.monotonic() >= write_at:
                write_at = time.monotonic() + _WRITE_SECONDS
                await self._write(writer, self._tape.cut(self._now()) + self._events.cut())
                self._end_where_long(writer)

    async def _take(self, content: bytes | dict[str, object]) -> bool:
        """False: the stream broke off."""
        if isinstance(content, dict):
            self._events.add(content, self._now())
            return content.get("type") != "again"
        if content:
            self._shown = True
            try:
                self._tape.show(content, self._now())
            except BrokenStream as error:
                log.warning("a recorder was shown a broken stream", server=self.subject.server_id, because=str(error))
                return False
            await self._wait_for_allowance(len(content))
        whole = self._tape.wants_whole(self._now())
        if whole:
            self._tape.asked_whole()
        self.shared.ask(self._seat, whole=whole)
        return True

    async def _wait_for_allowance(self, size: int) -> None:
        now = time.monotonic()
        self._allowance = min(_BURST, self._allowance + (now - self._allowed_at) * _BYTES_PER_SECOND) - size
        self._allowed_at = now
        if self._allowance < 0:
            await asyncio.sleep(-self._allowance / _BYTES_PER_SECOND)

    async def _write(self, writer: Writer, chunks: list[Chunk]) -> None:
        if chunks:
            await asyncio.to_thread(_put, writer, chunks)

    def _end_where_long(self, writer: Writer) -> None:
        most = _LOG_BYTES if self.subject.purpose is RecordingPurpose.LOG else _LONGEST_BYTES
        if writer.size > most or time.monotonic() - self._began > _LONGEST_SECONDS:
            self.stop("It had grown long; another recording goes on from here.")

    def _close(self, recording_id: str, writer: Writer) -> None:
        sha256 = None
        try:
            if self.failed is None:
                _put(writer, self._tape.end() + self._events.cut())
                sha256 = writer.close(self._now())
        except OSError as error:
            self._fail(error)
        if sha256 is None:
            writer.abandon()
        because = self.failed or self._stopped or "The gateway was stopped."
        closed = Closed(
            recording_id, because, sha256, writer.size, tuple(sorted(self.consoles)), empty=not self._shown
        )  # fmt: skip
        try:
            kept.close(closed)
        except StoreUnavailable:
            self.unclosed = closed

    def _sit(self) -> Seat:
        seat = Seat(new_id(), "the recorder", may_control=False, hidden=True)
        self.shared.record(seat)
        return seat

    def _leave(self) -> None:
        self.shared.leave(self._seat)

    def _fail(self, error: OSError | StoreUnavailable) -> None:
        because = error.message if isinstance(error, StoreUnavailable) else (error.strerror or str(error))
        log.error("a recording failed", server=self.subject.server_id, kind=self.subject.kind, because=because)
        self.failed = (
            "The panel's database does not answer."
            if isinstance(error, StoreUnavailable)
            else f"The gateway could not write it: {because}."
        )

    def _now(self) -> int:
        return int((time.monotonic() - self._began) * 1000)


def _put(writer: Writer, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        writer.write(chunk)
