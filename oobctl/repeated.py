"""What is said again and again: when it is said once more, and how often it was left out since."""

import threading
import time
from collections.abc import Callable

_MOST_KINDS = 100


class _Kind:
    """One thing that is said again and again."""

    def __init__(self, at: float) -> None:
        self.told_at = self.said_at = at
        self.left_out = 0


class Repeated:
    """Each kind is due when it begins, then once in so many seconds.

    What was not said for twice as long has ended: the next time it begins anew. Good in any thread.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._kinds: dict[str, _Kind] = {}
        self._turn = threading.Lock()

    def due(self, key: str) -> int | None:
        """How many of the kind there were since the last one that was due; None where this one is left out.

        0 is one that begins, or the only one since.
        """
        with self._turn:
            now = self._now()
            kind = self._kinds.get(key)
            if kind is None or now - kind.said_at >= 2 * self._seconds:
                self._forget_the_oldest()
                self._kinds[key] = _Kind(now)
                return 0
            kind.said_at = now
            if now - kind.told_at < self._seconds:
                kind.left_out += 1
                return None
            left_out, kind.left_out, kind.told_at = kind.left_out, 0, now
            return left_out + 1 if left_out else 0

    def _forget_the_oldest(self) -> None:
        if len(self._kinds) >= _MOST_KINDS:
            del self._kinds[min(self._kinds, key=lambda key: self._kinds[key].said_at)]


def since_words(many: int) -> str:
    """What is added to a line for those that were left out before it."""
    return f" ({many} such lines since the last one)" if many else ""
