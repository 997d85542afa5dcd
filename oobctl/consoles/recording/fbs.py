"""A screen's tape: FBS 1.0, the form of rfbproxy's recordings, which noVNC and others play.

"FBS 001.000\\n", then blocks: how many bytes (4, big-endian), the bytes, zeros up to a multiple of four, and when
(4 bytes, milliseconds). The bytes are what an RFB 3.3 server says to a viewer that needs no password. Here a block is
one whole message. Each rectangle draws what it draws whatever was there before (docs/decisions/0014), so a chunk that
begins with a whole picture needs nothing of what was before it.
"""

import struct

from oobctl.consoles.recording.sealed import Chunk, Flag
from oobctl.consoles.recording.tape import LONGEST_CHUNK
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.greeting import resized, server_init, told
from oobctl.consoles.rfb.server_messages import Bell, Part, Resized, ServerMessages, Told, UpdateBegins, UpdateEnds
from oobctl.consoles.rfb.words import Encoding

_HEADER = b"FBS 001.000\n"
_GREETING = b"RFB 003.003\n" + struct.pack(">I", 1)  # and that no password is wanted
_SERVER_INIT = struct.Struct(">HH")
_WHOLE_EVERY = 30_000  # milliseconds, where anything was drawn since: what a seek plays again at most
_WHOLE_WITHIN = 10_000  # else the chunk does not count as one that begins with a whole picture
_LONGEST_WHOLE = 64 << 20
_CUT_EVERY = 1000


class ScreenTape:
    """Of a screen from its ServerInit on, which is the first that it is shown."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._messages: ServerMessages | None = None
        self._greeted = False
        self._size = (0, 0)
        self._told: dict[Encoding, bytes] = {}
        self._update = bytearray()
        self._blocks: list[bytes] = []
        self._ready: list[Chunk] = []
        self._start = self._end = self._length = 0  # of the chunk under way
        self._start_size = (0, 0)
        self._whole_wanted, self._whole_asked = True, False
        self._covering = False  # the chunk under way begins with a whole picture, of which so much is there:
        self._covered = 0
        self._is_whole = False  # it begins with one, all of it
        self._whole_at, self._drawn_since = 0, False

    def show(self, content: bytes, at: int) -> None:
        if self._messages is None:
            self._begin(content, at)
            return
        for event in self._messages.feed(content):
            match event:
                case UpdateBegins():
                    self._begin_update(at)
                case Part(part):
                    self._update += part
                case UpdateEnds(painted):
                    self._end_update(painted, at)
                case Resized(width, height):
                    self._size = (width, height)
                    self._covering, self._whole_wanted = False, True
                case Told(encoding, rectangle):
                    self._told[encoding] = rectangle
                case Bell():
                    self._add(b"\x02", at)

    def again(self) -> None:
        self._messages = None
        self._update.clear()
        self._covering, self._whole_wanted, self._whole_asked = False, True, False

    def wants_whole(self, at: int) -> bool:
        late = self._drawn_since and at - self._whole_at >= _WHOLE_EVERY
        return not self._whole_asked and not self._covering and (self._whole_wanted or late)

    def asked_whole(self) -> None:
        self._whole_asked, self._whole_wanted = True, False

    def cut(self, at: int) -> list[Chunk]:
        if self._covering and (at - self._start > _WHOLE_WITHIN or self._length > _LONGEST_WHOLE):
            self._covering = False
        if self._blocks and not self._covering and (at - self._start >= _CUT_EVERY or self._length >= LONGEST_CHUNK):
            self._finish()
        ready, self._ready = self._ready, []
        return ready

    def end(self) -> list[Chunk]:
        """All that is complete, also what is not due yet."""
        if self._blocks:
            self._finish()
        ready, self._ready = self._ready, []
        return ready

    def _begin(self, content: bytes, at: int) -> None:
        """The first, or another connection: then the stream goes on, with what the screen is like now."""
        if len(content) < _SERVER_INIT.size:
            raise BrokenStream("no ServerInit")
        self._size = _SERVER_INIT.unpack_from(content)
        self._messages = ServerMessages(*self._size)
        if not self._greeted:  # a chunk of its own: what comes later is messages alone
            self._greeted = True
            self._add(_GREETING, at)
            self._add(server_init(*self._size, self._name), at)
            self._blocks.insert(0, _HEADER)
            self._finish()
        else:
            self._add(resized(*self._size), at)

    def _begin_update(self, at: int) -> None:
        self._update = bytearray()
        if self._whole_asked:
            self._begin_whole(at)

    def _begin_whole(self, at: int) -> None:
        """What follows needs nothing of what was before; a seek shows it on a screen of the size that is told first."""
        self._whole_asked, self._covered = False, 0
        if self._blocks:
            self._finish()
        self._covering = True
        self._add(resized(*self._size), at)
        if self._told:
            self._add(told(list(self._told.values())), at)

    def _end_update(self, painted: int, at: int) -> None:
        self._add(bytes(self._update), at)
        self._update = bytearray()
        self._drawn_since = self._drawn_since or painted > 0
        if self._covering:
            self._covered += painted
            if self._covered >= self._size[0] * self._size[1]:
                self._covering, self._whole_at, self._drawn_since = False, self._start, False
                self._is_whole = True

    def _add(self, content: bytes, at: int) -> None:
        if not self._length:
            self._start, self._start_size = at, self._size
            self._is_whole = False
        self._end = at
        self._length += len(content)
        self._blocks.append(block(content, at))

    def _finish(self) -> None:
        flags = Flag.WHOLE if self._is_whole else Flag.PLAIN
        self._ready.append(Chunk(b"".join(self._blocks), self._start, self._end, flags, self._start_size))
        self._blocks, self._length, self._covering = [], 0, False


def block(content: bytes, at: int) -> bytes:
    """One block of FBS."""
    padding = -len(content) % 4
    return struct.pack(">I", len(content)) + content + bytes(padding) + struct.pack(">I", at)
