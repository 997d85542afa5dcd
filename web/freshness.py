"""Whether what was last read of a server may be taken for its state now."""

from datetime import datetime

from oobctl import profiles
from oobctl.config import settings
from oobctl.constants import POLLED, Capability, Lifecycle
from oobctl.errors import ConfigurationError
from oobctl.store import Server

_ROUNDS = 3
_AT_LEAST_SECONDS = 15.0  # rounds that follow each other fast may be late by a slow answer


def power_is_fresh(row: Server, profile: str, now: datetime) -> bool:
    """Read no more than a few of the monitor's rounds ago, of a server that is polled and whose BMC answers."""
    if not is_heard(row.lifecycle, row.silent_since):
        return False
    return is_recent(row.power_read_at, longest_age(profile, Capability.POWER), now)


def is_heard(lifecycle: Lifecycle, silent_since: datetime | None) -> bool:
    """Whether the monitor reads the server, and its BMC answers."""
    return silent_since is None and lifecycle in POLLED


def is_recent(read_at: datetime | None, seconds: float, now: datetime) -> bool:
    return read_at is not None and (now - read_at).total_seconds() <= seconds


def longest_age(profile: str, capability: Capability) -> float:
    """Up to how many seconds after it was read a reading is fresh: a few of the monitor's rounds."""
    return max(_AT_LEAST_SECONDS, _ROUNDS * interval(profile, capability))


def interval(profile: str, capability: Capability) -> float:
    """Seconds between two readings, as the monitor has them."""
    try:
        return profiles.find(profile).polling.get(capability) or settings().poll_interval_seconds
    except ConfigurationError:  # it is missing: the server is not polled
        return settings().poll_interval_seconds
