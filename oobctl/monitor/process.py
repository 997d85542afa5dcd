"""The monitor's process: one thread keeps the store, one says what is read when, and two loops read."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import select

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import Capability
from oobctl.drivers import dead_sessions, loops, slots
from oobctl.errors import ConfigurationError, OobctlError, StoreUnavailable
from oobctl.ids import new_id
from oobctl.jobs import recovery
from oobctl.jobs.heartbeats import Heartbeats, Holders
from oobctl.monitor import ending, servers
from oobctl.monitor.events import Events
from oobctl.monitor.plan import early
from oobctl.monitor.polls import Poll, poll
from oobctl.monitor.servers import Known
from oobctl.monitor.share import Share
from oobctl.monitor.sweep import sweep
from oobctl.monitor.watch import Watch
from oobctl.monitor.writing import Writing
from oobctl.store import Process, Server, database, db_now

log = structlog.get_logger()

_TICK_SECONDS = 0.1
_BEAT_SECONDS = 1.0
_LOOK_SECONDS = 3.0  # how often the list of servers is read
_SESSION_BEAT_SECONDS = 30.0
_SILENT_AT_ONCE = 64  # logins at BMCs that are known to be silent: the others need threads for theirs


class Monitor:
    """One process of kind "monitor". The thread of `run` alone uses the store, save what a reading needs of it."""

    def __init__(self, site_id: str) -> None:
        self.id = f"monitor-{new_id()}"
        self._site_id = site_id
        self._watches: dict[str, Watch] = {}
        self._leaving: dict[str, Watch] = {}  # per server: read no more, and not over yet
        self._writing = Writing()
        self._share = Share(self.id, site_id)
        self._events = Events(self.id, site_id)
        self._swept: set[str] = set()  # the BMCs that are being read beside their power: one reading each
        self._due = {"beat": 0.0, "look": 0.0, "sessions": 0.0}
        self._heartbeats = Heartbeats()
        self._holders = Holders(self.id, site_id)
        self._beaten = 0.0
        self._away = False  # the database is, as far as we know

    def run(self, stop: threading.Event) -> None:
        """Raises ConfigurationError where the settings of its listener are wrong, and what a defect of ours raises."""
        self._events.open()
        recovery.beat(self.id, "monitor", self._site_id, first=True)
        self._beaten = time.monotonic()
        log.info("the monitor is ready", monitor=self.id)
        planning = threading.Thread(target=self._plan, args=(stop,), name="plan", daemon=True)
        planning.start()
        try:
            while not stop.wait(_TICK_SECONDS):
                try:
                    self._tick()
                except StoreUnavailable as error:
                    self._wait_for_store(error)
                except OobctlError as error:
                    log.error("the monitor met a problem and goes on", because=error.message)
        finally:
            stop.set()  # a defect ends it too: a process that stands still is not started again by anybody
            planning.join()
            self._end()

    def _tick(self) -> None:
        if self._is_due("beat", _BEAT_SECONDS):
            self._beat()
        if self._is_due("look", _LOOK_SECONDS):
            self._reap()
            self._look()
            slots.look_all(self.id)
            self._holders.look()
        if self._is_due("sessions", _SESSION_BEAT_SECONDS):
            slots.beat_all(self.id)
        self._writing.write()

    def _wait_for_store(self, error: StoreUnavailable) -> None:
        """It said so, or was silent for too long; what is read meanwhile waits in memory."""
        if not self._away:
            log.warning("the monitor waits for the database", because=error.message)
        self._away = True
        self._heartbeats.forgive()
        self._holders.forgive()
        self._due["sessions"] = 0.0  # they must not look like a dead process's when it is back

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True

    def _beat(self) -> None:
        began = time.monotonic()
        if not recovery.beat(self.id, "monitor", self._site_id):
            self._begin_anew()
        if self._away:
            log.info("the database answers the monitor again")
        self._beaten, self._away = began, False

    def _begin_anew(self) -> None:
        """Another monitor took this one for dead and reads its BMCs: say that it lives, and begin anew."""
        for server_id in list(self._watches):
            self._forget(server_id)
        recovery.beat(self.id, "monitor", self._site_id, first=True)

    # --- which servers

    def _look(self) -> None:
        """Read the list of servers: new ones are read soon, gone or changed ones lose their connection."""
        going = self._share.look()
        rows, moments = servers.found(self.id)
        rows = [row for row in rows if row.bmc_id not in going and row.id not in self._leaving]
        for server_id in self._watches.keys() - {row.id for row in rows}:
            self._forget(server_id)
        self._let_go(going)
        changed = [row for row in rows if self._is_other(row, moments.get(row.id))]
        if changed:
            self._take_up(changed, moments)
        self._hear(rows)

    def _let_go(self, going: set[str]) -> None:
        """BMCs of which this process has nothing under way any more are free for another monitor."""
        self._leaving = {server_id: watch for server_id, watch in self._leaving.items() if not watch.over}
        held = {watch.bmc_id for watch in [*self._leaving.values(), *self._watches.values()]}
        free = going - held - self._swept
        if free:
            self._share.let_go(free)

    def _hear(self, rows: Sequence[Known]) -> None:
        """A job, or the poll of another server behind it, has heard from a BMC: then it is silent no more."""
        heard = {row.bmc_id: row.power_read_at for row in sorted(rows, key=_read_at)}
        for watch in self._watches.values():
            watch.heard(heard.get(watch.bmc_id))

    def _is_other(self, server: Known, since: datetime | None) -> bool:
        watch = self._watches.get(server.id)
        return watch is None or (watch.signature, watch.handed_over) != (server.signature, since)

    def _take_up(self, rows: Sequence[Known], moments: dict[str, datetime]) -> None:
        signatures = {row.id: row.signature for row in rows}
        before = servers.tried(list(signatures))
        fresh = 0
        for row in servers.load(list(signatures)):
            try:
                made = servers.watch(row, signatures[row.id], moments.get(row.id), before, fresh)
                fresh += self._watch(row, made)
            except ConfigurationError as error:  # its profile is missing: that is one server's trouble
                self._forget(row.id)
                self._writing.polls.put(Poll(row.id, clock.now(), None, error.message, error.code))

    def _watch(self, server: Server, renewed: Watch) -> bool:
        """Returns whether the server is new here; what is read of one that is not goes on."""
        watch = self._watches.get(server.id)
        if watch is None:
            self._watches[server.id] = renewed
            return True
        if watch.signature != renewed.signature:
            watch.signature, watch.interval, watch.keep_warm = renewed.signature, renewed.interval, renewed.keep_warm
            watch.bmc_id, watch.answered, watch.next_at, watch.failures = renewed.bmc_id, False, 0.0, 0
            watch.ways, watch.event_ways = renewed.ways, renewed.event_ways
            self._drop(watch)
        watch.plan, watch.handed_over = renewed.plan, renewed.handed_over
        return False

    def _forget(self, server_id: str) -> None:
        """Read it no more."""
        gone = self._watches.pop(server_id, None)
        if gone is None:
            return
        gone.gone = True
        self._leaving[server_id] = gone
        if any(watch.bmc_id == gone.bmc_id for watch in self._watches.values()):
            self._drop(gone)
        else:
            gone.parting = True
            loops.start(gone.loop(Capability.POWER), partial(self._part, gone))

    def _part(self, gone: Watch) -> None:
        try:
            self._events.leave(gone)
        finally:
            gone.drop()
            gone.parting = False

    @staticmethod
    def _drop(watch: Watch) -> None:
        loops.start(watch.loop(Capability.POWER), watch.drop)

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

    def _plan(self, stop: threading.Event) -> None:
        """The planning thread: begins what is due, whatever the store does meanwhile."""
        while not stop.wait(_TICK_SECONDS):
            if not self._may_read():
                continue
            try:
                self._heed_events()
                self._start_polls()
                self._start_sweeps()
            except Exception:
                log.exception("the plan failed; it goes on")

    def _heed_events(self) -> None:
        watches, now = list(self._watches.values()), time.monotonic()
        self._events.look(watches, now)
        self._events.hasten(watches, now)

    def _may_read(self) -> bool:
        """Whether what is ours is surely no other monitor's by now: each BMC is read by one.

        Where the database is away from all, nobody can take anything over, and readings go on.
        """
        sure = settings().dead_after_seconds - _BEAT_SECONDS
        return time.monotonic() - self._beaten < sure or (self._away and self._share.alone)

    def _start_polls(self) -> None:
        """A BMC that does not answer has one probe at a time, whatever the number of its servers."""
        now, watches = time.monotonic(), list(self._watches.values())
        probed = {watch.bmc_id for watch in watches if watch.busy and watch.failures}
        for watch in watches:
            if watch.busy or watch.next_at > now:
                continue
            if watch.failures:
                if watch.bmc_id in probed or len(probed) >= _SILENT_AT_ONCE:
                    continue
                probed.add(watch.bmc_id)
            watch.busy = True
            watch.next_at = now + early(watch.interval)
            loops.start(watch.loop(Capability.POWER), partial(poll, watch, self.id, self._writing.polls))

    def _start_sweeps(self) -> None:
        """One reading at a time per BMC, what waits the longest first. Power comes first; a silent BMC is let be."""
        now, watches = time.monotonic(), list(self._watches.values())
        due = [watch for watch in watches if watch.plan.next_at <= now and watch.may_sweep]
        for watch in sorted(due, key=lambda watch: watch.plan.next_at):
            if watch.bmc_id not in self._swept:
                self._swept.add(watch.bmc_id)
                loops.start(watch.loop(watch.plan.first()), partial(self._sweep, watch, watch.bmc_id))

    def _sweep(self, watch: Watch, bmc_id: str) -> None:
        try:
            sweep(watch, self.id, self._writing.taken)
        finally:
            self._swept.discard(bmc_id)

    # --- the end

    def _end(self) -> None:
        """Log out everywhere and take our row away; no BMC and no database can hold this up for long."""
        watches = [*self._watches.values(), *self._leaving.values()]
        ending.end(self.id, watches, self._events.subscribed(watches), self._events.leave)
        self._events.close()
        log.info("the monitor ended", monitor=self.id)


def _read_at(server: Known) -> float:
    return server.power_read_at.timestamp() if server.power_read_at else 0.0
