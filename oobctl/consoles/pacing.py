"""What is typed at a serial line: passed on no faster than the line takes it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol as Interface

from oobctl.errors import TooManyRequests

_CHUNK = 64  # bytes: BMCs have buffers of a few hundred
_AHEAD = 1024  # bytes that the BMC may have still to take
_LOOK_SECONDS = 0.02
_MOST_BYTES = 1 << 20
_BREAK = None


class Port(Interface):
    """An open line, as drivers.serial.SerialPort."""

    @property
    def waiting(self) -> int: ...
    @property
    def breaks(self) -> bool: ...
    def write(self, data: bytes) -> None: ...
    def send_break(self) -> None: ...
    def close(self) -> None: ...


class Pacing:
    """One line's. rate: bytes per second. port: where it goes now; None: nowhere."""

    def __init__(self, port: Callable[[], Port | None], rate: float) -> None:
        self._port, self._rate = port, rate
        self._queue: deque[bytes | None] = deque()
        self._size = 0
        self._task: asyncio.Task[None] | None = None

    def type(self, data: bytes) -> None:
        """Pass it on, after what was typed before. Raises TooManyRequests where too much waits already."""
        if self._size + len(data) > _MOST_BYTES:
            raise TooManyRequests(
                f"{self._size} bytes that were pasted before are still being typed. Wait, or paste less at once."
            )
        for start in range(0, len(data), _CHUNK):
            self._put(data[start : start + _CHUNK])

    def send_break(self) -> None:
        """After what was typed before."""
        self._put(_BREAK)

    def forget(self) -> None:
        """What was not passed on yet never is."""
        self._queue.clear()
        self._size = 0

    def _put(self, item: bytes | None) -> None:
        self._queue.append(item)
        self._size += len(item or b"")
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._pass_on())

    async def _pass_on(self) -> None:
        while self._queue:
            port = self._port()
            if port is None:
                self.forget()
            elif port.waiting > _AHEAD:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                await asyncio.sleep(self._pass_one(port) / self._rate)

    def _pass_one(self, port: Port) -> int:
        """Returns how many bytes it was."""
        item = self._queue.popleft()
        if item is _BREAK:
            port.send_break()
            return 0
        self._size -= len(item)
        port.write(item)
        return len(item)
