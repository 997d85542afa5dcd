"""Whether what was last read of a server's power may be taken for its state now."""

from datetime import datetime

from oobctl.constants import POLLED, Capability
from oobctl.readings import rounds
from oobctl.store import Server


def power_is_fresh(row: Server, profile: str, now: datetime) -> bool:
    """Read no more than a few of the monitor's rounds ago, of a server that is polled and whose BMC answers."""
    if row.silent_since is not None or row.lifecycle not in POLLED:
        return False
    return rounds.is_current(row.power_read_at, rounds.interval(profile, Capability.POWER), now)
