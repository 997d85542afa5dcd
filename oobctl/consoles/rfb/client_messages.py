"""What a viewer sends, cut into messages; and which of them reach the server."""

from collections.abc import Callable
from dataclasses import dataclass

from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.words import ClientMessage

_MOST_TEXT = 1 << 18
_MOST_ENCODINGS = 256
_EXTENDED_BUTTONS = 0x80  # of a pointer event: it is a byte longer
_QEMU_KEY = 0


@dataclass(frozen=True)
class UpdateRequest:
    """FramebufferUpdateRequest. incremental False: the whole picture."""

    incremental: bool


@dataclass(frozen=True)
class Input:
    """A key or pointer event, for the server as it is. is_key: a key."""

    content: bytes
    is_key: bool


@dataclass(frozen=True)
class Ignored:
    """What the relay decides itself (pixels, encodings), or what no viewer may send on (texts)."""

    kind: ClientMessage


Message = UpdateRequest | Input | Ignored


def _length(content: bytes) -> int:
    """Of the message that begins so; 0 where more of it is needed to say that. Raises BrokenStream."""
    match content[0]:
        case ClientMessage.SET_PIXEL_FORMAT:
            return 20
        case ClientMessage.SET_ENCODINGS:
            count = _number(content, 2, 2)
            return _bounded("encodings", count, _MOST_ENCODINGS, lambda: 4 + 4 * count)
        case ClientMessage.FRAMEBUFFER_UPDATE_REQUEST:
            return 10
        case ClientMessage.KEY_EVENT:
            return 8
        case ClientMessage.POINTER_EVENT:
            return 0 if len(content) < 2 else (7 if content[1] & _EXTENDED_BUTTONS else 6)
        case ClientMessage.CLIENT_CUT_TEXT:
            size = _number(content, 4, 4)
            size = 2**32 - size if size >= 2**31 else size  # negative: the extended clipboard
            return _bounded("bytes of text", size, _MOST_TEXT, lambda: 8 + size)
        case ClientMessage.ENABLE_CONTINUOUS_UPDATES:
            return 10
        case ClientMessage.CLIENT_FENCE:
            size = _number(content, 8, 1)
            return _bounded("bytes in a fence", size, 64, lambda: 9 + size)
        case ClientMessage.XVP:
            return 4
        case ClientMessage.SET_DESKTOP_SIZE:
            count = _number(content, 6, 1)
            return _bounded("screens", count, 255, lambda: 8 + 16 * count)
        case ClientMessage.QEMU if len(content) < 2:
            return 0
        case ClientMessage.QEMU if content[1] == _QEMU_KEY:
            return 12
        case other:
            raise BrokenStream(f"a message of type {other} from a viewer")


def _number(content: bytes, at: int, size: int) -> int:
    """-1 where it is not there yet."""
    return int.from_bytes(content[at : at + size], "big") if len(content) >= at + size else -1


def _bounded(what: str, count: int, most: int, length: Callable[[], int]) -> int:
    if count > most:
        raise BrokenStream(f"{count} {what} from a viewer")
    return 0 if count < 0 else length()


class ClientMessages:
    """One viewer's stream after its handshake. Once it raised BrokenStream it is of no use."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, content: bytes) -> list[Message]:
        """The messages that are complete by now."""
        self._buffer += content
        found: list[Message] = []
        while self._buffer:
            length = _length(bytes(self._buffer[:12]))
            if length == 0 or len(self._buffer) < length:
                break
            found.append(_read(bytes(self._buffer[:length])))
            del self._buffer[:length]
        return found


def _read(content: bytes) -> Message:
    match content[0]:
        case ClientMessage.FRAMEBUFFER_UPDATE_REQUEST:
            return UpdateRequest(incremental=content[1] != 0)
        case ClientMessage.KEY_EVENT | ClientMessage.QEMU:
            return Input(content, is_key=True)
        case ClientMessage.POINTER_EVENT:
            return Input(content, is_key=False)
        case other:
            return Ignored(ClientMessage(other))
