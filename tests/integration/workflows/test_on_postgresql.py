"""os.reinstall where the store is PostgreSQL and its database knows the catalogue from the boot service alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from oobctl import control
from oobctl.config import settings
from oobctl.constants import JobState, Outcome
from oobctl.images.systems import catalogue
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import eventually, steps_of
from tests.integration.workflows.conftest import OnTree, standing
from tests.reinstalls import CONTENT, request
from tests.systems import added


@pytest.fixture
def on_postgresql(databases: Databases, guard: Guard, tmp_path: Path) -> Iterator[OnTree]:
    with standing("postgresql", databases, guard, tmp_path) as found:
        yield found


def test_a_reinstall_and_what_the_boot_service_tells_of_the_catalogue(on_postgresql: OnTree) -> None:
    road, customer = on_postgresql.road, on_postgresql.road.actor("customer")

    def offered() -> list[str]:
        return [image.name for image in control.choices(customer, "db01").images]

    assert offered() == ["tiny-1"]
    added("debian-13")
    eventually(lambda: offered() == ["debian-13", "tiny-1"])
    catalogue.retire("debian-13")
    eventually(lambda: offered() == ["tiny-1"])
    with on_postgresql.installer() as machine:
        job = road.wait(road.submit("os.reinstall", "db01", request(host_name="db01.example.org")).id)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), f"{job.error} {steps_of(job)}"
    assert machine.image == CONTENT
    for name in catalogue.names():
        shutil.rmtree(settings().systems / name)
    eventually(lambda: offered() == [])
