"""Carrying jobs out in the test's own process, by the worker's own code: for tests of what an action does at a BMC."""

from typing import Any

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.jobs.run import Run
from oobctl.jobs.runner import Runner, StepResult
from oobctl.store import Job, database


def carry_out(action: str, server_id: str, **parameters: Any) -> Job:
    """Submit an action and carry all of its steps out. Returns the job at its end, its steps with it."""
    return carried_out(control.submit(SYSTEM, action, server_id, parameters).id)


def carried_out(job_id: str) -> Job:
    """As `carry_out`, of a job that was submitted."""
    runner, run = begin(job_id)
    try:
        end(runner, run, 0)
    finally:
        runner.close(run)
    return job(job_id)


def begin(job_id: str, executor: str = "worker-test") -> tuple[Runner, Run]:
    """A worker that has taken the job; `runner.close(run)` in the end."""
    runner = Runner(executor, control.find)
    run = runner.start(job_id)
    assert run is not None, job(job_id).error
    return runner, run


def end(runner: Runner, run: Run, position: int) -> None:
    """The steps from that position on, and the job's end."""
    result: StepResult = {}
    for number in range(position, len(run.action.steps)):
        result = runner.step(run.owner, number)
        if "error" in result:
            break
    runner.finish(run.owner, result)


def job(job_id: str) -> Job:
    with database().read() as session:
        found = session.get_one(Job, job_id)
        _ = found.steps
    return found
