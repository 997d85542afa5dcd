"""Two workers on PostgreSQL, one killed: its jobs go over, and no server gets anything twice."""

import random
from collections.abc import Callable

import pytest

from oobctl.lab.rack import RackInfo
from tests.databases import Databases
from tests.installation import Installation, eventually
from tests.integration.prove.conftest import PROVE, SEED
from tests.integration.prove.table import Row, judge_cycle, problems_of
from tests.processes import OwnProcess
from tests.profiles import QUICK, write_profiles

ROUNDS, FEW = 12, 2


@pytest.mark.prove
def test_of_two_workers_one_is_killed_and_its_jobs_go_over(
    databases: Databases, healthy_rack: RackInfo, new_installation: Callable[..., Installation]
) -> None:
    chance = random.Random(SEED)
    with new_installation(databases.migrated("postgresql"), dead_after_seconds="2") as installation:
        short = QUICK | {"power.cycle_dwell": 1, "timeouts.longest_send": 4}
        installation.variables["OOBCTL_HWPROFILES"] = str(write_profiles(installation.home / "hwprofiles", short))
        installation.initialise().add_people().add_servers(healthy_rack)
        workers = [installation.start_worker(), installation.start_worker()]
        installation.enroll()
        for number in range(ROUNDS if PROVE else FEW):
            before = {name: len(server.commands()) for name, server in healthy_rack.servers.items()}
            jobs = {name: installation.submit("power.cycle", name).id for name in installation.servers}
            step = chance.randrange(5)
            victim = _of(workers, _taken(installation, jobs["web01"], step))
            victim.kill()
            rows = [
                Row(name, installation.wait(job_id), healthy_rack.servers[name].commands()[before[name] :])
                for name, job_id in jobs.items()
            ]
            print(f"\nround {number + 1}: one of two workers killed when web01 was in step {step} or later")
            for row in rows:
                judge_cycle(row)
                kinds = [record.kind for record in installation.records(row.job.id)]
                row.problems += [] if kinds == ["intent", "outcome"] else [f"its records are {kinds}"]
                print(f"    {row}; by worker {1 + workers.index(_of(workers, row.job.executor or ''))}")
            assert problems_of(rows) == []
            workers[workers.index(victim)] = installation.start_worker()


def _taken(installation: Installation, job_id: str, step: int) -> str:
    """Wait until the job is in that step, or a later one; returns whose it is."""
    eventually(lambda: installation.job(job_id).steps[step].started_at is not None)
    return installation.job(job_id).executor or ""


def _of(workers: list[OwnProcess], executor: str) -> OwnProcess:
    """The worker that says of itself that it is that executor."""
    return next(worker for worker in workers if worker.said(executor.partition("/")[0]))
