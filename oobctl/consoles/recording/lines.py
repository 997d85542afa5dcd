"""The lines of a serial line's recordings: read, searched, and the last ones kept for a job."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from oobctl.consoles.recording.sealed import Flag, Reader
from oobctl.errors import DamagedRecording

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\|[ -/]*[0-~])", re.DOTALL
)  # ECMA-48: control sequences, strings, and the short ones
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ENDS = re.compile(r"\r*\n|\r+(?!\n)|\x0b|\x0c|\x1b\[[\d;]*[Hf]")  # who goes elsewhere begins another line
_LONGEST_LINE = 2000
"""Characters after which a line is cut: screens of firmware have none that ends."""


@dataclass(frozen=True)
class Line:
    """When its last sign came, and what stood there, without what only moves or colours it."""

    at: datetime
    text: str


def lines_of(reader: Reader) -> Iterator[Line]:
    """Of one recording, the first that was written first. What is damaged ends it."""
    began = datetime.fromisoformat(reader.header["began_at"])
    rest, at = "", began
    for seconds, text in _pieces(reader):
        at = began + timedelta(seconds=seconds)
        parts = _ENDS.split(rest + text)
        rest = parts.pop()
        while len(rest) > _LONGEST_LINE:
            parts.append(rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        yield from _shown(parts, at)
    yield from _shown([rest], at)


def last_of(lines: Iterable[Line], words: str, before: datetime | None, count: int) -> list[Line]:
    """The newest so many that have the words (in any case) and are older than `before`."""
    wanted = words.casefold()
    found = [
        line for line in lines if wanted in line.text.casefold() and (before is None or line.at < before)
    ]  # fmt: skip
    if len(found) <= count:
        return found
    first = found[-count].at  # lines of one moment stay together: a page is told by its first one's time
    return [line for line in found if line.at >= first]


def _pieces(reader: Reader) -> Iterator[tuple[float, str]]:
    for entry in reader.entries():
        if entry.flags & (Flag.EVENTS | Flag.LAST):
            continue
        try:
            content = reader.read(entry).decode()
        except DamagedRecording:
            return
        for line in content.splitlines():
            said = json.loads(line)
            if isinstance(said, list):
                yield float(said[0]), str(said[2])


def _shown(parts: Iterable[str], at: datetime) -> Iterator[Line]:
    for part in parts:
        text = _UNSEEN.sub("", _ESCAPES.sub("", part)).rstrip()
        if text:
            yield Line(at, text)
