"""Which BMCs are to be read before their time: as often as they tell of events, and no more often than is good."""

import threading

SPACING_SECONDS = 5.0


class Earlier:
    """A BMC that tells is due at once, and then not before `spacing` seconds are over, however much it tells.

    What it told in between makes it due once more then: what its last event was about is read for certain.
    """

    def __init__(self, spacing: float = SPACING_SECONDS) -> None:
        self._spacing = spacing
        self._guard = threading.Lock()
        self._told: set[str] = set()
        self._last: dict[str, float] = {}

    def tell(self, bmc_id: str) -> None:
        """Something happened there. From any thread; returns at once."""
        with self._guard:
            self._told.add(bmc_id)

    def due(self, now: float) -> set[str]:
        """Those to be read now, each told once. now: by time.monotonic()."""
        with self._guard:
            self._last = {bmc_id: at for bmc_id, at in self._last.items() if now < at + self._spacing}
            found = self._told - self._last.keys()
            self._told -= found
            self._last |= dict.fromkeys(found, now)
            return found
