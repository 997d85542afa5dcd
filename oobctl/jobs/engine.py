"""DBOS: the durable workflow that carries a job out, its queue per site, and how a job gets into it."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dbos import DBOS, DBOSClient, EnqueueOptions
from dbos import DBOSPortableJSONSerializer as PortableJSON
from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl.config import settings
from oobctl.errors import LeaseLost
from oobctl.jobs import engine_log
from oobctl.jobs.action import Find
from oobctl.jobs.run import Run
from oobctl.jobs.runner import Runner, StepResult
from oobctl.store import Job, database

_WORKFLOW = "run_job"
_APPLICATION_VERSION = "1"
"""Raised when a change makes unfinished workflows of an older release unfit to go on."""
_WORKERS_JOBS = 200
"""Most of them wait for hardware: a hundred patient jobs must not keep another customer's reset waiting."""
_OUTCOMES_SECONDS = 2.0

_OVER = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})

_runner: Runner | None = None


def migrate() -> None:
    """Make or upgrade DBOS's own tables, in the same database as ours."""
    DBOS.migrate(database().url)


def enqueue(session: Session, job: Job) -> None:
    """Put a job into its site's queue, in the caller's transaction: both are there, or neither is."""
    options: EnqueueOptions = {
        "workflow_name": _WORKFLOW,
        "queue_name": queue_of(job.site_id),
        "workflow_id": job.id,
        "app_version": _APPLICATION_VERSION,
    }
    session.flush()
    _client(database().url).enqueue_in_transaction(session.connection(), options, job.id)


def queue_of(site_id: str) -> str:
    return f"site-{site_id}"


@lru_cache(maxsize=4)
def _client(url: str) -> DBOSClient:
    return DBOSClient(system_database_url=url, serializer=PortableJSON(), lazy=True)


def launch(site_id: str, executor: str, find: Find) -> Runner:
    """Start to carry out the jobs of a site in this process."""
    global _runner
    _runner = Runner(executor, find)
    engine_log.adopt()
    DBOS(
        config={
            "name": "oobctl",
            "system_database_url": database().url,
            "executor_id": executor,
            "application_version": _APPLICATION_VERSION,
            "serializer": PortableJSON(),
            "log_level": "WARNING",
            "max_executor_threads": _WORKERS_JOBS + 8,
            "scheduler_polling_interval_sec": 30.0,
            "run_migrations": False,
        }
    )
    try:
        DBOS.listen_queues([queue_of(site_id)])
        DBOS.launch()
        DBOS.register_queue(
            queue_of(site_id),
            worker_concurrency=_WORKERS_JOBS,
            polling_interval_sec=settings().worker_poll_seconds,
            on_conflict="always_update",
        )
    except BaseException:
        DBOS.destroy()
        _runner = None
        raise
    return _runner


def stop(seconds: float = 3.0) -> None:
    """Take no more jobs. Those that run stop between two sends and go to another worker at once."""
    if _runner is None:
        return
    _runner.stop(seconds)
    _wait_for_outcomes(_runner)
    DBOS.destroy()
    with database().read() as session:
        left = session.execute(select(Job.id, Job.site_id).where(Job.id.in_(_runner.unfinished()))).all()
    for job_id, site_id in left:
        _client(database().url).resume_workflow(job_id, queue_name=queue_of(site_id))


def _wait_for_outcomes(runner: Runner) -> None:
    """Let DBOS note the end of the workflows whose jobs have ended just now."""
    until = time.monotonic() + _OUTCOMES_SECONDS
    while time.monotonic() < until:
        mine = DBOS.list_workflows(
            executor_id=runner.executor, status="PENDING", load_input=False, load_output=False, limit=_WORKERS_JOBS
        )
        if all(status.workflow_id in runner.unfinished() for status in mine):
            return
        time.sleep(0.05)


def recover(executors: list[str]) -> None:
    """Make the unfinished jobs of dead workers eligible again. DBOS sells this as Conductor; the call is private."""
    DBOS._recover_pending_workflows(executors)


def again(job_id: str, site_id: str) -> None:
    """Queue a job again that this process took and does not carry out."""
    DBOS.resume_workflow(job_id, queue_name=queue_of(site_id))


@dataclass(frozen=True)
class Flow:
    """A job's workflow: whether it has come to its end, or which worker took it (None: it waits in its queue)."""

    job_id: str
    over: bool
    executor: str | None


def flows(job_ids: list[str]) -> list[Flow]:
    """Where the jobs' workflows stand."""
    found = DBOS.list_workflows(workflow_ids=job_ids, load_input=False, load_output=False) if job_ids else []
    return [
        Flow(status.workflow_id, status.status in _OVER, status.executor_id if status.status == "PENDING" else None)
        for status in found
    ]


@DBOS.workflow(name=_WORKFLOW)
def run_job(job_id: str) -> str:
    """One job. Runs again from its start after a crash; steps whose result was kept are not run again."""
    runner = _of_this_process()
    try:
        run = runner.start(job_id)
        if run is None:
            return "ended already"
        try:
            _all_steps(run)
        finally:
            runner.close(run)
    except LeaseLost:
        return "taken over"
    return "ended"


def _all_steps(run: Run) -> None:
    result: StepResult = {}
    for position in range(len(run.action.steps)):
        result = _step(run.owner, position)
        if "error" in result:
            break
    _finish(run.owner, result)


@DBOS.step(name="step")
def _step(owner: str, position: int) -> dict[str, Any]:
    return _of_this_process().step(owner, position)


@DBOS.step(name="finish")
def _finish(owner: str, result: dict[str, Any]) -> None:
    _of_this_process().finish(owner, result)


def _of_this_process() -> Runner:
    if _runner is None:
        raise LeaseLost("This process carries out no jobs.")
    return _runner
