"""The one private call of DBOS that we rely on."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from oobctl import control
from oobctl.jobs import engine
from oobctl.lab.rack import RackInfo
from oobctl.store import Process, database
from tests.databases import Databases
from tests.installation import Installation
from tests.integration.prove.killer import Point


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_recover_pending_workflows_of_dbos_still_puts_a_dead_workers_job_back_into_its_queue(
    kind: str, databases: Databases, healthy_rack: RackInfo, new_installation: Callable[..., Installation]
) -> None:
    with new_installation(databases.migrated(kind), dead_after_seconds="2") as installation:
        installation.initialise().add_people().add_servers(healthy_rack, "web01")
        doomed = installation.run_python(Point("begun", "web01", 0).arguments(), name="doomed")
        doomed.wait_said("the worker is ready")
        job = installation.submit("server.enroll", "web01", by="admin")
        assert doomed.wait_ended(60) == -9
        with database().read() as session:
            dead = session.scalars(select(Process.id)).one()

        engine.launch("another-site", "another-worker", control.find)
        try:
            assert engine.flows([job.id]) == [engine.Flow(job.id, False, dead)], "DBOS alone leaves it to the dead one"
            engine.recover(["nobody"])
            assert engine.flows([job.id]) == [engine.Flow(job.id, False, dead)]
            engine.recover([dead])
            assert engine.flows([job.id]) == [engine.Flow(job.id, False, None)], "it waits in a queue again"
        finally:
            engine.stop()

        installation.start_worker()  # it serves its own site's queue alone, and finds the job there
        assert installation.wait(job.id).state == "succeeded"
