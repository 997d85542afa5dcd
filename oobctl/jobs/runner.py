"""Carrying one job out: its steps in order, each result kept, and an end that is always written."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import structlog
from pydantic import ValidationError

from oobctl import profiles
from oobctl.access import Actor
from oobctl.consoles.recording import pictures
from oobctl.constants import Ending, JobState, Lock, Outcome, StepState
from oobctl.errors import (
    BmcRefused,
    JobCancelled,
    LeaseLost,
    NotSupported,
    OobctlError,
    OutcomeUnknown,
    StoreUnavailable,
    WrongState,
)
from oobctl.jobs import admission, lease, progress
from oobctl.jobs.action import Action, Find, Skipped, Step, tag_of
from oobctl.jobs.run import Acted, Run, WorkerStops
from oobctl.store import Job, JobStep, database

log = structlog.get_logger()

StepResult = dict[str, Any]

T = TypeVar("T")

_LEASE_AGAIN_SECONDS = 0.5
_WRITE_AGAIN_SECONDS = 600.0


class Runner:
    """Runs jobs for one worker process. `find` gives the action of a name: jobs itself knows none."""

    def __init__(self, executor: str, find: Find) -> None:
        self.executor = executor
        self._find = find
        self._numbers = itertools.count(1)
        self._runs: dict[str, Run] = {}  # by their owner
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._left: set[str] = set()

    def start(self, job_id: str) -> Run | None:
        """Take the job over and wait until nothing of an earlier run can be under way. None where it has ended.

        Raises LeaseLost, WorkerStops. What it returns is to be closed.
        """
        number = next(self._numbers)
        run = self._patiently(job_id, lambda: self._take_over(job_id, number))
        if run is None:
            return None
        with self._guard:
            self._runs[run.owner] = run
            if self._stopping.is_set():
                run.stopping.set()
        try:
            self._wait_for_lease(run)
        except BaseException:
            self.close(run)
            raise
        return run

    def _take_over(self, job_id: str, number: int) -> Run | None:
        owner = f"{self.executor}/{number}"
        if not progress.take_over(job_id, owner):
            return None
        with database().read() as session:  # what an earlier run wrote last: it can write no more
            job = session.get_one(Job, job_id)
            try:
                action = self._find(job.action)
                run = self._prepare(job, action, number)
                if all(step.started_at is None for step in job.steps):
                    admission.check_again(session, job, action)
            except (LeaseLost, StoreUnavailable):
                raise
            except OobctlError as error:
                failed = error
            except ValidationError as error:
                failed = WrongState(
                    f"This release does not know the job's parameters any more: {error.errors()[0]['msg']}."
                )
            else:
                return run
        self._end_before_it_began(job_id, owner, failed)
        return None

    def _prepare(self, job: Job, action: Action, number: int) -> Run:
        run = Run(
            Acted(job.id, job.server_id, job.server.name, Actor.from_json(job.actor).is_staff),
            action,
            action.parameters.model_validate(job.parameters),
            profiles.find(job.server.bmc.profile).for_firmware(job.server.bmc.firmware),
            self.executor,
            number,
        )
        _restore(run, job)
        return run

    def _end_before_it_began(self, job_id: str, owner: str, error: OobctlError) -> None:
        """Nothing can be carried out: the profile is missing, the action unknown, or it is not allowed any more."""
        with database().write() as session:
            job = progress.own(session, job_id, owner)
            sent = any(step.sent_at for step in job.steps)
            state, how = (
                (JobState.NEEDS_ATTENTION, Ending.NEEDS_ATTENTION) if sent else (JobState.FAILED, Ending.FAILED)
            )
            progress.end(session, job, state, tag=tag_of(self._find, job.action), how=how, error=error)
            lease.give_back(session, job_id)

    def _wait_for_lease(self, run: Run) -> None:
        if run.action.lock == Lock.NONE:
            return
        since, said = time.monotonic(), False
        job_id, words = run.acted.job_id, "until nothing that an earlier worker sent can be under way"
        while not self._patiently(job_id, lambda: lease.acquire(job_id, run.holder, time.monotonic() - since)):
            if not said:
                self._patiently(job_id, lambda: progress.waits_for(job_id, run.owner, words))
                said = True
            if run.stopping.wait(_LEASE_AGAIN_SECONDS):
                self._stop_here(job_id)

    def step(self, owner: str, position: int) -> StepResult:
        """Carry one step out. What went wrong with the BMC is no exception but the result.

        A database that is away stops the step; it runs again, from its reading, when the database is back. What came
        of it is kept until it could be written.
        """
        run = self._runs[owner]
        job_id = run.acted.job_id
        said, result = self._patiently(job_id, lambda: self._carry_out(run, position))
        if said is not None:
            self._patiently(job_id, lambda: self._keep(run, position, said, result))
        _restore_from(run, result)
        return result

    def _carry_out(self, run: Run, position: int) -> tuple[str | None, StepResult]:
        """What was done, in words, and its result; no words where an earlier run did it."""
        run.position, run.acted_before = position, run.acted_already
        step = run.action.steps[position]
        if run.stopping.is_set():
            self._stop_here(run.acted.job_id)
        try:
            row = progress.begin_step(run.acted.job_id, run.owner, position, may_stop=run.may_stop_before(position))
            if row.result is not None:
                return None, row.result
            run.sent_before = row.sent_at is not None
            if step.is_once(run.profile) and row.sent_at is not None:
                raise _interrupted(run, step)
            said = step.run(run)
            return said, {"outcome": str(run.outcome), "acted": run.acted_already}
        except (LeaseLost, StoreUnavailable):
            raise
        except OobctlError as error:
            return error.message, _failure(run, error)
        except WorkerStops:
            self._stop_here(run.acted.job_id)
        except Exception as error:  # a defect of ours must not leave a job without an end
            log.exception("step failed", job=run.acted.job_id, step=step.name)
            said = f"oobctl itself failed in the step {step.name} ({type(error).__name__})."
            return said, _failure(run, OobctlError(said))

    def _keep(self, run: Run, position: int, said: str, result: StepResult) -> None:
        run.settle()
        progress.end_step(
            run.acted.job_id, run.owner, position, detail=said, evidence=run.evidence, result=result,
            skipped=isinstance(said, Skipped),
        )  # fmt: skip

    def finish(self, owner: str, result: StepResult) -> None:
        """Write the job's end and its outcome record, and give the lease back. The database may be away for a while."""
        run = self._runs[owner]
        if "error" in result and run.action.unwind is not None:
            result = self._patiently(run.acted.job_id, lambda: self._unwind(run, result))
        self._patiently(run.acted.job_id, lambda: self._finish(run, result))

    def _unwind(self, run: Run, result: StepResult) -> StepResult:
        """Put right what the steps began. Where that fails a person has to look, whatever the job's own end was."""
        run.unwinding = True
        assert run.action.unwind is not None
        error = result["error"]
        try:
            said, how = run.action.unwind(run), result["how"]
        except (LeaseLost, StoreUnavailable):
            raise
        except OobctlError as failed:
            said, how = f"It could not be put right: {failed.message}", Ending.NEEDS_ATTENTION
        except WorkerStops:
            self._stop_here(run.acted.job_id)
        except Exception as failed:  # a defect of ours must not leave a job without an end
            log.exception("unwinding failed", job=run.acted.job_id)
            said, how = f"oobctl itself failed to put it right ({type(failed).__name__}).", Ending.NEEDS_ATTENTION
        run.settle()
        return {**result, "how": how, "error": {**error, "message": f"{error['message']} {said}".strip()}}

    def _patiently(self, job_id: str, work: Callable[[], T]) -> T:
        """Try again while the database is away. Raises StoreUnavailable after some minutes, WorkerStops."""
        until = time.monotonic() + _WRITE_AGAIN_SECONDS
        while True:
            try:
                return work()
            except StoreUnavailable:
                if time.monotonic() > until:
                    raise
            if self._stopping.wait(1.0):
                self._stop_here(job_id)

    def _stop_here(self, job_id: str) -> NoReturn:
        with self._guard:
            self._left.add(job_id)
        raise WorkerStops

    def _finish(self, run: Run, result: StepResult) -> None:
        with database().write() as session:
            job = progress.own(session, run.acted.job_id, run.owner)
            error = result.get("error")
            if error is None:
                progress.end(
                    session, job, JobState.SUCCEEDED, tag=run.action.tag, how=result["outcome"],
                    outcome=result["outcome"], evidence=run.evidence,
                )  # fmt: skip
            else:
                state = JobState.NEEDS_ATTENTION if result["how"] == Ending.INTERRUPTED else JobState(result["how"])
                failure = OobctlError(error["message"], **error["details"])
                failure.code, failure.retryable = error["code"], result["retryable"]
                progress.end(
                    session, job, state, tag=run.action.tag, how=result["how"], error=failure, evidence=run.evidence
                )
                if run.action.lock is Lock.SERVER and state in {JobState.FAILED, JobState.NEEDS_ATTENTION}:
                    pictures.ask_where_failed(session, job)
            lease.give_back(session, job.id)

    def close(self, run: Run) -> None:
        """Log out at the BMC and forget the run."""
        with self._guard:
            self._runs.pop(run.owner, None)
        run.disconnect()

    def running(self) -> set[str]:
        """The jobs that this process carries out now."""
        with self._guard:
            return {run.acted.job_id for run in self._runs.values()}

    def stop(self, seconds: float) -> None:
        """Stop all runs between two sends, and wait so long for it."""
        self._stopping.set()
        with self._guard:
            for run in self._runs.values():
                run.stopping.set()
        until = time.monotonic() + seconds
        while self.running() and time.monotonic() < until:
            time.sleep(0.02)

    def unfinished(self) -> set[str]:
        """After `stop`: the jobs that another worker has to go on with."""
        with self._guard:
            return self._left | {run.acted.job_id for run in self._runs.values()}


