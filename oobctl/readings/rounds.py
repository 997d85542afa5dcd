"""How often a capability is read, and whether what was read last may still be taken for what is."""

from datetime import datetime

from oobctl import clock, profiles
from oobctl.config import settings
from oobctl.constants import Capability
from oobctl.errors import ConfigurationError

ROUNDS = 3
_AT_LEAST_SECONDS = 15.0  # rounds that follow each other fast may be late by a slow answer


def interval(profile: str, capability: Capability) -> float | None:
    """Seconds between two readings, as the monitor has them; None of what it does not read."""
    try:
        seconds = profiles.find(profile).polling.get(capability)
    except ConfigurationError:  # it is missing: the server is not polled
        seconds = None
    return seconds or (settings().poll_interval_seconds if capability is Capability.POWER else None)


def is_current(read_at: datetime | None, seconds: float | None, now: datetime) -> bool:
    """Read no more than a few rounds ago, of so many seconds each. Of a time to come nobody knows when it was."""
    if read_at is None or seconds is None or read_at > now + clock.ALLOWANCE:
        return False
    return (now - read_at).total_seconds() <= max(_AT_LEAST_SECONDS, ROUNDS * seconds)
