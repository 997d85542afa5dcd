"""What a viewer sends: what reaches the server, and what ends the viewer."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.rfb.client_messages import ClientMessages, Ignored, Input, Message, UpdateRequest
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.keys import Pressed
from oobctl.consoles.rfb.words import PIXEL_FORMAT, ClientMessage

KEY_DOWN = struct.pack(">BBxxI", 4, 1, 0xFF1B)
KEY_UP = struct.pack(">BBxxI", 4, 0, 0xFF1B)
QEMU_DOWN = struct.pack(">BBHII", 255, 0, 1, 0x61, 30)
QEMU_UP = struct.pack(">BBHII", 255, 0, 0, 0x61, 30)
POINTER = struct.pack(">BBHH", 5, 1, 10, 20)
POINTER_WITH_MORE_BUTTONS = struct.pack(">BBHHB", 5, 0x81, 10, 20, 1)
SENT: list[tuple[bytes, Message]] = [
    (b"\0\0\0\0" + PIXEL_FORMAT, Ignored(ClientMessage.SET_PIXEL_FORMAT)),
    (struct.pack(">BxH3i", 2, 3, 16, 7, -239), Ignored(ClientMessage.SET_ENCODINGS)),
    (struct.pack(">BBHHHH", 3, 1, 0, 0, 64, 48), UpdateRequest(incremental=True)),
    (struct.pack(">BBHHHH", 3, 0, 0, 0, 64, 48), UpdateRequest(incremental=False)),
    (KEY_DOWN, Input(KEY_DOWN, is_key=True)),
    (QEMU_DOWN, Input(QEMU_DOWN, is_key=True)),
    (POINTER, Input(POINTER, is_key=False)),
    (POINTER_WITH_MORE_BUTTONS, Input(POINTER_WITH_MORE_BUTTONS, is_key=False)),
    (struct.pack(">BxxxI", 6, 5) + b"hello", Ignored(ClientMessage.CLIENT_CUT_TEXT)),
    (struct.pack(">Bxxxi", 6, -8) + b"extended", Ignored(ClientMessage.CLIENT_CUT_TEXT)),
    (struct.pack(">BBHHHH", 150, 1, 0, 0, 64, 48), Ignored(ClientMessage.ENABLE_CONTINUOUS_UPDATES)),
    (struct.pack(">BxxxIB", 248, 0, 3) + b"abc", Ignored(ClientMessage.CLIENT_FENCE)),
    (struct.pack(">BxBB", 250, 1, 2), Ignored(ClientMessage.XVP)),
    (struct.pack(">BxHHBx", 251, 64, 48, 1) + b"s" * 16, Ignored(ClientMessage.SET_DESKTOP_SIZE)),
]


@given(st.lists(st.sampled_from(SENT), max_size=12), st.lists(st.integers(0, 500), max_size=12))
def test_however_they_come_messages_are_read_whole(sent: list[tuple[bytes, Message]], cuts: list[int]) -> None:
    stream = b"".join(content for content, _ in sent)
    messages, found, start = ClientMessages(), [], 0
    for cut in [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]:
        found += messages.feed(stream[start:cut])
        start = cut
    assert found == [message for _, message in sent]


@given(st.binary(max_size=2000))
def test_garbage_ends_the_viewer_and_nothing_of_it_is_input_by_mistake(garbage: bytes) -> None:
    with contextlib.suppress(BrokenStream):
        for message in ClientMessages().feed(garbage):
            assert not isinstance(message, Input) or message.content in garbage


@pytest.mark.parametrize(
    "content",
    [
        b"\x63",
        b"\xff\x01",
        struct.pack(">BxH", 2, 5000),
        struct.pack(">BxxxI", 6, 1 << 25),
        struct.pack(">BxxxIB", 248, 0, 255),
    ],
)
def test_what_no_browser_of_ours_sends_is_refused(content: bytes) -> None:
    with pytest.raises(BrokenStream):
        ClientMessages().feed(content)


def test_what_is_still_held_down_is_released_in_the_end() -> None:
    pressed = Pressed()
    for message in (KEY_DOWN, QEMU_DOWN, POINTER, QEMU_UP):
        pressed.note(message)
    assert pressed.release() == KEY_UP + struct.pack(">BBHH", 5, 0, 10, 20)
    assert pressed.release() == b""
