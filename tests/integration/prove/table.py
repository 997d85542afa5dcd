"""One row of the kill table: a job on each server, a worker that dies at a point, a fresh one, and what came of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from oobctl.constants import ENDED_STATES, JobState, PowerState
from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from oobctl.store import Job, Lease, database
from tests.installation import Installation, eventually, steps_of
from tests.integration.prove.killer import Point
from tests.processes import OwnProcess

DIES_WITHIN = 60.0
ENDS_WITHIN = 120.0


@dataclass
class Row:
    """What one job came to."""

    server: str
    job: Job
    commands: list[dict[str, Any]]
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        sent = ", ".join(f"{entry['source']}: {entry['command']}" for entry in self.commands) or "nothing"
        outcome = f" ({self.job.outcome})" if self.job.outcome else ""
        return f"{self.server:6} {self.job.state}{outcome}; the chassis got: {sent}"


class Table:
    """Rounds on one installation and one rack. Between two rounds no worker runs."""

    def __init__(self, installation: Installation, rack: RackInfo) -> None:
        self.installation, self.rack = installation, rack
        self.rows: list[Row] = []

    def round(
        self, point: Point, action: str, parameters: Mapping[str, Any] | None = None, names: Sequence[str] = ()
    ) -> list[Row]:
        """Submit the action on all servers (or those named), let the worker die, let a fresh one go on."""
        names = names or list(self.rack.servers)
        before = {name: len(self.rack.servers[name].commands()) for name in names}
        ended = killed(self.installation, point, action, parameters, names)
        rows = [Row(name, job, self.rack.servers[name].commands()[before[name] :]) for name, job in ended.items()]
        for row in rows:
            row.problems += of_any_job(self.installation, row.job)
            print(f"    {row}")
        self.rows += rows
        return rows


def killed(
    installation: Installation,
    point: Point,
    action: str,
    parameters: Mapping[str, Any] | None,
    names: Sequence[str],
    *,
    by: str = "customer",
    between: Callable[[], object] = lambda: None,
) -> dict[str, Job]:
    """Submit the action on the servers, let the worker die at the point, a fresh one go on; the jobs as they ended.

    between: called while no worker lives.
    """
    doomed = installation.run_python(point.arguments(), name="doomed")
    try:
        doomed.wait_said("the worker is ready")
        jobs = {name: installation.submit(action, name, parameters, by=by) for name in names}
        assert doomed.wait_ended(DIES_WITHIN) == -9, f"it did not die at {point}: {doomed.output[-3000:]}"
    finally:
        doomed.kill()  # one that lives on would take the next round's jobs
    between()
    began = time.monotonic()
    fresh = installation.start_worker()
    ended = {name: installation.wait(job.id, ENDS_WITHIN) for name, job in jobs.items()}
    took = time.monotonic() - began
    eventually(_nothing_is_open, ENDS_WITHIN)  # an override that expires meanwhile is cleared by a job of oobctl's own
    fresh.terminate()
    assert fresh.wait_ended() == 0, fresh.output[-3000:]
    print(f"\n{action}: killed at {point} on {point.server}; ended {took:.1f} s later")
    return ended


def _nothing_is_open() -> bool:
    over = [*ENDED_STATES, JobState.SCHEDULED]
    with database().read() as session:
        return session.scalar(select(Job.id).where(Job.state.not_in(over)).limit(1)) is None


def of_any_job(installation: Installation, job: Job) -> list[str]:
    """What does not hold, and has to for every job that ended: its records, its lease, its steps."""
    kinds = [record.kind for record in installation.records(job.id)]
    problems = []
    if sorted(kinds) != ["intent", "outcome"]:
        problems.append(f"its records are {kinds}")
    with database().read() as session:
        kept = session.scalars(select(Lease.key).where(Lease.job_id == job.id)).all()
    if kept:
        problems.append(f"it still has the lease {kept}")
    unfinished = [step.name for step in job.steps if step.state in {"pending", "running"}]
    if unfinished:
        problems.append(f"steps without an end: {unfinished}")
    return problems


def frozen(process: OwnProcess) -> bool:
    """Whether it stands still (proc(5), state T)."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def boot(rack: RackInfo, names: Sequence[str]) -> None:
    """Start the machines anew and wait until their operating systems run: only these hear a request to shut down."""
    marks = {}
    for name in names:
        virtual_rack.command(rack.home, name, "power-off")
        log = rack.servers[name].serial_log
        marks[name] = log.stat().st_size if log.exists() else 0
        virtual_rack.command(rack.home, name, "power-on")
    for name, mark in marks.items():
        eventually(partial(_is_up, rack.servers[name].serial_log, mark), 120)


def _is_up(log: Path, since: int) -> bool:
    return b" is up, booted by" in log.read_bytes()[since:]


def transitions(row: Row) -> list[str]:
    """The power-offs and power-ons that changed something, counted by the chassis itself, from On."""
    state, changes = PowerState.ON, []
    for entry in row.commands:
        wanted = {"power off": PowerState.OFF, "power on": PowerState.ON}.get(entry["command"])
        if wanted is not None and wanted is not state:
            state = wanted
            changes.append(str(wanted))
    return changes


def judge_cycle(row: Row) -> None:
    """Whatever happened on the way: proven, off once, on once, and On."""
    if row.job.state is not JobState.SUCCEEDED or row.job.outcome != "proven":
        row.problems.append(f"the job is {row.job.state}: {row.job.error}; {steps_of(row.job)}")
    if transitions(row) != ["Off", "On"]:
        row.problems.append(f"the power went {transitions(row)}")


def problems_of(rows: list[Row]) -> list[str]:
    return [f"{row.server}, job {row.job.id}: {problem}" for row in rows for problem in row.problems]
