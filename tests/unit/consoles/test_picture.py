"""A picture of a screen: put together of raw rectangles in any order, and a PNG that says the same."""

import asyncio
import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.greeting import resized
from oobctl.consoles.rfb.picture import Picture
from oobctl.consoles.rfb.words import ASKED_FOR, RAW_ASKED_FOR
from oobctl.errors import BmcUnreachable, NoPicture
from oobctl.gateway.pictures import picture_of
from tests.unit.consoles.stage import WHOLE, Stage, on_stage, picture

SIZE = (64, 48)


def raw(x: int, y: int, width: int, height: int, colour: bytes) -> bytes:
    """A rectangle of one colour."""
    return struct.pack(">HHHHi", x, y, width, height, 0) + (colour + b"\0") * (width * height)


def update(*rectangles: bytes) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles)


def pixels(png: bytes) -> tuple[tuple[int, int], bytes]:
    """What another program would read: size, and RGB of all pixels."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, content, size = 8, b"", (0, 0)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + body)
        size = struct.unpack_from(">II", body) if kind == b"IHDR" else size
        content += body if kind == b"IDAT" else b""
        at += 12 + length
    lines, row = zlib.decompress(content), 3 * size[0] + 1
    return size, b"".join(lines[line * row + 1 : (line + 1) * row] for line in range(size[1]))


@given(split=st.integers(min_value=1, max_value=47), cuts=st.lists(st.integers(min_value=0, max_value=13000)))
def test_it_is_what_was_drawn_however_it_came(split: int, cuts: list[int]) -> None:
    found = Picture(*SIZE)
    stream = update(raw(0, split, 64, 48 - split, b"low")) + update(raw(0, 0, 64, split, b"top"))
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    for number in range(len(edges) - 1):
        assert not found.done
        found.feed(stream[edges[number] : edges[number + 1]])
    assert found.done
    assert pixels(found.png()) == (SIZE, b"top" * (64 * split) + b"low" * (64 * (48 - split)))


def test_what_came_otherwise_than_raw_does_not_count() -> None:
    found = Picture(*SIZE)
    found.feed(picture(b"a"))
    assert not found.done
    found.feed(update(raw(0, 0, 64, 48, b"red")))
    assert found.done


def test_a_screen_that_changes_its_size_begins_anew() -> None:
    found = Picture(*SIZE)
    found.feed(update(raw(0, 0, 64, 24, b"old")) + resized(8, 8))
    found.feed(update(raw(0, 0, 8, 8, b"new")))
    assert pixels(found.png()) == ((8, 8), b"new" * 64)


@given(content=st.binary(max_size=300))
def test_garbage_is_a_broken_stream_and_nothing_worse(content: bytes) -> None:
    with contextlib.suppress(BrokenStream):
        Picture(*SIZE).feed(content)


def encodings(which: tuple[int, ...]) -> bytes:
    return struct.pack(f">BxH{len(which)}i", 2, len(which), *which)


def test_it_is_taken_over_the_connection_that_all_share_which_is_as_before_then() -> None:
    async def story(stage: Stage) -> None:
        ann = await stage.look("Ann")
        taking = asyncio.create_task(picture_of(stage.screen))
        await stage.hears(encodings(RAW_ASKED_FOR) + WHOLE)
        await stage.shows(picture(b"x"))  # was under way
        await stage.hears(WHOLE)
        await stage.shows(update(raw(0, 0, 64, 48, b"red")))
        found = await taking
        assert pixels(found.png())[1] == b"red" * (64 * 48)
        await stage.hears(encodings(ASKED_FOR))
        assert ann.seat.ended is None
        assert stage.opened == 1
        ann.seen()
        assert all(len(one["people"]) == 1 for one in ann.told if one["type"] == "people")  # type: ignore[arg-type]

    on_stage(story)


def test_why_there_is_none_is_said() -> None:
    async def story(stage: Stage) -> None:
        stage.refusal = BmcUnreachable("nothing there")
        with pytest.raises(NoPicture, match="A server that is off has no screen"):
            await picture_of(stage.screen, within=1.5)

    on_stage(story)
