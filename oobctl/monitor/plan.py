"""When each capability of one server is read next."""

import math
import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from oobctl.constants import READ_CAPABILITIES, Capability
from oobctl.errors import NotSupported

EARLY = 0.1
"""A reading comes up to a tenth of its interval early, so that readings don't bunch."""
_UNSUPPORTED_SECONDS = 86400.0  # what a BMC lacks is asked for again once a day: its firmware may be another by then
_FAILED_SECONDS = 900.0  # what could not be read is tried again by then, however seldom it is read


_FIRST_PATIENCE_SECONDS = 15.0
_LONGEST_PATIENCE_SECONDS = 300.0


def early(seconds: float) -> float:
    """Up to a tenth earlier."""
    return seconds * (1 - EARLY * random.random())  # noqa: S311 (a stagger)


def patience(failures: int, interval: float) -> float:
    """Seconds until the next login at a BMC that left so many in a row unanswered: twice as long each time.

    A BMC that is slow, not dead, keeps what each of them began for a minute (IPMI 2.0, section 6.12.15): asked by a
    short interval it would run out of sessions. The first steps are short, for a BMC that merely restarts.
    """
    first = min(interval, _FIRST_PATIENCE_SECONDS)
    return max(interval, min(_LONGEST_PATIENCE_SECONDS, first * 2.0 ** min(failures - 1, 32)))


@dataclass(frozen=True)
class Tried:
    """The last try at a capability: when, and the code of what kept it from being read (None: it was)."""

    at: datetime
    code: str | None


class Plan:
    """Due times by time.monotonic(), the next of them in `next_at`. What was tried before this process began counts.

    From any thread.
    """

    def __init__(
        self,
        intervals: Mapping[Capability, float | None],
        tried: Mapping[Capability, Tried],
        *,
        since: datetime | None,
        wall: datetime,
        now: float,
        spread: float,
    ) -> None:
        """since: when the server last changed hands; what is older is due. spread: seconds until what is due begins."""
        self._intervals = {name: seconds for name in READ_CAPABILITIES if (seconds := intervals.get(name)) is not None}
        self._due: dict[Capability, float] = {}
        self._guard = threading.Lock()
        self._hastened: dict[Capability, float] = {}  # and not begun since
        self._lacking = {name for name, last in tried.items() if last.code == NotSupported.code}
        for name in self._intervals:
            last = tried.get(name)
            if last is None or (since is not None and last.at < since):
                self._due[name] = now + spread
            else:
                age = max(0.0, (wall - last.at).total_seconds())  # a clock that was set back makes nothing wait longer
                self._due[name] = now + max(spread, self._wait(name, last.code) - age)
        self.next_at = min(self._due.values(), default=math.inf)

    def first(self) -> Capability:
        """What has been due the longest, so that what is read often keeps nothing else waiting."""
        return min(self._due, key=lambda name: self._due[name])

    def begin(self) -> Capability:
        """As `first`; what is hastened from now on is read once more after it."""
        with self._guard:
            name = self.first()
            self._hastened.pop(name, None)
            return name

    def hasten(self, names: Iterable[Capability], now: float) -> None:
        """These are due now, though it is not their time; what is not read, or not there, stays so."""
        with self._guard:
            for name in self._due.keys() & set(names) - self._lacking:
                self._due[name] = min(self._due[name], now)
                self._hastened[name] = now
            self.next_at = min(self._due.values(), default=math.inf)

    def tried(self, name: Capability, code: str | None, now: float) -> None:
        """It was read, or could not be for the reason of that code."""
        (self._lacking.add if code == NotSupported.code else self._lacking.discard)(name)
        self.put_off(name, self._wait(name, code), now)

    def put_off(self, name: Capability, seconds: float, now: float) -> None:
        """The BMC was not asked: try again then."""
        with self._guard:
            self._due[name] = min(now + seconds, self._hastened.get(name, math.inf))
            self.next_at = min(self._due.values())

    def _wait(self, name: Capability, code: str | None) -> float:
        interval = self._intervals[name]
        if code == NotSupported.code:
            interval = max(interval, _UNSUPPORTED_SECONDS)
        elif code is not None:
            interval = min(interval, _FAILED_SECONDS)
        return early(interval)
