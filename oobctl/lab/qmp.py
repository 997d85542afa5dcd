"""A small client of QEMU's machine protocol (QMP): one command at a time, events to a callback."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oobctl.lab.errors import LabError

_TIMEOUT = 10.0


class Qmp:
    """A connection to one QEMU."""

    def __init__(self, on_event: Callable[[str], None]) -> None:
        self._on_event = on_event
        self._lock = asyncio.Lock()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self, path: Path, alive: Callable[[], bool]) -> None:
        """Connect as soon as QEMU listens. Raises LabError when QEMU ends or does not listen within 10 s."""
        for _ in range(int(_TIMEOUT / 0.02)):
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(path))
                break
            except OSError:
                if not alive():
                    raise LabError("QEMU ended right after its start; its log says why.") from None
                await asyncio.sleep(0.02)
        else:
            raise LabError(f"QEMU did not open its control socket within {_TIMEOUT:.0f} s.")
        self._reading = asyncio.create_task(self._read(reader))
        await self.ask("qmp_capabilities")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = json.loads(line)
            if "event" in message:
                self._on_event(message["event"])
            elif "QMP" not in message:
                self._answers.put_nowait(message)
        self._answers.put_nowait({"error": {"desc": "QEMU closed its control socket"}})

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Run one QMP command and return its answer. Raises LabError when QEMU refuses or is gone."""
        async with self._lock:
            if self._writer is None:
                raise LabError(f"QEMU is not running, so {command} was not sent.")
            self._writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            try:
                answer = await asyncio.wait_for(self._answers.get(), _TIMEOUT)
            except TimeoutError:
                raise LabError(f"QEMU did not answer {command} within {_TIMEOUT:.0f} s.") from None
        if "error" in answer:
            raise LabError(f"QEMU refused {command}: {answer['error'].get('desc')}")
        return answer.get("return")

    def close(self) -> None:
        if self._reading:
            self._reading.cancel()
        if self._writer:
            self._writer.close()
        self._reading = self._writer = None
