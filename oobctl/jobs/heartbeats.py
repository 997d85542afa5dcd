"""Who is dead: judged by heartbeats that are watched. No clock, pause or database that was away kills anybody."""

import time
from collections.abc import Sequence

import structlog
from sqlalchemy import exists, literal, select

from oobctl.drivers import dead_sessions
from oobctl.drivers.holders import STALE_SECONDS
from oobctl.store import BmcSession, Process, database

log = structlog.get_logger()

_LOOK_SECONDS = 3.0  # the longest that may pass between two looks: of a longer time no more was watched


class Heartbeats:
    """Processes whose heartbeats stand still, as far as they are watched."""

    def __init__(self) -> None:
        self._still: dict[str, tuple[float, float]] = {}  # the last heartbeat, and for how long it was seen to stand
        self._looked = time.monotonic()

    def dead(self, rows: Sequence[tuple[str, float, float]], after: float) -> list[str]:
        """Of (process, heartbeat, its age) those that stood still for `after` seconds.

        An age counts where a process is seen for the first time: one that died long ago is dead at once. Who looks
        and was itself stopped, or waited for the database, has not watched meanwhile.
        """
        now = time.monotonic()
        watched, self._looked = min(_LOOK_SECONDS, now - self._looked), now
        still: dict[str, tuple[float, float]] = {}
        for process_id, seen, age in rows:
            before, stood = self._still.get(process_id, (None, 0.0))
            if before is None:
                still[process_id] = (seen, max(0.0, age))
            else:
                still[process_id] = (seen, stood + watched if before == seen else 0.0)
        self._still = still
        return [process_id for process_id, (_seen, stood) in still.items() if stood > after]

    def forgive(self) -> None:
        """Nobody could write a heartbeat: count from now on."""
        self._still = {process_id: (seen, 0.0) for process_id, (seen, _) in self._still.items()}


class Holders:
    """Disowns the sessions of processes that stand still, of any kind: where all of one kind died, no other will."""

    def __init__(self, own: str, site_id: str) -> None:
        self._own, self._site_id = own, site_id
        self._heartbeats = Heartbeats()

    def look(self) -> None:
        """To be called every few seconds. Their rows stay: who is of their kind takes over what else they had.

        An age says nothing here: whether a process has lived is watched for the whole time.
        """
        holds = exists().where(BmcSession.holder == Process.id, BmcSession.heartbeat > 0)
        others = select(Process.id, Process.seen, literal(0.0)).where(
            Process.site_id == self._site_id, Process.id != self._own, holds
        )
        with database().read() as session:
            rows = [(row[0], row[1], row[2]) for row in session.execute(others)]
        for process_id in self._heartbeats.dead(rows, STALE_SECONDS):
            log.warning("a process stands still; its sessions at BMCs are given up", it=process_id)
            dead_sessions.close_all_of(process_id)

    def forgive(self) -> None:
        self._heartbeats.forgive()
