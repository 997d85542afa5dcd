"""What the tapes of a screen and of a serial line share: a stream cut into chunks, and what happened beside it."""

import json
from typing import Any, Protocol

from oobctl.consoles.recording.sealed import Chunk, Flag
from oobctl.consoles.seats import Told

LONGEST_CHUNK = 4 << 20
"""Bytes after which one is cut, however short it is in time."""
_KEPT = frozenset({"opening", "open", "away", "lost", "people", "typed", "recorded"})
"""Of what is told: what belongs to a recording."""


class Tape(Protocol):
    """Takes what a viewer is shown, at milliseconds since the recording began; gives chunks."""

    def show(self, content: bytes, at: int) -> None:
        """Raises BrokenStream."""
        ...

    def again(self) -> None:
        """The stream broke off, and begins anew: what is not complete yet is dropped."""
        ...

    def wants_whole(self, at: int) -> bool:
        """Whether a whole picture should be asked for next; who asks says so with `asked_whole`."""
        ...

    def asked_whole(self) -> None: ...

    def cut(self, at: int) -> list[Chunk]:
        """What is complete by now, and due."""
        ...

    def end(self) -> list[Chunk]:
        """All that is complete."""
        ...


class Events:
    """What happened beside the stream: who was there, that the BMC was away."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._start = self._end = 0

    def add(self, message: Told, at: int) -> None:
        if message.get("type") not in _KEPT:
            return
        if not self._lines:
            self._start = at
        self._end = at
        self._lines.append(json.dumps({"at": at, **_about(message)}) + "\n")

    def cut(self) -> list[Chunk]:
        lines, self._lines = self._lines, []
        return [Chunk("".join(lines).encode(), self._start, self._end, Flag.EVENTS)] if lines else []


def _about(message: Told) -> dict[str, Any]:
    """A recorder's own place among people means nothing to who watches."""
    return {name: value for name, value in message.items() if name not in {"you", "may_control"}}
