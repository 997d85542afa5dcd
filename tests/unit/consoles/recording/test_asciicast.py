"""A serial line's tape: asciicast v2."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.recording.asciicast import LineTape
from oobctl.consoles.recording.sealed import Chunk

BEGAN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def lines(chunks: list[Chunk]) -> list[Any]:
    return [json.loads(line) for line in b"".join(chunk.content for chunk in chunks).decode().split("\n") if line]


def test_it_is_asciicast_2_with_its_times_in_seconds() -> None:
    tape = LineTape("web01", BEGAN)
    tape.show(b"boot\r\n", 1500)
    header, line = lines(tape.end())
    assert header == {"version": 2, "width": 80, "height": 24, "timestamp": int(BEGAN.timestamp()), "title": "web01"}
    assert line == [1.5, "o", "boot\r\n"]


@given(text=st.text(), cuts=st.lists(st.integers(min_value=0, max_value=60)))
def test_a_sign_that_comes_in_two_parts_is_one_sign(text: str, cuts: list[int]) -> None:
    content = text.encode(errors="surrogatepass") if text.isascii() else text.encode()
    tape = LineTape("web01", BEGAN)
    edges = sorted({0, len(content), *(min(cut, len(content)) for cut in cuts)})
    for begin, end in itertools.pairwise(edges):
        tape.show(content[begin:end], 1)
    assert "".join(line[2] for line in lines(tape.end())[1:]) == text


@given(content=st.binary(max_size=200))
def test_bytes_that_are_no_text_are_kept_as_signs_and_break_nothing(content: bytes) -> None:
    tape = LineTape("web01", BEGAN)
    tape.show(content, 1)
    assert all(line[1] == "o" for line in lines(tape.end())[1:])


def test_it_is_cut_each_second_and_the_header_stands_once() -> None:
    tape = LineTape("web01", BEGAN)
    tape.show(b"one", 100)
    assert tape.cut(900) == []
    (first,) = tape.cut(1200)
    tape.show(b"two", 1300)
    (second,) = tape.cut(2400)
    assert (first.start, first.end, second.start) == (100, 100, 1300)
    assert lines([second]) == [[1.3, "o", "two"]]
