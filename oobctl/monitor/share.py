"""Which BMCs of a site this monitor reads: each is one monitor's, written in its row before the first question."""

import hashlib
from collections.abc import Collection, Sequence

from sqlalchemy import Select, select, update

from oobctl.constants import POLLED
from oobctl.store import Bmc, Process, Server, database

_AT_ONCE = 500


class Share:
    """This monitor's part of its site. A BMC changes hands only after who has it has let it go, or is gone for good."""

    def __init__(self, monitor: str, site_id: str) -> None:
        self._monitor, self._site_id = monitor, site_id
        self.alone = False  # no other monitor was there at the last look

    def look(self) -> set[str]:
        """Take what is ours and nobody's. Returns the BMCs to be let go, each with `let_go` when nobody reads it."""
        with database().read() as session:
            living = {*session.scalars(self._living()), self._monitor}
            polled = select(Server.bmc_id).where(Server.lifecycle.in_(POLLED))
            query = select(Bmc.id, Bmc.monitor).where(Bmc.site_id == self._site_id, Bmc.id.in_(polled))
            rows = [(row[0], row[1]) for row in session.execute(query)]
        self.alone = not living - {self._monitor}
        ours = {bmc_id for bmc_id, _ in rows if owner(bmc_id, living) == self._monitor}
        self._take([bmc_id for bmc_id, monitor in rows if bmc_id in ours and monitor not in living])
        return {bmc_id for bmc_id, monitor in rows if monitor == self._monitor} - ours

    def let_go(self, bmc_ids: Collection[str]) -> None:
        """Nobody reads these here any more: another monitor may."""
        with database().write() as session:
            for some in _parts(sorted(bmc_ids)):
                mine = (Bmc.id.in_(some), Bmc.monitor == self._monitor)
                session.execute(update(Bmc).where(*mine).values(monitor=None))

    def _living(self) -> Select[str]:
        return select(Process.id).where(Process.site_id == self._site_id, Process.kind == "monitor")

    def _take(self, bmc_ids: Sequence[str]) -> None:
        """Those that are still nobody's in the moment of writing: two monitors may have looked at once."""
        for some in _parts(bmc_ids):
            with database().write() as session:
                free = Bmc.monitor.is_(None) | Bmc.monitor.not_in(self._living())
                session.execute(update(Bmc).where(Bmc.id.in_(some), free).values(monitor=self._monitor))


def owner(bmc_id: str, monitors: Collection[str]) -> str | None:
    """Whose a BMC is among these: the highest of their hashes with it, so that a change of monitors moves few."""
    return max(monitors, key=lambda one: hashlib.sha256(f"{one} {bmc_id}".encode()).digest(), default=None)


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
