"""What a serial line showed last, for who comes later."""

LIMIT = 256 * 1024  # bytes
_SLACK = 64 * 1024  # before it is cut again: a cut copies all of it
_LONGEST_LINE = 4096  # where no line ends within so many bytes, it is cut in the middle of one


class Scrollback:
    """The last `limit` bytes, from the start of a line on."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > self._limit + _SLACK:
            self._cut()

    def text(self) -> bytes:
        """At most `limit` bytes."""
        self._cut()
        return bytes(self._kept)

    def clear(self) -> None:
        self._kept.clear()

    def _cut(self) -> None:
        if len(self._kept) <= self._limit:
            return
        start = len(self._kept) - self._limit
        if self._kept[start - 1] != ord("\n"):
            start = self._kept.find(b"\n", start, start + _LONGEST_LINE) + 1 or start
        del self._kept[:start]
