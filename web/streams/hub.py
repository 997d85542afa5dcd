"""One look at the database for all who watch: revisions of the watched jobs, fanned out to bounded queues."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oobctl.errors import StoreUnavailable
from oobctl.store import Job, database
from web import views

log = logging.getLogger("oobctl.web")

LOOK_EVERY_SECONDS = 0.15
_LOOK_AGAIN_AFTER_SECONDS = 2.0  # after the database was away
_WAITING_CHANGES = 16


@dataclass(frozen=True)
class Change:
    """A job at one revision, as JSON: for staff, and for others, who are told less."""

    revision: int
    for_staff: str
    for_others: str
    ended: bool


@dataclass(eq=False)
class Watcher:
    """Somebody's view of one job. `lagging`: changes came faster than they were taken, and the view is given up."""

    job_id: str
    changes: asyncio.Queue[Change] = field(default_factory=lambda: asyncio.Queue(_WAITING_CHANGES))
    lagging: bool = False

    def offer(self, change: Change) -> None:
        try:
            self.changes.put_nowait(change)
        except asyncio.QueueFull:
            self.lagging = True


class Hub:
    """Used from one event loop. It looks only while somebody watches."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = defaultdict(set)
        self._known: dict[str, int] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        return sum(len(watchers) for watchers in self._watchers.values())

    def watch(self, job_id: str) -> Watcher:
        """Changes from now on; what the job is now, the caller reads after this."""
        watcher = Watcher(job_id)
        self._watchers[job_id].add(watcher)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return watcher

    def leave(self, watcher: Watcher) -> None:
        watchers = self._watchers.get(watcher.job_id, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(watcher.job_id, None)
            self._known.pop(watcher.job_id, None)

    async def _look(self) -> None:
        while self._watchers:
            pause = LOOK_EVERY_SECONDS
            try:
                changes = await asyncio.to_thread(changed, {job: self._known.get(job, -1) for job in self._watchers})
            except StoreUnavailable as error:
                log.warning("live pages wait: %s", error.message)
                changes, pause = {}, _LOOK_AGAIN_AFTER_SECONDS
            except Exception:
                # This task looks for every open page: it must not end, whatever is wrong with one look.
                log.error("a look for live pages failed; it goes on", exc_info=True)
                changes, pause = {}, _LOOK_AGAIN_AFTER_SECONDS
            for job_id, change in changes.items():
                self._known[job_id] = change.revision
                for watcher in self._watchers.get(job_id, ()):
                    watcher.offer(change)
            await asyncio.sleep(pause)


def changed(known: dict[str, int]) -> dict[str, Change]:
    """Those of the jobs whose revision is above the known one, as they are now. One cheap query when none is."""
    with database().read() as session:
        revisions = session.execute(select(Job.id, Job.revision).where(Job.id.in_(known)))
        ids = [row.id for row in revisions if row.revision > known[row.id]]
        if not ids:
            return {}
        query = select(Job).where(Job.id.in_(ids)).options(selectinload(Job.steps), selectinload(Job.server))
        return dict(_shown(list(session.scalars(query))))


def _shown(rows: list[Job]) -> Iterator[tuple[str, Change]]:
    """One job that cannot be shown must not keep the others from being."""
    for row in rows:
        try:
            yield row.id, change_of(row)
        except Exception:
            log.error("the job %s cannot be shown", row.id, exc_info=True)


def change_of(row: Job) -> Change:
    """The row as both kinds of reader get it. Never one text for both."""
    return Change(row.revision, _json(row, staff=True), _json(row, staff=False), row.state.ended)


def _json(row: Job, *, staff: bool) -> str:
    return json.dumps(views.job(row, staff=staff).model_dump(mode="json"))


hub = Hub()
