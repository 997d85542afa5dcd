"""SIGTERM in the middle of a job: the next worker goes on at once, with nobody taken for dead."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from oobctl.lab.rack import RackInfo
from oobctl.store import Process, database
from tests.databases import Databases
from tests.installation import Installation, eventually
from tests.integration.prove.conftest import FULL
from tests.integration.prove.table import Row, judge_cycle, problems_of
from tests.profiles import QUICK, write_profiles

NEVER = "3600"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("next_one", ["waits", pytest.param("starts later", marks=FULL)])
def test_a_worker_that_is_asked_to_end_hands_its_jobs_over(
    kind: str,
    next_one: str,
    databases: Databases,
    healthy_rack: RackInfo,
    new_installation: Callable[..., Installation],
) -> None:
    with new_installation(databases.migrated(kind), dead_after_seconds=NEVER) as installation:
        profiles = write_profiles(installation.home / "hwprofiles", QUICK | {"power.cycle_dwell": 3})
        installation.variables["OOBCTL_HWPROFILES"] = str(profiles)
        installation.initialise().add_people().add_servers(healthy_rack)
        first = installation.start_worker()
        installation.enroll()
        before = {name: len(server.commands()) for name, server in healthy_rack.servers.items()}
        jobs = {name: installation.submit("power.cycle", name).id for name in installation.servers}
        eventually(lambda: all(_in_dwell(installation, job_id) for job_id in jobs.values()))
        if next_one == "waits":
            installation.start_worker()

        first.terminate()

        assert first.wait_ended() == 0, first.output[-3000:]
        if next_one != "waits":
            assert installation.sessions() == [], "it logged out at the BMCs"
            with database().read() as session:
                assert session.scalars(select(Process)).all() == []
            installation.start_worker()
        for name, job_id in jobs.items():
            row = Row(name, installation.wait(job_id), healthy_rack.servers[name].commands()[before[name] :])
            judge_cycle(row)
            assert problems_of([row]) == []
            assert len(installation.records(job_id)) == 2


def _in_dwell(installation: Installation, job_id: str) -> bool:
    return any(step.name == "dwell" and step.state == "running" for step in installation.job(job_id).steps)
