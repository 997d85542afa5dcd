"""Moments as BMCs write them: RFC 3339, and what the quirk bad-dates stands for."""

import re
from datetime import UTC, datetime
from typing import Any

from oobctl.profiles.model import Profile
from oobctl.profiles.quirks import Quirk

_STRICT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII)
_LOOSE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:T|\s+)(\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_EPOCH = re.compile(r"\d{9,10}|\d{12,13}", re.ASCII)
_CLOCKLESS = 1971
"""A BMC that has not been told the time counts from 1970, some from 0000."""


def moment(said: Any, profile: Profile) -> datetime | None:
    """The moment a BMC wrote, aware, in UTC; None where it is none, or of before 1971: a clock that was never set.

    RFC 3339, section 5.6, as DSP0266, section 8.5.3 (date-time values) wants it. With the quirk bad-dates also: a zone
    without colon or minutes, none (UTC), a blank for the T, no seconds, seconds or milliseconds since 1970 as a string.
    """
    if not isinstance(said, str):
        return None
    text = said.strip()
    if _STRICT.fullmatch(text):
        return _aware(text.upper())
    return _loose(text) if profile.has(Quirk.BAD_DATES) else None


def _aware(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year >= _CLOCKLESS else None


def _loose(text: str) -> datetime | None:
    if _EPOCH.fullmatch(text):
        seconds = int(text) / (1000 if len(text) > 10 else 1)
        found = datetime.fromtimestamp(seconds, UTC)
        return found if found.year >= _CLOCKLESS else None
    match = _LOOSE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    date = f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second or '00'}"
    return _aware(date + _zone(zone or "Z"))


def _zone(zone: str) -> str:
    if zone.upper() in {"Z", "UTC", "GMT"}:
        return "+00:00"
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return f"{zone[0]}{digits[:2]}:{digits[2:]}"
