"""The disks that are written to are those that a plan named, whatever is read between asking and doing."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from oobctl.constants import Capability
from oobctl.errors import InvalidParameter
from oobctl.images.installs import waiting
from oobctl.images.installs.orders import Orders
from oobctl.images.installs.requests import ReinstallParameters
from oobctl.jobs.run import Run
from oobctl.store import Job
from oobctl.workflows import reinstall_os
from tests.installation import Installation
from tests.reinstalls import add_image, asked, keep_reading, ready, request


@pytest.fixture
def server(sqlite_installation: Installation) -> str:
    add_image()
    return ready(sqlite_installation)


def inspect(server: str, *serials: str, size: int = 4 << 30) -> None:
    parts = [{"kind": "drive", "name": one, "serial": one, "capacity_bytes": size} for one in serials]
    keep_reading(server, Capability.INVENTORY, {"parts": parts})


def ordered(job: Job, server: str) -> list[str]:
    """On which disks the installer is to write, as the worker lays it down when the job's turn has come."""
    bmc = SimpleNamespace(boot=SimpleNamespace(check=lambda *_wanted: None))  # it takes every override
    run: Any = SimpleNamespace(
        name="web01", bmc=bmc, acted=SimpleNamespace(job_id=job.id, server_id=server),
        parameters=ReinstallParameters.model_validate(job.parameters), saw=lambda *_words, **_values: None,
    )  # fmt: skip
    check = next(step for step in reinstall_os.WORKFLOW.steps if step.name == "check_preconditions")
    check.run(cast("Run", run))
    return [disk.serial for disk in Orders.from_json(waiting.row(job.id).orders or {}).disks]


def test_another_order_of_the_disks_changes_not_which_one_is_written(server: str) -> None:
    inspect(server, "DISK-A", "DISK-B")
    job = asked(server)
    inspect(server, "DISK-B", "DISK-A")
    assert ordered(job, server) == ["DISK-A"]
    assert ordered(job, server) == ["DISK-A"]  # a worker that follows another one comes here too


def test_a_disk_that_is_gone_since_is_not_replaced_by_another(server: str) -> None:
    inspect(server, "DISK-A", "DISK-B")
    job = asked(server)
    inspect(server, "DISK-B")
    with pytest.raises(InvalidParameter, match="no disk DISK-A"):
        ordered(job, server)


def test_where_no_disk_was_known_the_only_one_is_meant_and_none_that_was_read_since(server: str) -> None:
    job = asked(server)
    inspect(server, "DISK-B", "DISK-A", size=1024)  # for which no image would fit
    assert ordered(job, server) == []


def test_a_disk_that_was_named_is_written(server: str) -> None:
    inspect(server, "DISK-A", "DISK-B")
    job = asked(server, request(disks=["DISK-B"]))
    inspect(server, "DISK-A")
    with pytest.raises(InvalidParameter, match="DISK-B"):
        ordered(job, server)
    inspect(server, "DISK-A", "DISK-B")
    assert ordered(job, server) == ["DISK-B"]
