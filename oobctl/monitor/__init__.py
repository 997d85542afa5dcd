"""A site's monitor: reads every server again and again, its power first; a slow or dead BMC delays no other."""

import gc
import threading

from oobctl import profiles
from oobctl.installation import find_site
from oobctl.monitor.process import Monitor

__all__ = ["Monitor", "collect_seldom", "run"]

_YOUNG, _OLDER = 100_000, 20


def run(site: str, stop: threading.Event) -> None:
    """Read the servers of a site until `stop` is set, then log out everywhere.

    Raises ConfigurationError where the site or a profile is missing.
    """
    found = find_site(site)
    profiles.load_all()
    collect_seldom()
    Monitor(found.id).run(stop)


def collect_seldom() -> None:
    """Tell the collector of cycles that this process makes few: what thousands of readings have under way is none.

    By its own numbers it would look through all of it, again and again, for a third of the process's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLDER)
