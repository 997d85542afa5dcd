"""Keeping the jobs of a site alive: heartbeats, dead workers' jobs, jobs left without an end, due or overdue ones."""

import os
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import delete, or_, select, update

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import ENDED_STATES, Ending, JobState
from oobctl.drivers import dead_sessions, slots
from oobctl.errors import Expired, OobctlError, OutcomeUnknown, StoreUnavailable
from oobctl.jobs import engine, lease, progress, schedule
from oobctl.jobs.action import Find, tag_of
from oobctl.jobs.heartbeats import Heartbeats, Holders
from oobctl.jobs.runner import Runner
from oobctl.store import Job, Process, database, db_now

log = structlog.get_logger()

_BEAT_SECONDS = 1.0
_SWEEP_SECONDS = 3.0
_SESSION_BEAT_SECONDS = 30.0


def beat(
    process_id: str,
    kind: str,
    site_id: str,
    *,
    first: bool = False,
    url: str | None = None,
    launch_url: str | None = None,
) -> bool:
    """Say that a process is alive. False where others took it for dead: it must not go on.

    url, launch_url: where browsers reach it, said at the first. The answer tells the store's time, which this process's
    clock follows.
    """
    with database().write() as session:
        if first:
            session.add(Process(id=process_id, kind=kind, site_id=site_id, seen=0.0, url=url, launch_url=launch_url))
            session.flush()
        seen = update(Process).where(Process.id == process_id).values(seen=db_now()).returning(Process.seen)
        row = session.execute(seen).first()
    if row is None:
        return False
    clock.follow(row[0])
    return True


def leave(process_id: str) -> None:
    """The process ends by itself."""
    with database().write() as session:
        session.execute(delete(Process).where(Process.id == process_id))


class Beating(threading.Thread):
    """Says that this process is alive, whatever else it waits for. A process that was taken for dead ends at once."""

    def __init__(self, process_id: str, kind: str, site_id: str) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.process_id, self.kind, self.site_id = process_id, kind, site_id
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(_BEAT_SECONDS):
            try:
                if not beat(self.process_id, self.kind, self.site_id) and not self._stop_asked.is_set():
                    log.error(
                        "this process was taken for dead and its work was taken over; it ends", it=self.process_id
                    )
                    os._exit(3)
            except OobctlError as error:
                log.warning("the heartbeat waits", because=error.message)
            except Exception:
                log.exception("the heartbeat failed; it goes on")

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(timeout=10)


