"""Who brings wrong keys: an address that does so again and again is not listened to for a while.

Of IPv6 a network of 64 bits counts as one: who has an address there has all of them.
"""

import ipaddress
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
        return guesser(address) in self._wrong and len(self._recent(address)) >= MOST

    def add(self, address: str) -> None:
        self._recent(address).append(time.monotonic())
        self._wrong.move_to_end(guesser(address))
        if len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def _recent(self, address: str) -> deque[float]:
        found = self._wrong.setdefault(guesser(address), deque(maxlen=MOST))
        while found and found[0] < time.monotonic() - _WINDOW_SECONDS:
            found.popleft()
        return found


def guesser(address: str) -> str:
    """What one who guesses has for their own: an address, or a network of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found.packed[:8] + bytes(8), 64)))
