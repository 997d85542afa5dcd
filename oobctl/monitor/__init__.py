"""A site's monitor: reads every server again and again, its power first; a slow or dead BMC delays no other."""

import threading

from oobctl import profiles
from oobctl.installation import find_site
from oobctl.monitor.process import Monitor

__all__ = ["Monitor", "run"]


def run(site: str, stop: threading.Event) -> None:
    """Read the servers of a site until `stop` is set, then log out everywhere.

    Raises ConfigurationError where the site or a profile is missing.
    """
    found = find_site(site)
    profiles.load_all()
    Monitor(found.id).run(stop)