class Recovery(threading.Thread):
    """Runs in every worker. Whoever deletes a dead worker's row takes over its jobs."""

    def __init__(self, executor: str, site_id: str, find: Find, extra: Callable[[], None]) -> None:
        super().__init__(name="recovery", daemon=True)
        self.executor, self.site_id, self._find, self._extra = executor, site_id, find, extra
        self.runner: Runner | None = None  # until it is there, nothing can be taken over
        self._stop_asked = threading.Event()
        self._heartbeats = Heartbeats()
        self._holders = Holders(executor, site_id)
        self._lost: set[str] = set()

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(timeout=10)

    def run(self) -> None:
        swept = beaten = 0.0
        while not self._stop_asked.wait(_BEAT_SECONDS):
            runner = self.runner
            if runner is None:
                continue
            self._guarded(self._reap)
            self._guarded(self._holders.look)
            if time.monotonic() - beaten > _SESSION_BEAT_SECONDS:
                beaten = time.monotonic()
                self._guarded(slots.beat_all, self.executor)  # a job that waits keeps the session that it shares
            if time.monotonic() - swept > _SWEEP_SECONDS:
                swept = time.monotonic()
                self._guarded(expire, self.site_id, self._find)  # before what is due is queued
                self._guarded(promote, self.site_id)
                self._guarded(self._sweep, runner)
                self._guarded(self._extra)

    def _guarded(self, part: Callable[..., None], *arguments: object) -> None:
        """What goes wrong in one part keeps no other from its work."""
        try:
            part(*arguments)
        except StoreUnavailable as error:
            self._heartbeats.forgive()
            self._holders.forgive()
            log.warning("recovery waits", because=error.message)
        except Exception:
            log.exception("a part of the recovery failed; it goes on")

    def _reap(self) -> None:
        others = select(Process.id, Process.seen, db_now() - Process.seen).where(
            Process.site_id == self.site_id, Process.kind == "worker", Process.id != self.executor
        )
        with database().read() as session:
            rows = [(row[0], row[1], row[2]) for row in session.execute(others)]
        dead = self._heartbeats.dead(rows, settings().dead_after_seconds)
        for process_id in dead:
            # First the jobs, then the row: a reaper that dies in between leaves the row to the next one.
            engine.recover([process_id])
            dead_sessions.close_all_of(process_id)
            leave(process_id)
            log.warning("a worker died; its jobs go on here", worker=process_id)

    def _sweep(self, runner: Runner) -> None:
        """Every open job is somebody's: one that is over gets its end and its outcome record, a lost one goes on."""
        running = runner.running()
        with database().read() as session:
            found = session.scalars(
                select(Job.id).where(Job.site_id == self.site_id, Job.state.not_in([*ENDED_STATES, JobState.SCHEDULED]))
            ).all()
        flows = [flow for flow in engine.flows(list(found)) if flow.job_id not in running]
        with database().read() as session:  # after the flows: who took one then and is not there now has ended
            alive = set(session.scalars(select(Process.id).where(Process.kind == "worker")))
        for flow in flows:
            if flow.over:
                self._guarded(self._interrupt, flow.job_id)
        engine.recover(sorted({flow.executor for flow in flows if flow.executor and flow.executor not in alive}))
        lost = {flow.job_id for flow in flows if flow.executor == self.executor}
        for job_id in lost & self._lost:  # twice: the first time it may be about to begin
            engine.again(job_id, self.site_id)
        self._lost = lost

    def _interrupt(self, job_id: str) -> None:
        with database().write() as session:
            job = session.get_one(Job, job_id, with_for_update=True)
            if job.state in ENDED_STATES:
                return
            error = OutcomeUnknown(
                f"The worker that carried out {job.action} ended before it could say what came of it. "
                "Look at the server, then start a new action if it is needed."
            )
            progress.end(
                session,
                job,
                JobState.NEEDS_ATTENTION,
                tag=tag_of(self._find, job.action),
                how=Ending.INTERRUPTED,
                error=error,
            )
            lease.take_away(session, job_id)


def expire(site_id: str, find: Find) -> None:
    """End the jobs that have waited too long for their turn, whether in the queue or for their server."""
    oldest = clock.now() - schedule.allowed_wait()
    waiting = select(Job.id).where(
        Job.site_id == site_id,
        Job.state.in_([JobState.SCHEDULED, JobState.QUEUED]),
        Job.started_at.is_(None),
        Job.created_at < oldest,
        or_(Job.not_before.is_(None), Job.not_before < oldest),
    )
    with database().read() as session:
        ids = session.scalars(waiting).all()
    for job_id in ids:
        _expire(job_id, find)


def _expire(job_id: str, find: Find) -> None:
    with database().write() as session:
        job = session.get_one(Job, job_id, with_for_update=True)
        if job.state in ENDED_STATES or job.started_at is not None:
            return  # it was taken just now: the worker decides
        try:
            schedule.check_age(job)
        except Expired as error:
            progress.end(session, job, JobState.FAILED, tag=tag_of(find, job.action), how=Ending.FAILED, error=error)
            lease.give_back(session, job_id)


def promote(site_id: str) -> None:
    """Queue the scheduled jobs that are due, where nothing else has their server."""
    due = select(Job.id).where(
        Job.site_id == site_id,
        Job.state == JobState.SCHEDULED,
        or_(Job.not_before.is_(None), Job.not_before <= clock.now()),
    )
    with database().read() as session:
        ids = session.scalars(due.order_by(Job.not_before)).all()
    for job_id in ids:
        _promote(job_id)


def _promote(job_id: str) -> None:
    with database().write() as session:
        job = session.get_one(Job, job_id, with_for_update=True)
        if job.state != JobState.SCHEDULED:
            return
        holder = lease.claim(session, lease.keys(session, job.lock, job.server), job.id)
        if holder is None:
            job.state, job.waits_for, job.revision = JobState.QUEUED, None, job.revision + 1
            engine.enqueue(session, job)
            return
        session.rollback()
