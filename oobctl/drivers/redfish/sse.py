"""Server-sent events, as far as we look at them: that one came. Sans I/O (WHATWG HTML, section 9.2.6)."""

import re

from oobctl.drivers.redfish.http import TooMuch

LONGEST_LINE = 64 * 1024
LARGEST_EVENT = 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")
_MARK = b"\xef\xbb\xbf"  # a byte order mark may stand before the first line
_NAME = b"data"
_HEAD = len(_MARK) + len(_NAME) + 1


class SseEvents:
    """Counts the events in a stream that comes in pieces. Of a line it keeps the first bytes and the length alone."""

    def __init__(self) -> None:
        self._head = b""  # of the line that is not over yet
        self._length = self._size = 0
        self._has_data = self._after_cr = False
        self._is_first = True

    def feed(self, piece: bytes) -> int:
        """How many events ended in this piece. Raises TooMuch where a line or an event is larger than any BMC's."""
        if not piece:
            return 0
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_cr = piece.endswith(b"\r")
        *ended, begun = _LINE_END.split(piece)
        count = 0
        for line in ended:
            self._take(line)
            count += self._end_line()
        self._take(begun)
        return count

    def _take(self, part: bytes) -> None:
        self._head += part[: _HEAD - len(self._head)]
        self._length += len(part)
        self._size += len(part)
        if self._length > LONGEST_LINE or self._size > LARGEST_EVENT:
            raise TooMuch(f"an event of more than {min(self._size, LARGEST_EVENT)} bytes")

    def _end_line(self) -> bool:
        """Whether an event ended with it: at an empty line after one of data."""
        head, length = self._head, self._length
        if self._is_first and head.startswith(_MARK):
            head, length = head[len(_MARK) :], length - len(_MARK)
        self._head, self._length, self._is_first = b"", 0, False
        self._size += 1
        if length:
            self._has_data |= head.startswith(_NAME + b":") or (head[: len(_NAME)] == _NAME and length == len(_NAME))
            return False
        told, self._has_data, self._size = self._has_data, False, 0
        return told
