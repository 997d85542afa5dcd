"""A recording's file: read chunk by chunk, only with the site's key, and changed by nobody unseen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey

from oobctl.consoles.recording.sealed import Chunk, Flag, Reader, Writer, sha256_of
from oobctl.errors import ConfigurationError, DamagedRecording

KEY = PrivateKey.generate()
TOLD = {"id": "recording-1", "kind": "graphical", "began_at": "2026-11-27T12:00:00Z"}


def written(path: Path, *contents: bytes, closed: bool = True, told: dict[str, str] = TOLD) -> str | None:
    writer = Writer(path, told, KEY.public_key.encode())
    for number, content in enumerate(contents):
        writer.write(Chunk(content, number * 1000, number * 1000 + 999, Flag.WHOLE, (640, 480)))
    if closed:
        return writer.close(len(contents) * 1000)
    writer.abandon()
    return None


def read(path: Path, key: PrivateKey = KEY) -> list[bytes]:
    with Reader(path, key) as reader:
        return [reader.read(entry) for entry in reader.entries()]


@given(contents=st.lists(st.binary(max_size=3000), max_size=6))
def test_what_was_written_is_read_back(contents: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("one") / "a.recording"
    sha256 = written(path, *contents)
    assert read(path) == [*contents, b""]
    assert sha256_of(path) == sha256


def test_one_in_the_middle_is_read_without_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    written(path, b"one", b"two" * 500, b"three")
    with Reader(path, KEY) as reader:
        entries = list(reader.entries())
        assert reader.read(entries[2]) == b"three"
        assert [(one.start, one.end, one.size) for one in entries[:2]] == [
            (0, 999, (640, 480)),
            (1000, 1999, (640, 480)),
        ]
        assert entries[1].flags == Flag.WHOLE | Flag.DEFLATED
        assert entries[-1].flags == Flag.LAST


def test_nothing_of_it_stands_in_the_file_and_nobody_else_may_open_it(tmp_path: Path) -> None:
    path = tmp_path / "recordings" / "a.recording"
    written(path, b"a password on a screen")
    assert b"password" not in path.read_bytes()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with pytest.raises(ConfigurationError, match="sealed to another key"):
        read(path, PrivateKey.generate())


def test_a_file_that_broke_off_is_good_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    written(path, b"one", b"two", b"three", closed=False)
    path.write_bytes(path.read_bytes()[:-3])
    assert read(path) == [b"one", b"two"]


@given(at=st.integers(min_value=0, max_value=10_000), bit=st.integers(min_value=0, max_value=7))
def test_a_changed_file_is_no_recording(at: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("one") / "a.recording"
    sha256 = written(path, b"one", b"two")
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)
    assert sha256_of(path) != sha256
    try:
        found = read(path)
    except (DamagedRecording, ConfigurationError):
        return
    assert found in ([b"one", b"two", b""][:count] for count in range(4))  # a length that points beyond its end


def test_no_chunk_is_moved_left_out_or_taken_from_another_file(tmp_path: Path) -> None:
    one, other = tmp_path / "a.recording", tmp_path / "b.recording"
    written(one, b"first", b"later")
    written(other, b"first", b"later", told={**TOLD, "id": "recording-2"})
    with Reader(one, KEY) as reader:
        spans = [(entry.offset, entry.offset + 17 + entry.length) for entry in reader.entries()]
    with Reader(other, KEY) as reader:
        foreign = next(reader.entries())
    content = one.read_bytes()
    first, later = (content[begin:end] for begin, end in spans[:2])
    head = content[: spans[0][0]]
    theirs = other.read_bytes()[foreign.offset : foreign.offset + 17 + foreign.length]
    for wrong in (later + first, later, theirs + later):
        one.write_bytes(head + wrong)
        with pytest.raises(DamagedRecording):
            read(one)


@given(content=st.binary(max_size=300))
def test_what_is_no_recording_is_said_to_be_none(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("one") / "a.recording"
    path.write_bytes(content)
    with pytest.raises(DamagedRecording):
        read(path)
    path.write_bytes(b"oobctl-recording-1\n" + content)
    with pytest.raises(DamagedRecording):
        read(path)


def test_an_old_recording_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    written(path, b"one")
    with pytest.raises(FileExistsError):
        written(path, b"two")
    assert read(path)[0] == b"one"
