"""The time of day, in one place: the store's where this computer's clock is wrong; and so that a test can set it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

_APART_SECONDS = 2.0  # so far two clocks that are kept by one time server may be apart, and an answer be late
ALLOWANCE = timedelta(seconds=60)
"""Another computer's clock may be ahead of ours by so much."""


@dataclass(frozen=True)
class _Followed:
    """The store's clock: how far it is ahead of this computer's, and what that one was ahead of the monotonic one."""

    ahead: float
    base: float


_followed: _Followed | None = None


def wall() -> float:
    """This computer's clock, in seconds since 1970."""
    return time.time()


def now() -> datetime:
    """Now, aware, in UTC. A jump of this computer's clock counts from when the store's was heard again."""
    seconds = wall()
    if _followed is not None:
        went_on = _followed.base + monotonic()
        seconds = _followed.ahead + (seconds if abs(seconds - went_on) <= _APART_SECONDS else went_on)
    return datetime.fromtimestamp(seconds, UTC)


def follow(store: float) -> None:
    """Tell the time by the store's clock (seconds since 1970) from now on: one that is wrong here misdates nothing."""
    global _followed
    mine = wall()
    apart = store - mine
    _followed = _Followed(apart if abs(apart) > _APART_SECONDS else 0.0, mine - monotonic())


def has_been(moment: datetime | float) -> bool:
    """False of a moment to come: it was written down while a clock was ahead that has been set back since."""
    latest = now() + ALLOWANCE
    return moment <= latest if isinstance(moment, datetime) else moment <= latest.timestamp()


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds and a Z, as the API writes times."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def limit(seconds: float) -> str:
    """For how long something waits at most, as people read it: whole minutes from two on."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
