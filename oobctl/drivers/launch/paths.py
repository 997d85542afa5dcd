"""Which targets of requests go through to a BMC: those that are read in one way alone, and that its profile lists."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

_LONGEST = 4096
_TARGET = re.compile(r"/[!-~]*")
_STRANGE = re.compile(r"[\\;#\"<>^`{|}]")
_ENCODED = re.compile(r"%(?![0-9a-fA-F]{2})|%(?:[01][0-9a-fA-F]|2[eEfF35]|3[bBfF]|5[cC]|7[fF]|[89a-fA-F][0-9a-fA-F])")
"""Percent signs that encode nothing, and what may be taken for a separator, a dot, a percent sign, or an end; and all
but ASCII, of which some take other signs for the same."""


def path_of(target: str) -> str | None:
    """The path of a request's target as it was sent ("/a/b?c=d": "/a/b"). None where it could be read in two ways."""
    if len(target) > _LONGEST or not _TARGET.fullmatch(target):
        return None
    path = target.partition("?")[0]
    if _STRANGE.search(path) or _ENCODED.search(path) or "//" in path:
        return None
    if any(segment and not unquote(segment).strip(". ") for segment in path.split("/")):
        return None
    return path


class Paths:
    """Those that fit one of the globs: * is anything inside of a segment, ** anything."""

    def __init__(self, globs: Iterable[str]) -> None:
        self._patterns = [_pattern(glob) for glob in globs]

    def allow(self, target: str) -> bool:
        path = path_of(target)
        return path is not None and any(pattern.fullmatch(path) for pattern in self._patterns)


def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", glob)
    meaning = {"**": ".*", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part) or re.escape(part) for part in parts))
