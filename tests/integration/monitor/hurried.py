"""oobctl as a process for which a second is many of them: SINCE TIMES ARGUMENTS. History is kept by the minute."""

import sys
import time
from collections.abc import Callable

from oobctl import clock


def hurried(since: float, times: float) -> Callable[[], float]:
    """A clock that was right at `since` and runs so many times as fast."""
    return lambda: since + (time.time() - since) * times


def _follow_nobody(store: float) -> None:
    """The database's clock is not so fast."""


if __name__ == "__main__":
    from oobctl.cli.main import app

    clock.wall = hurried(float(sys.argv[1]), float(sys.argv[2]))
    clock.follow = _follow_nobody
    sys.argv = ["oobctl", *sys.argv[3:]]
    app()
