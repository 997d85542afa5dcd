"""A screen's tape: FBS that a player reads, and chunks that begin with a whole picture where they say so."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.recording.fbs import ScreenTape, block
from oobctl.consoles.recording.sealed import Chunk, Flag
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.greeting import resized, server_init
from tests.unit.consoles.stage import picture

INIT = server_init(64, 48, "web01")
CURSOR = struct.pack(">BxH", 0, 1) + struct.pack(">HHHHi", 0, 0, 1, 1, -239) + b"\xff" * 5


def corner(colour: bytes) -> bytes:
    """An update of a part of the screen."""
    return struct.pack(">BxH", 0, 1) + struct.pack(">HHHHi", 0, 0, 8, 8, 7) + b"\x80" + colour * 3


def blocks(content: bytes) -> list[tuple[bytes, int]]:
    """What a player of FBS reads."""
    found, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        padded = (length + 3) // 4 * 4
        (when,) = struct.unpack_from(">I", content, at + 4 + padded)
        found.append((content[at + 4 : at + 4 + length], when))
        at += 8 + padded
    return found


def stream(chunks: list[Chunk]) -> list[tuple[bytes, int]]:
    content = b"".join(chunk.content for chunk in chunks)
    assert content.startswith(b"FBS 001.000\n")
    return blocks(content[12:])


def begun() -> ScreenTape:
    tape = ScreenTape("web01")
    tape.show(INIT, 5)
    return tape


def test_it_is_what_a_server_of_rfb_3_3_says_with_its_times() -> None:
    tape = begun()
    tape.show(picture(b"a"), 100)
    tape.show(b"\x02", 250)
    assert stream(tape.end()) == [
        (b"RFB 003.003\n\x00\x00\x00\x01", 5), (INIT, 5), (picture(b"a"), 100), (b"\x02", 250)
    ]  # fmt: skip


@given(cuts=st.lists(st.integers(min_value=0, max_value=400)))
def test_it_is_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    content = picture(b"a") + CURSOR + corner(b"b") + b"\x02" + picture(b"c")
    tape = begun()
    edges = sorted({0, len(content), *(min(cut, len(content)) for cut in cuts)})
    for begin, end in itertools.pairwise(edges):
        tape.show(content[begin:end], 9)
    assert [said for said, _ in stream(tape.end())[2:]] == [picture(b"a"), CURSOR, corner(b"b"), b"\x02", picture(b"c")]


def test_a_chunk_that_says_so_begins_with_a_whole_picture_and_needs_nothing_before_it() -> None:
    tape = begun()
    assert tape.wants_whole(5)
    tape.asked_whole()
    assert not tape.wants_whole(6)
    tape.show(picture(b"a") + CURSOR + corner(b"b"), 100)
    tape.asked_whole()
    tape.show(picture(b"c"), 200)
    greeting, first, second = tape.end()
    assert (greeting.flags, first.flags, second.flags) == (Flag.PLAIN, Flag.WHOLE, Flag.WHOLE)
    assert second.size == (64, 48)
    assert [said for said, _ in blocks(second.content)] == [resized(64, 48), CURSOR, picture(b"c")]


def test_a_whole_picture_in_many_updates_counts_and_half_a_one_does_not() -> None:
    half = struct.pack(">BxH", 0, 1) + struct.pack(">HHHHi", 0, 0, 64, 24, 7) + b"\x80abc"
    tape = begun()
    tape.asked_whole()
    tape.show(half, 100)
    assert tape.cut(2000)[1:] == []  # it waits for the rest
    tape.show(half, 2100)
    assert [one.flags for one in tape.cut(2200)] == [Flag.WHOLE]
    tape.asked_whole()
    tape.show(half, 3000)
    assert [one.flags for one in tape.cut(30_000)] == [Flag.PLAIN]  # the rest never came


def test_a_whole_picture_is_asked_for_now_and_then_where_something_changed() -> None:
    tape = begun()
    tape.asked_whole()
    tape.show(picture(b"a"), 100)
    assert not tape.wants_whole(100_000)  # nothing was drawn since
    tape.show(corner(b"b"), 20_000)
    assert not tape.wants_whole(20_000)
    assert tape.wants_whole(31_000)


def test_a_screen_of_another_size_is_asked_for_as_a_whole() -> None:
    tape = begun()
    tape.asked_whole()
    tape.show(picture(b"a"), 100)
    tape.show(resized(32, 24), 200)
    assert tape.wants_whole(200)
    tape.asked_whole()
    tape.show(struct.pack(">BxH", 0, 1) + struct.pack(">HHHHi", 0, 0, 32, 24, 7) + b"\x80abc", 300)
    *_, last = tape.end()
    assert (last.flags, last.size) == (Flag.WHOLE, (32, 24))


def test_after_a_break_the_stream_goes_on_with_whole_messages() -> None:
    tape = begun()
    tape.show(picture(b"a") + picture(b"lost")[:9], 100)
    tape.again()
    tape.show(server_init(32, 24, "web01"), 900)
    tape.show(b"\x02", 950)
    assert [said for said, _ in stream(tape.end())[2:]] == [picture(b"a"), resized(32, 24), b"\x02"]


def test_it_is_cut_each_second_between_two_messages() -> None:
    tape = begun()
    tape.show(picture(b"a"), 100)
    assert len(tape.cut(900)) == 1  # the greeting alone
    tape.show(corner(b"b")[:10], 1050)
    (chunk,) = tape.cut(1100)
    assert [said for said, _ in blocks(chunk.content)] == [picture(b"a")]
    tape.show(corner(b"b")[10:], 1200)
    assert [said for said, _ in blocks(tape.end()[0].content)] == [corner(b"b")]


@given(content=st.binary(max_size=200))
def test_garbage_is_a_broken_stream_and_nothing_worse(content: bytes) -> None:
    tape = begun()
    tape.show(picture(b"a"), 1)
    try:
        tape.show(content, 2)
    except BrokenStream:
        tape.again()
    assert stream(tape.end())[2] == (picture(b"a"), 1)


def test_what_is_no_server_init_is_a_broken_stream() -> None:
    with pytest.raises(BrokenStream):
        ScreenTape("web01").show(b"\x00", 0)


@given(content=st.binary(max_size=20), at=st.integers(min_value=0, max_value=2**32 - 1))
def test_a_block_has_its_length_its_padding_and_its_time(content: bytes, at: int) -> None:
    made = block(content, at)
    assert len(made) % 4 == 0
    assert blocks(made) == [(content, at)]
