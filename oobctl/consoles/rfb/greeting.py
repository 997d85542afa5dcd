"""The handshake that a viewer is offered: no password, because the gateway has let them in already."""

import struct

from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.words import PIXEL_FORMAT

_VERSION = b"RFB 003.008\n"
_NO_PASSWORD = b"\x01\x01"  # one security type: None
_OK = b"\x00\x00\x00\x00"


class Greeting:
    """One viewer's handshake. `feed` gives what is to be answered; once `done`, `left` is what came after it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._steps = [(len(_VERSION), self._version), (1, self._security), (1, self._client_init)]
        self.done = False

    @property
    def first(self) -> bytes:
        """What the server side says first."""
        return _VERSION

    @property
    def left(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, content: bytes) -> bytes:
        """Raises BrokenStream."""
        self._buffer += content
        answers = b""
        while self._steps and len(self._buffer) >= self._steps[0][0]:
            length, step = self._steps.pop(0)
            said = bytes(self._buffer[:length])
            del self._buffer[:length]
            answers += step(said)
        self.done = not self._steps
        return answers

    def _version(self, said: bytes) -> bytes:
        if said != _VERSION:
            raise BrokenStream(f"a viewer of version {said!r}")
        return _NO_PASSWORD

    def _security(self, said: bytes) -> bytes:
        if said != b"\x01":
            raise BrokenStream(f"security type {said[0]}, which was not offered")
        return _OK

    def _client_init(self, _said: bytes) -> bytes:
        return b""  # ServerInit comes from the screen


def server_init(width: int, height: int, name: str) -> bytes:
    """ServerInit (RFC 6143, section 7.3.2). name: for the viewer, not what the BMC calls itself."""
    words = name.encode()
    return struct.pack(">HH", width, height) + PIXEL_FORMAT + struct.pack(">I", len(words)) + words


def resized(width: int, height: int) -> bytes:
    """An update that says the screen's new size."""
    return struct.pack(">BxHHHHHi", 0, 1, 0, 0, width, height, -223)


def told(rectangles: list[bytes]) -> bytes:
    """An update of rectangles that draw nothing."""
    return struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles)
