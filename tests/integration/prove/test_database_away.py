"""PostgreSQL is stopped in the middle of a job and started again: the job goes on, and nothing is sent meanwhile."""

import time
from collections.abc import Callable, Iterator

import pytest

from oobctl.constants import JobState
from oobctl.lab.rack import RackInfo
from tests.databases import Cluster, fill_with_tables
from tests.installation import Installation, eventually
from tests.integration.prove.conftest import FULL
from tests.integration.prove.killer import Point
from tests.integration.prove.table import Row, frozen, judge_cycle, problems_of
from tests.profiles import QUICK, write_profiles

AWAY_SECONDS = 10.0


@pytest.fixture
def installation(
    cluster: Cluster, healthy_rack: RackInfo, new_installation: Callable[..., Installation]
) -> Iterator[Installation]:
    """On a PostgreSQL server that can be stopped; the servers enrolled, no worker."""
    cluster.execute("CREATE DATABASE oobctl_away")
    url = cluster.url("oobctl_away")
    fill_with_tables(url)
    with new_installation(url, dead_after_seconds="2") as found:
        short = QUICK | {"power.cycle_dwell": 2}
        found.variables["OOBCTL_HWPROFILES"] = str(write_profiles(found.home / "hwprofiles", short))
        found.initialise().add_people().add_servers(healthy_rack)
        worker = found.start_worker()
        found.enroll()
        worker.terminate()
        assert worker.wait_ended() == 0
        yield found


@pytest.mark.parametrize("server", ["web01", pytest.param("db01", marks=FULL)])
@pytest.mark.parametrize(
    ("at", "step"),
    [("begun", 3), pytest.param("granting", 2, marks=FULL), ("sent", 2)],
    ids=["in the dwell", "before a send", "after a send"],
)
def test_a_cycle_goes_on_when_the_database_is_back_and_sends_nothing_without_it(
    installation: Installation, cluster: Cluster, healthy_rack: RackInfo, server: str, at: str, step: int
) -> None:
    chassis = healthy_rack.servers[server]
    before = len(chassis.commands())
    worker = installation.run_python(Point(at, server, step, freeze=True).arguments(), name="worker")
    worker.wait_said("the worker is ready")
    job = installation.submit("power.cycle", server)
    eventually(lambda: frozen(worker))
    cluster.stop()
    sent = chassis.commands()

    worker.thaw()
    time.sleep(AWAY_SECONDS)

    assert chassis.commands() == sent, "something was sent without the lease"
    cluster.start()
    row = Row(server, installation.wait(job.id, 120), chassis.commands()[before:])
    judge_cycle(row)
    assert problems_of([row]) == []
    assert [record.kind for record in installation.records(job.id)] == ["intent", "outcome"]


@pytest.mark.parametrize("server", ["web01", pytest.param("db01", marks=FULL)])
def test_a_reset_that_the_bmc_took_while_the_database_was_away_is_said_to_be_done(
    installation: Installation, cluster: Cluster, healthy_rack: RackInfo, server: str
) -> None:
    chassis = healthy_rack.servers[server]
    before = len(chassis.commands())
    worker = installation.run_python(Point("sent", server, 2, freeze=True).arguments(), name="worker")
    worker.wait_said("the worker is ready")
    job = installation.submit("power.reset", server)
    eventually(lambda: frozen(worker))
    cluster.stop()

    worker.thaw()
    time.sleep(AWAY_SECONDS)
    cluster.start()

    ended = installation.wait(job.id, 120)
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert [entry["command"] for entry in chassis.commands()[before:]] == ["reset"]
    assert [record.kind for record in installation.records(job.id)] == ["intent", "outcome"]
