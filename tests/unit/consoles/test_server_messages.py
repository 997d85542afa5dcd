"""What a BMC sends is cut where it has to be, however it comes; and nothing that it sends does more than end it."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.server_messages import (
    Bell,
    Drawn,
    Event,
    Part,
    Resized,
    ServerMessages,
    Told,
    UpdateBegins,
    UpdateEnds,
)
from oobctl.consoles.rfb.words import Encoding

WIDTH, HEIGHT = 64, 48


def rectangle(x: int, y: int, width: int, height: int, encoding: int, content: bytes = b"") -> bytes:
    return struct.pack(">HHHHi", x, y, width, height, encoding) + content


def raw(width: int, height: int) -> bytes:
    return rectangle(0, 0, width, height, Encoding.RAW, bytes(range(256)) * (width * height * 4 // 256 + 1))[
        : 12 + width * height * 4
    ]


def png(length: int) -> bytes:
    size = bytes([length & 0x7F | 0x80, length >> 7]) if length > 127 else bytes([length])
    return rectangle(1, 2, 30, 20, Encoding.TIGHT_PNG, b"\xa0" + size + b"p" * length)


CURSOR = rectangle(0, 0, 9, 2, Encoding.CURSOR, b"c" * (9 * 2 * 4 + 2 * 2))
FILL = rectangle(0, 0, 64, 48, Encoding.TIGHT, b"\x80abc")
KEYS = rectangle(0, 0, 0, 0, Encoding.QEMU_EXTENDED_KEY_EVENT)
SMALLER = rectangle(0, 0, 32, 24, Encoding.DESKTOP_SIZE)
RECTANGLES = [raw(5, 7), raw(0, 3), png(3), png(300), CURSOR, FILL, KEYS]


def update(*rectangles: bytes, count: int | None = None) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles) if count is None else count) + b"".join(rectangles)


def fed(stream: bytes, cuts: list[int]) -> list[Event]:
    messages = ServerMessages(WIDTH, HEIGHT)
    found: list[Event] = []
    start = 0
    for cut in [*sorted(cuts), len(stream)]:
        found += messages.feed(stream[start:cut])
        start = cut
    return found


def joined(events: list[Event]) -> list[Event]:
    """Parts that follow each other as one: where they are cut is no promise."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, Part) and found and isinstance(found[-1], Part):
            found[-1] = Part(found[-1].content + event.content)
        else:
            found.append(event)
    return found


@given(
    st.lists(st.lists(st.sampled_from(RECTANGLES), max_size=4), min_size=1, max_size=4),
    st.lists(st.integers(0, 20_000), max_size=20),
)
def test_however_a_stream_comes_its_updates_are_passed_on_whole(shape: list[list[bytes]], cuts: list[int]) -> None:
    updates = [update(*rectangles) for rectangles in shape]
    stream = b"\x02".join(updates)
    events = fed(stream, [cut % (len(stream) + 1) for cut in cuts])
    assert b"".join(event.content for event in events if isinstance(event, Part)) == b"".join(updates)
    assert len([event for event in events if isinstance(event, Bell)]) == len(updates) - 1
    assert len([event for event in events if isinstance(event, UpdateBegins)]) == len(updates)
    assert len([event for event in events if isinstance(event, UpdateEnds)]) == len(updates)
    assert joined(events) == joined(fed(stream, []))


@given(st.binary(max_size=4000), st.lists(st.integers(0, 4000), max_size=10))
def test_garbage_ends_the_stream_and_does_nothing_else(garbage: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(BrokenStream):
        fed(garbage, [cut for cut in cuts if cut <= len(garbage)])


def test_what_holds_on_is_told_apart_for_those_who_join_later() -> None:
    events = fed(update(CURSOR, KEYS), [])
    assert [event for event in events if isinstance(event, Told)] == [
        Told(Encoding.CURSOR, CURSOR),
        Told(Encoding.QEMU_EXTENDED_KEY_EVENT, KEYS),
    ]
    assert events[-1] == UpdateEnds(painted=0)


def test_a_screen_of_another_size_takes_pictures_of_that_size_alone() -> None:
    messages = ServerMessages(WIDTH, HEIGHT)
    assert Resized(32, 24) in messages.feed(update(SMALLER))
    with pytest.raises(BrokenStream, match="of a screen of 32 x 24"):
        messages.feed(update(FILL))


def test_an_update_of_unknown_length_ends_with_its_last_rectangle() -> None:
    last = rectangle(0, 0, 0, 0, Encoding.LAST_RECT)
    events = fed(update(FILL, png(200), last, count=0xFFFF) + update(FILL), [])
    kinds = [type(event) for event in joined([one for one in events if not isinstance(one, Drawn)])]
    assert kinds == [UpdateBegins, Part, UpdateEnds] * 2


def test_a_text_that_was_copied_on_the_server_goes_to_nobody() -> None:
    stream = struct.pack(">BxxxI", 3, 6) + b"secret" + update(FILL)
    events = fed(stream, [3, 10])
    assert b"".join(event.content for event in events if isinstance(event, Part)) == update(FILL)


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (update(rectangle(60, 0, 5, 5, Encoding.RAW)), "a rectangle up to 65, 5"),
        (update(rectangle(0, 0, 60000, 60000, Encoding.RAW)), "a rectangle up to 60000"),
        (update(rectangle(0, 0, 0, 9000, Encoding.DESKTOP_SIZE)), "a screen of 0 x 9000"),
        (update(rectangle(0, 0, 5000, 5000, Encoding.CURSOR)), "a cursor of 5000"),
        (update(rectangle(0, 0, 4, 4, 1)), "encoding 1"),
        (update(rectangle(0, 0, 4, 4, Encoding.TIGHT, b"\x00")), "zlib stream"),
        (b"\x01", "a message of type 1"),
        (struct.pack(">BxxxI", 3, 1 << 30), "a text of 1073741824 bytes"),
    ],
)
def test_what_was_not_asked_for_or_cannot_be_is_refused(content: bytes, because: str) -> None:
    with pytest.raises(BrokenStream, match=because):
        fed(content, [])


def test_a_huge_picture_is_passed_on_as_it_comes() -> None:
    """Nothing of it is kept: memory does not grow with what a BMC says that it will send."""
    messages = ServerMessages(8192, 8192)
    messages.feed(update(rectangle(0, 0, 8192, 8192, Encoding.RAW), count=1))
    for _ in range(10):
        assert messages.feed(b"x" * 100_000) == [Part(b"x" * 100_000)]
    assert len(messages._buffer) == 0
