"""The time of day, in one place: the store's where this computer's clock is wrong; and so that a test can set it."""

import time
from datetime import UTC, datetime, timedelta

_APART_SECONDS = 2.0  # so far two clocks that are kept by one time server may be apart, and an answer be late
_ahead = 0.0
ALLOWANCE = timedelta(seconds=60)
"""Another computer's clock may be ahead of ours by so much."""


def wall() -> float:
    """This computer's clock, in seconds since 1970."""
    return time.time()


def now() -> datetime:
    """Now, aware, in UTC."""
    return datetime.fromtimestamp(wall() + _ahead, UTC)


def follow(store: float) -> None:
    """Tell the time by the store's clock (seconds since 1970) from now on: one that is wrong here misdates nothing."""
    global _ahead
    apart = store - wall()
    _ahead = apart if abs(apart) > _APART_SECONDS else 0.0


def has_been(moment: datetime) -> bool:
    """False of a moment to come: it was written down while a clock was ahead that has been set back since."""
    return moment <= now() + ALLOWANCE


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds and a Z, as the API writes times."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
