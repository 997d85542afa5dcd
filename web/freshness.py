"""Whether what was last read of a server may be taken for its state now."""

from datetime import datetime

from oobctl.constants import POLLED, Capability, Lifecycle
from oobctl.readings import rounds
from oobctl.store import Server


def power_is_fresh(row: Server, profile: str, now: datetime) -> bool:
    """Read no more than a few of the monitor's rounds ago, of a server that is polled and whose BMC answers."""
    if not is_heard(row.lifecycle, row.silent_since):
        return False
    return rounds.is_current(row.power_read_at, rounds.interval(profile, Capability.POWER), now)


def is_heard(lifecycle: Lifecycle, silent_since: datetime | None) -> bool:
    """Whether the monitor reads the server, and its BMC answers."""
    return silent_since is None and lifecycle in POLLED
