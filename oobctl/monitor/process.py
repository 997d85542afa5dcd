"""The monitor's process: one thread plans and writes, others wait for BMCs."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog
from sqlalchemy import select

from oobctl import clock
from oobctl.config import settings
from oobctl.drivers import dead_sessions, slots
from oobctl.errors import ConfigurationError, OobctlError, StoreUnavailable
from oobctl.ids import new_id
from oobctl.jobs import recovery
from oobctl.jobs.heartbeats import Heartbeats, Holders
from oobctl.monitor import ending, servers
from oobctl.monitor.plan import early
from oobctl.monitor.polls import Poll, poll
from oobctl.monitor.sweep import sweep
from oobctl.monitor.watch import Watch, signature_of
from oobctl.monitor.writing import Writing
from oobctl.store import Process, Server, database, db_now

log = structlog.get_logger()

_TICK_SECONDS = 0.2
_BEAT_SECONDS = 1.0
_LOOK_SECONDS = 3.0  # how often the list of servers is read
_SESSION_BEAT_SECONDS = 30.0
_ANSWERING_THREADS = 256  # made when needed: a BMC that falls silent keeps one busy, once
_SILENT_THREADS = 32  # those known to be silent wait among themselves
_SWEEPING_THREADS = 256  # a slow BMC keeps one busy for as long as it takes


class Monitor:
    """One process of kind "monitor". The thread of `run` plans and writes; others wait for BMCs."""

    def __init__(self, site_id: str) -> None:
        self.id = f"monitor-{new_id()}"
        self._site_id = site_id
        self._watches: dict[str, Watch] = {}
        self._writing = Writing()
        self._answering = ThreadPoolExecutor(_ANSWERING_THREADS, "poll")
        self._silent = ThreadPoolExecutor(_SILENT_THREADS, "poll-silent")
        self._sweeping = ThreadPoolExecutor(_SWEEPING_THREADS, "sweep")
        self._swept: set[str] = set()  # the BMCs that are being read beside their power: one reading each
        self._due = {"beat": 0.0, "look": 0.0, "sessions": 0.0}
        self._heartbeats = Heartbeats()
        self._holders = Holders(self.id, site_id)

    def run(self, stop: threading.Event) -> None:
        recovery.beat(self.id, "monitor", self._site_id, first=True)
        log.info("the monitor is ready", monitor=self.id)
        try:
            while not stop.wait(_TICK_SECONDS):
                try:
                    self._tick()
                except StoreUnavailable as error:
                    self._heartbeats.forgive()
                    self._holders.forgive()
                    self._due["sessions"] = 0.0  # they must not look like a dead process's when it is back
                    log.warning("the monitor waits for the database", because=error.message)
                except OobctlError as error:
                    log.error("the monitor met a problem and goes on", because=error.message)
        finally:
            self._end()

    def _tick(self) -> None:
        if self._is_due("beat", _BEAT_SECONDS) and not recovery.beat(self.id, "monitor", self._site_id):
            self._begin_anew()
        if self._is_due("look", _LOOK_SECONDS):
            self._look()
            self._reap()
            self._holders.look()
        if self._is_due("sessions", _SESSION_BEAT_SECONDS):
            slots.beat_all(self.id)
        self._start_polls()
        self._start_sweeps()
        self._writing.write()

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True

    def _begin_anew(self) -> None:
        """Another monitor took this one for dead and ended its sessions: say that it lives, and log in again."""
        recovery.beat(self.id, "monitor", self._site_id, first=True)
        for watch in self._watches.values():
            self._silent.submit(watch.drop)

    # --- which servers

    def _look(self) -> None:
        """Read the list of servers: new ones are read soon, gone or changed ones lose their connection."""
        rows, moments = servers.found(self._site_id)
        for server_id in self._watches.keys() - {row.id for row in rows}:
            self._forget(server_id)
        changed = [row for row in rows if self._is_other(row, moments.get(row.id))]
        if changed:
            self._take_up(changed, moments)
        self._hear(rows)

    def _hear(self, rows: Sequence[Server]) -> None:
        """A job, or the poll of another server behind it, has heard from a BMC: then it is silent no more."""
        heard = {row.bmc_id: row.power_read_at for row in sorted(rows, key=_read_at)}
        for watch in self._watches.values():
            watch.heard(heard.get(watch.bmc_id))

    def _is_other(self, server: Server, since: datetime | None) -> bool:
        watch = self._watches.get(server.id)
        return watch is None or (watch.signature, watch.handed_over) != (signature_of(server), since)

    def _take_up(self, rows: Sequence[Server], moments: dict[str, datetime]) -> None:
        before = servers.tried([row.id for row in rows])
        fresh = 0
        for row in rows:
            try:
                fresh += self._watch(row, servers.watch(row, moments.get(row.id), before, fresh))
            except ConfigurationError as error:  # its profile is missing: that is one server's trouble
                self._forget(row.id)
                self._writing.polls.put(Poll(row.id, clock.now(), None, error.message))

    def _watch(self, server: Server, renewed: Watch) -> bool:
        """Returns whether the server is new here; what is read of one that is not goes on."""
        watch = self._watches.get(server.id)
        if watch is None:
            self._watches[server.id] = renewed
            return True
        if watch.signature != renewed.signature:
            watch.signature, watch.interval, watch.keep_warm = renewed.signature, renewed.interval, renewed.keep_warm
            watch.bmc_id, watch.answered, watch.next_at, watch.failures = renewed.bmc_id, False, 0.0, 0
            self._silent.submit(watch.drop)
        watch.plan, watch.handed_over = renewed.plan, renewed.handed_over
        return False

    def _forget(self, server_id: str) -> None:
        """Read it no more."""
        gone = self._watches.pop(server_id, None)
        if gone is not None:
            gone.gone = True
            self._silent.submit(gone.drop)

    def _reap(self) -> None:
        """Monitors of this site that died leave a row and sessions: both are cleared up by the next one."""
        others = select(Process.id, Process.seen, db_now() - Process.seen).where(
            Process.site_id == self._site_id, Process.kind == "monitor", Process.id != self.id
        )
        with database().read() as session:
            rows = [(row[0], row[1], row[2]) for row in session.execute(others)]
        for process_id in self._heartbeats.dead(rows, settings().dead_after_seconds):
            dead_sessions.close_all_of(process_id)
            recovery.leave(process_id)

    # --- reading

    def _start_polls(self) -> None:
        """A BMC that does not answer has one probe at a time, whatever the number of its servers."""
        now = time.monotonic()
        probed = {watch.bmc_id for watch in self._watches.values() if watch.busy and watch.failures}
        for watch in self._watches.values():
            if watch.busy or watch.next_at > now or (watch.failures and watch.bmc_id in probed):
                continue
            if watch.failures:
                probed.add(watch.bmc_id)
            watch.busy = True
            watch.next_at = now + early(watch.interval)
            pool = self._silent if watch.silent else self._answering
            pool.submit(poll, watch, self.id, self._writing.polls)

    def _start_sweeps(self) -> None:
        """One reading at a time per BMC, what waits the longest first. Power comes first; a silent BMC is let be."""
        now = time.monotonic()
        due = [watch for watch in self._watches.values() if watch.may_sweep and watch.plan.next_at <= now]
        for watch in sorted(due, key=lambda watch: watch.plan.next_at):
            if watch.bmc_id not in self._swept:
                self._swept.add(watch.bmc_id)
                self._sweeping.submit(self._sweep, watch, watch.bmc_id)

    def _sweep(self, watch: Watch, bmc_id: str) -> None:
        try:
            sweep(watch, self.id, self._writing.taken)
        finally:
            self._swept.discard(bmc_id)

    # --- the end

    def _end(self) -> None:
        """Log out everywhere and take our row away; no BMC and no database can hold this up for long."""
        for pool in (self._answering, self._silent, self._sweeping):
            pool.shutdown(wait=False, cancel_futures=True)
        ending.end(self.id, self._watches.values())
        log.info("the monitor ended", monitor=self.id)


def _read_at(server: Server) -> float:
    return server.power_read_at.timestamp() if server.power_read_at else 0.0
