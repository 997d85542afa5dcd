"""A whole picture of a screen, put together of raw rectangles, and written as PNG."""

import struct
import zlib

from oobctl.consoles.rfb.server_messages import Drawn, Part, Resized, ServerMessages
from oobctl.consoles.rfb.words import PIXEL_BYTES, Encoding

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2
_NO_FILTER = b"\0"


class Picture:
    """Fed what a viewer is shown from ServerInit's size on. `done`: all of the screen was drawn.

    Only rectangles that came raw count; others are of no use, and what they drew is asked for again.
    """

    def __init__(self, width: int, height: int) -> None:
        self._messages = ServerMessages(width, height)
        self._area: tuple[int, int, int, int] | None = None  # of the raw rectangle that comes
        self._resize(width, height)

    @property
    def size(self) -> tuple[int, int]:
        return self._messages.width, self._messages.height

    @property
    def done(self) -> bool:
        return 0 not in self._drawn

    def feed(self, content: bytes) -> None:
        """Raises BrokenStream."""
        for event in self._messages.feed(content):
            match event:
                case Drawn(x, y, width, height, encoding):
                    self._area = (x, y, width, height) if encoding is Encoding.RAW else None
                    self._raw, self._header = bytearray(), True
                case Part(part) if self._area is not None:
                    self._take(part)
                case Resized(width, height):
                    self._resize(width, height)

    def png(self) -> bytes:
        """What was drawn, as a file (PNG, 8 bits a channel, no alpha)."""
        width, height = self.size
        colours = bytearray(3 * width * height)
        for channel in range(3):
            colours[channel::3] = self._pixels[channel::PIXEL_BYTES]
        row = 3 * width
        lines = b"".join(_NO_FILTER + colours[at : at + row] for at in range(0, len(colours), row))
        header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
        return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 6)) + _chunk(b"IEND", b"")

    def _resize(self, width: int, height: int) -> None:
        self._pixels = bytearray(width * height * PIXEL_BYTES)
        self._drawn = bytearray(width * height)  # 1 for each pixel that was
        self._area = None
        self._raw, self._header = bytearray(), False

    def _take(self, part: bytes) -> None:
        """The first part of a rectangle is its header; then its pixels come."""
        if self._header:
            self._header = False
            return
        assert self._area is not None
        self._raw += part
        x, y, width, height = self._area
        if len(self._raw) < width * height * PIXEL_BYTES:
            return
        across = self.size[0]
        for line in range(height):
            begin = (y + line) * across + x
            pixels = self._raw[line * width * PIXEL_BYTES : (line + 1) * width * PIXEL_BYTES]
            self._pixels[begin * PIXEL_BYTES : (begin + width) * PIXEL_BYTES] = pixels
            self._drawn[begin : begin + width] = b"\1" * width
        self._area = None


def _chunk(kind: bytes, content: bytes) -> bytes:
    """PNG, section 5.3 of its specification."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