def _restore(run: Run, job: Job) -> None:
    """A run that goes on after another one: where it was, its evidence, its outcome, and whether anything was sent."""
    run.evidence = dict(job.evidence or {})
    run.acted_already = any(step.sent_at for step in job.steps) or _past_no_return(run.action, job.steps)
    run.position = max((step.position for step in job.steps if step.started_at is not None), default=0)
    for step in job.steps:
        _restore_from(run, step.result or {})


def _restore_from(run: Run, result: StepResult) -> None:
    run.outcome = Outcome(result.get("outcome", run.outcome))
    run.acted_already = run.acted_already or bool(result.get("acted"))


def _failure(run: Run, error: OobctlError) -> StepResult:
    return {
        "error": {"code": error.code, "message": error.message, "details": error.details},
        "retryable": error.retryable,
        "how": _how(run, error),
        "acted": run.acted_already,
    }


def _past_no_return(action: Action, steps: list[JobStep]) -> bool:
    if action.no_return is None:
        return False
    return any(step.name == action.no_return and step.state != StepState.PENDING for step in steps)


def _how(run: Run, error: OobctlError) -> str:
    """The job's end after an error: `failed`, or, where the server may be half way, one that a person looks at."""
    if isinstance(error, JobCancelled):
        return Ending.CANCELLED
    if isinstance(error, OutcomeUnknown):
        return Ending.INTERRUPTED if error.details.get("interrupted") else Ending.NEEDS_ATTENTION
    if error.details.get("alarm"):
        return Ending.NEEDS_ATTENTION  # whatever became of this server, somebody has to look
    if not run.half_way:
        return Ending.FAILED
    refused = isinstance(error, BmcRefused | NotSupported) or error.details.get("sent") is False
    first = run.action.steps[run.position].name == run.action.no_return or not run.acted_before
    if refused and first and not run.sent_before:
        return Ending.FAILED  # the BMC said no to the first command, or never got it: nothing has changed
    return Ending.NEEDS_ATTENTION


def _interrupted(run: Run, step: Step) -> OutcomeUnknown:
    """Something ended the step after the command may have gone out: it is not sent again; what can be read is read."""
    last_read = "nothing could be read since"
    try:
        last_read = f"power was then read as {run.read_power('after')}"
    except OobctlError as error:
        last_read = f"the BMC could not be read since ({error.message})"
    return OutcomeUnknown(
        f"The step {step.name} of {run.action.name} was interrupted (its worker died, or the database went away), and "
        f"the command may have reached {run.name}. It is not sent again; {last_read}. "
        "Look at the server, then start a new action if it is needed.",
        last_read=last_read,
        interrupted=True,
    )
