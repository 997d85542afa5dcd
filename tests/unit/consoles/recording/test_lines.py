"""The lines of a serial log: searched without what only moves or colours them, and the newest first of all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey

from oobctl.consoles.recording.asciicast import LineTape
from oobctl.consoles.recording.lines import Line, last_of, lines_of
from oobctl.consoles.recording.sealed import Reader, Writer

KEY = PrivateKey.generate()
BEGAN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def read(folder: Path, *pieces: tuple[int, bytes]) -> list[Line]:
    path = folder / "a.recording"
    told = {"id": "recording-1", "kind": "serial", "began_at": "2026-11-27T12:00:00Z"}
    writer = Writer(path, told, KEY.public_key.encode())
    tape = LineTape("web01", BEGAN)
    for at, piece in pieces:
        tape.show(piece, at)
        for chunk in tape.cut(at):
            writer.write(chunk)
    for chunk in tape.end():
        writer.write(chunk)
    writer.close(0)
    with Reader(path, KEY) as reader:
        return list(lines_of(reader))


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_a_line_has_its_text_and_when_its_end_came(tmp_path: Path) -> None:
    found = read(tmp_path, (0, b"boot"), (1500, b"ing\r\nlog"), (3000, b"in: "))
    assert found == [Line(BEGAN + timedelta(seconds=1.5), "booting"), Line(BEGAN + timedelta(seconds=3), "login:")]


def test_colours_moves_and_bells_are_no_text(tmp_path: Path) -> None:
    assert texts(read(tmp_path, (0, b"\x1b[0;32m[  OK  ]\x1b[0m Started\x07 \x1b]0;title\x07x\r\n"))) == [
        "[  OK  ] Started x"
    ]


def test_a_menu_of_firmware_is_lines_though_none_of_them_ends(tmp_path: Path) -> None:
    assert texts(read(tmp_path, (0, b"\x1b[2;3HContinue\x1b[3;3HSetup\x1b[4;3HReset"))) == [
        "Continue",
        "Setup",
        "Reset",
    ]


@given(content=st.binary(max_size=400), cuts=st.lists(st.integers(min_value=0, max_value=400)))
def test_whatever_a_server_writes_is_lines_of_bounded_length(
    content: bytes, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    edges = sorted({0, len(content), *(min(cut, len(content)) for cut in cuts)})
    pieces = [(number, content[edges[number] : edges[number + 1]]) for number in range(len(edges) - 1)]
    found = read(tmp_path_factory.mktemp("one"), *pieces)
    assert all(line.text and len(line.text) <= 2000 and "\x1b" not in line.text for line in found)


def many() -> Iterator[Line]:
    return (Line(BEGAN + timedelta(seconds=number // 2), f"line {number}") for number in range(20))


def test_the_newest_that_have_the_words_come_a_page_at_a_time_and_none_is_left_out() -> None:
    assert texts(last_of(many(), "LINE 7", None, 5)) == ["line 7"]
    first = last_of(many(), "line", None, 5)
    assert texts(first) == [f"line {number}" for number in range(14, 20)]  # those of one moment stay together
    assert texts(last_of(many(), "line", first[0].at, 5)) == [f"line {number}" for number in range(8, 14)]
