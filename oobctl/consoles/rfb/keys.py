"""Which keys and buttons somebody holds down: whoever leaves, or loses control, must not leave them pressed."""

import struct

from oobctl.consoles.rfb.words import ClientMessage

_KEY = struct.Struct(">BBxxI")
_QEMU_KEY = struct.Struct(">BBHII")
_POINTER = struct.Struct(">BBHH")


class Pressed:
    """What one viewer's input has pressed and not released."""

    def __init__(self) -> None:
        self._keys: dict[tuple[int, int], bytes] = {}  # keysym and scan code, and the message that releases them
        self._pointer: bytes | None = None

    def note(self, content: bytes) -> None:
        """A message that is passed on (client_messages.Input)."""
        match content[0]:
            case ClientMessage.KEY_EVENT:
                _, down, keysym = _KEY.unpack(content)
                self._key((keysym, 0), down != 0, _KEY.pack(ClientMessage.KEY_EVENT, 0, keysym))
            case ClientMessage.QEMU:
                _, kind, down, keysym, code = _QEMU_KEY.unpack(content)
                self._key((keysym, code), down != 0, _QEMU_KEY.pack(ClientMessage.QEMU, kind, 0, keysym, code))
            case _:
                _, buttons, x, y = _POINTER.unpack(content[: _POINTER.size])
                self._pointer = _POINTER.pack(ClientMessage.POINTER_EVENT, 0, x, y) if buttons else None

    def _key(self, key: tuple[int, int], down: bool, release: bytes) -> None:
        if down:
            self._keys[key] = release
        else:
            self._keys.pop(key, None)

    def release(self) -> bytes:
        """The messages that release all of it; then nothing is held."""
        found = b"".join(self._keys.values()) + (self._pointer or b"")
        self._keys.clear()
        self._pointer = None
        return found
