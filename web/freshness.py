"""Whether what was last read of a server's power may be taken for its state now."""

from datetime import datetime

from oobctl import profiles
from oobctl.config import settings
from oobctl.constants import POLLED, Capability
from oobctl.errors import ConfigurationError
from oobctl.store import Server

_ROUNDS = 3
_AT_LEAST_SECONDS = 15.0  # rounds that follow each other fast may be late by a slow answer


def power_is_fresh(row: Server, profile: str, now: datetime) -> bool:
    """Read no more than a few of the monitor's rounds ago, of a server that is polled and whose BMC answers."""
    if row.power_read_at is None or row.silent_since is not None or row.lifecycle not in POLLED:
        return False
    return (now - row.power_read_at).total_seconds() <= max(_AT_LEAST_SECONDS, _ROUNDS * _interval(profile))


def _interval(profile: str) -> float:
    """Seconds between two polls, as the monitor has them."""
    try:
        return profiles.find(profile).polling[Capability.POWER] or settings().poll_interval_seconds
    except ConfigurationError:  # it is missing: the server is not polled
        return settings().poll_interval_seconds
