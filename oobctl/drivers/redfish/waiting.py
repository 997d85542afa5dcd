"""Looking again until it is so: a few times at once, then less and less often, and an end to it."""

import time
from collections.abc import Iterator


def tries(limit: float, first: float = 0.5, longest: float = 5.0) -> Iterator[int]:
    """0, 1, 2 ... : at once, then after pauses that double from `first` to `longest` seconds, the last at `limit`."""
    end, pause, number = time.monotonic() + limit, first, 0
    while True:
        yield number
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        pause, number = min(2 * pause, longest), number + 1
