"""Server-sent events: counted as the standard says, however they are cut; no more of them is kept than a few bytes."""

import re
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.redfish.http import TooMuch
from oobctl.drivers.redfish.sse import LARGEST_EVENT, LONGEST_LINE, SseEvents

MARK = b"\xef\xbb\xbf"
DATA = [b"data", b"data:", b"data: {}", b"data:x"]
OTHERS = [b"datas: x", b"dat", b": data: x", b"id: 7", b"event: data", b"retry: 1", b" data: x", b"\xff\x00"]
LINES = st.sampled_from([b"", b"", *DATA, *OTHERS, MARK, MARK + b"data: x"])
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"]))).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


def expected(stream: bytes) -> int:
    """By the standard's words, over the whole of it."""
    count, has_data = 0, False
    for line in re.split(rb"\r\n|\r|\n", stream.removeprefix(MARK))[:-1]:
        if line:
            has_data |= line.partition(b":")[0] == b"data"
        else:
            count, has_data = count + has_data, False
    return count


@given(STREAMS | st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_events_are_counted_by_the_standard_however_the_stream_is_cut(stream: bytes, cuts: list[int]) -> None:
    events = SseEvents()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert sum(events.feed(stream[start:end]) for start, end in pairwise(places)) == expected(stream)


@given(st.lists(st.binary(max_size=300)))
def test_nothing_of_what_is_said_is_kept(pieces: list[bytes]) -> None:
    events = SseEvents()
    for piece in pieces:
        events.feed(piece)
        assert len(events._head) <= 8


def feed(pieces: Iterable[bytes]) -> int:
    events = SseEvents()
    return sum(events.feed(piece) for piece in pieces)


def test_a_line_without_an_end_is_too_much() -> None:
    assert feed([b"x"] * LONGEST_LINE) == 0
    with pytest.raises(TooMuch):
        feed([b"x"] * (LONGEST_LINE + 1))


def test_an_event_without_an_end_is_too_much() -> None:
    with pytest.raises(TooMuch):
        feed([b"data: x\n"] * LARGEST_EVENT)


def test_many_events_are_not_too_much() -> None:
    assert feed([b"data: " + b"x" * 1000 + b"\n\n"] * (2 * LARGEST_EVENT // 1000)) > 2000
