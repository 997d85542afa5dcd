"""What a BMC sends, cut into messages while it comes: a large update is passed on before its end is there."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.words import LARGEST_SIDE, PIXEL_BYTES, Encoding, ServerMessage

_TYPE = 1
_HEADER = struct.Struct(">xH")
_RECTANGLE = struct.Struct(">HHHHi")
_TEXT = struct.Struct(">xxxI")
_MOST_TEXT = 1 << 20
_LARGEST_CURSOR = 256  # pixels a side
_LAST_RECT_ENDS = 0xFFFF  # rectangles: not known, LastRect ends them
_FILL_BYTES = 3  # a TPIXEL of a 32 bit format of depth 24


@dataclass(frozen=True)
class UpdateBegins:
    """A FramebufferUpdate: what follows belongs to it, up to UpdateEnds."""


@dataclass(frozen=True)
class Part:
    """Bytes of the update, to be passed on as they are."""

    content: bytes


@dataclass(frozen=True)
class Drawn:
    """A rectangle that is drawn: the Parts that follow are its header (the first one) and its content."""

    x: int
    y: int
    width: int
    height: int
    encoding: Encoding


@dataclass(frozen=True)
class UpdateEnds:
    """painted: how many pixels it drew (0: it only told something)."""

    painted: int


@dataclass(frozen=True)
class Resized:
    """The screen is of another size from now on. The rectangle that says so is a Part of the update."""

    width: int
    height: int


@dataclass(frozen=True)
class Told:
    """A rectangle that draws nothing and holds on: who joins later has to be told as well. It is a Part too."""

    encoding: Encoding
    rectangle: bytes


@dataclass(frozen=True)
class Bell:
    """The server rang."""


Event = UpdateBegins | Drawn | Part | UpdateEnds | Resized | Told | Bell


class ServerMessages:
    """One BMC's stream after its ServerInit. Feed it what comes; once it raised BrokenStream it is of no use."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = checked_size(width, height)
        self._buffer = bytearray()
        self._need = _TYPE
        self._step: Callable[[bytes], None] = self._type
        self._passing = 0  # bytes of content that are still to come, and need not be looked at
        self._dropping = False  # they are not passed on either
        self._left = 0  # rectangles of the update
        self._painted = 0
        self._found: list[Event] = []

    def feed(self, content: bytes) -> list[Event]:
        """What is known by now. Only the beginning of what is not complete is held back. Raises BrokenStream."""
        if self._passing > len(content) and not self._buffer and not self._dropping:  # most of a full screen
            self._passing -= len(content)
            return [Part(content)]
        self._buffer += content
        self._found = []
        while self._pass() or self._look():
            pass
        return self._found

    def _pass(self) -> bool:
        count = min(self._passing, len(self._buffer))
        if not count:
            return False
        self._passing -= count
        content = self._take(count)
        if not self._dropping:
            self._found.append(Part(content))
        if not self._passing and not self._dropping:
            self._end_rectangle()
        self._dropping = self._dropping and self._passing > 0
        return True

    def _look(self) -> bool:
        if self._passing or len(self._buffer) < self._need:
            return False
        self._step(self._take(self._need))
        return True

    def _take(self, count: int) -> bytes:
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    def _next(self, need: int, step: Callable[[bytes], None]) -> None:
        self._need, self._step = need, step

    # --- messages

    def _type(self, content: bytes) -> None:
        match content[0]:
            case ServerMessage.FRAMEBUFFER_UPDATE:
                self._next(_HEADER.size, self._header)
            case ServerMessage.BELL:
                self._found.append(Bell())
            case ServerMessage.SERVER_CUT_TEXT:
                self._next(_TEXT.size, self._text)
            case other:
                raise BrokenStream(f"a message of type {other}, which was not asked for")

    def _text(self, content: bytes) -> None:
        """What somebody copied on the server's screen is not passed on."""
        (length,) = _TEXT.unpack(content)
        if length > _MOST_TEXT:
            raise BrokenStream(f"a text of {length} bytes")
        self._passing, self._dropping = length, length > 0
        self._next(_TYPE, self._type)

    def _header(self, content: bytes) -> None:
        (self._left,) = _HEADER.unpack(content)
        self._painted = 0
        self._found += [UpdateBegins(), Part(bytes([ServerMessage.FRAMEBUFFER_UPDATE]) + content)]
        self._next_rectangle()

    def _next_rectangle(self) -> None:
        if self._left == 0:
            self._end_update()
        else:
            self._next(_RECTANGLE.size, self._rectangle)

    def _end_rectangle(self) -> None:
        if self._left != _LAST_RECT_ENDS:
            self._left -= 1
        self._next_rectangle()

    def _end_update(self) -> None:
        self._found.append(UpdateEnds(self._painted))
        self._next(_TYPE, self._type)

    # --- rectangles

    def _rectangle(self, content: bytes) -> None:
        x, y, width, height, encoding = _RECTANGLE.unpack(content)
        match encoding:
            case Encoding.RAW:
                self._begin_drawing(content, Drawn(x, y, width, height, Encoding.RAW))
                self._pass_on(width * height * PIXEL_BYTES)
            case Encoding.TIGHT | Encoding.TIGHT_PNG:
                self._begin_drawing(content, Drawn(x, y, width, height, Encoding(encoding)))
                self._next(1, self._tight)
            case Encoding.CURSOR:
                if max(width, height) > _LARGEST_CURSOR:
                    raise BrokenStream(f"a cursor of {width} x {height} pixels")
                need = width * height * PIXEL_BYTES + (width + 7) // 8 * height
                self._next(need, lambda shape: self._tell(Encoding.CURSOR, content + shape))
            case Encoding.QEMU_EXTENDED_KEY_EVENT:
                self._tell(Encoding.QEMU_EXTENDED_KEY_EVENT, content)
            case Encoding.DESKTOP_SIZE:
                self.width, self.height = checked_size(width, height)
                self._found += [Part(content), Resized(width, height)]
                self._end_rectangle()
            case Encoding.LAST_RECT:
                self._found.append(Part(content))
                self._end_update()
            case other:
                raise BrokenStream(f"a rectangle of encoding {other}, which was not asked for")

    def _begin_drawing(self, content: bytes, drawn: Drawn) -> None:
        right, bottom = drawn.x + drawn.width, drawn.y + drawn.height
        if right > self.width or bottom > self.height:
            raise BrokenStream(f"a rectangle up to {right}, {bottom} of a screen of {self.width} x {self.height}")
        self._painted += drawn.width * drawn.height
        self._found += [drawn, Part(content)]

    def _tell(self, encoding: Encoding, rectangle: bytes) -> None:
        self._found += [Part(rectangle), Told(encoding, rectangle)]
        self._end_rectangle()

    def _pass_on(self, count: int) -> None:
        self._passing = count
        if not count:
            self._end_rectangle()

    def _tight(self, control: bytes) -> None:
        """Of Tight only what needs no history: a fill, or a picture of its own."""
        self._found.append(Part(control))
        match control[0] >> 4:
            case 0x8:  # a colour
                self._pass_on(_FILL_BYTES)
            case 0x9 | 0xA:  # a JPEG or PNG
                self._next(1, lambda first: self._length(first, 0, 0))
            case other:
                raise BrokenStream(f"Tight with compression {other:#x}, whose zlib stream was not asked for")

    def _length(self, content: bytes, value: int, shift: int) -> None:
        """A compact length: 7 bits a byte, the lowest first, at most three bytes, the last of which has 8."""
        self._found.append(Part(content))
        byte = content[0]
        value |= (byte if shift == 14 else byte & 0x7F) << shift
        if byte & 0x80 and shift < 14:
            self._next(1, lambda more: self._length(more, value, shift + 7))
        else:
            self._pass_on(value)


def checked_size(width: int, height: int) -> tuple[int, int]:
    """Raises BrokenStream where no screen is of that size."""
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise BrokenStream(f"a screen of {width} x {height} pixels")
    return width, height
