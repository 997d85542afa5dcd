"""A serial line's tape: asciicast v2, which asciinema plays: lines of JSON, a header and then what came, and when."""

import codecs
import json
from datetime import datetime

from oobctl.consoles.recording.sealed import Chunk
from oobctl.consoles.recording.tape import LONGEST_CHUNK

WIDTH, HEIGHT = 80, 24
"""What firmware and boot loaders write for; the line itself says no size."""
_CUT_EVERY = 1000  # milliseconds


class LineTape:
    """What the server writes, as text: bytes that are no UTF-8 become U+FFFD."""

    def __init__(self, name: str, began_at: datetime) -> None:
        header = {"version": 2, "width": WIDTH, "height": HEIGHT, "timestamp": int(began_at.timestamp()), "title": name}
        self._lines = [json.dumps(header) + "\n"]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._start = self._end = self._length = 0

    def show(self, content: bytes, at: int) -> None:
        text = self._decoder.decode(content)
        if not text:
            return
        if not self._length:
            self._start = at
        self._end = at
        self._length += len(text)
        self._lines.append(json.dumps([at / 1000, "o", text]) + "\n")

    def again(self) -> None:
        self._decoder.reset()

    def wants_whole(self, at: int) -> bool:
        return False

    def asked_whole(self) -> None:
        """A serial line has no whole picture."""

    def cut(self, at: int) -> list[Chunk]:
        due = self._length and (at - self._start >= _CUT_EVERY or self._length >= LONGEST_CHUNK)
        return self.end() if due else []

    def end(self) -> list[Chunk]:
        if not self._lines:
            return []
        lines, self._lines, self._length = self._lines, [], 0
        return [Chunk("".join(lines).encode(), self._start, self._end, size=(WIDTH, HEIGHT))]
