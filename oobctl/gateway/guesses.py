"""Who brings wrong keys: an address that does so again and again is not listened to for a while."""

import time
from collections import OrderedDict, deque

MOST = 20
"""Wrong keys from one address in a minute."""
_WINDOW_SECONDS = 60.0
_MOST_ADDRESSES = 10_000


class Guesses:
    """Of the addresses that guessed last; in one event loop."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def too_many(self, address: str) -> bool:
        return address in self._wrong and len(self._recent(address)) >= MOST

    def add(self, address: str) -> None:
        self._recent(address).append(time.monotonic())
        self._wrong.move_to_end(address)
        if len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def _recent(self, address: str) -> deque[float]:
        found = self._wrong.setdefault(address, deque(maxlen=MOST))
        while found and found[0] < time.monotonic() - _WINDOW_SECONDS:
            found.popleft()
        return found
