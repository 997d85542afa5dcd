"""Reinstalls on a BMC that a tree is: an installation with worker, boot service, an image and one enrolled server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from oobctl.images.installer import ensure_ramdisk
from oobctl.images.installs import hardware
from oobctl.store import Job, database
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, eventually, steps_of
from tests.integration.workflows.installer import Installer
from tests.profiles import QUICK, write_profiles
from tests.reinstalls import add_image
from tests.trees import Served, endpoint_of, serve

LIMITS = QUICK | {
    "bmc.back_limit": 10, "boot.used_within": 20, "install.shutdown_limit": 3, "install.start_limit": 12,
    "install.silence_limit": 6, "install.first_boot_limit": 12,
}  # fmt: skip


@dataclass
class OnTree:
    """`road` is the installation, `bmc` what it works on, as the server `db01`."""

    road: Installation
    bmc: Served

    def kept(self, job: Job) -> str:
        """What is left of it for anybody to read: the job, its records, all that the processes have said."""
        kept = [[row.parameters, row.evidence, row.reason] for row in self.road.records(job.id)]
        logs = "".join(process.output for process in self.road.processes)
        return json.dumps([*kept, [job.parameters, job.evidence, steps_of(job)]], default=str) + logs

    def installer(self, says: dict[str, str] | None = None, **how: Any) -> Installer:
        """A machine that starts what its BMC's virtual drive has in it, once the server is switched on for it."""
        server = self.road.server("db01")
        with database().read() as session:
            found = hardware.inspected(session, server.id)
        said = {
            "uuid": server.system_uuid or "", "serial": "S1", "firmware": "UEFI", "memory_mb": "8192",
            "mac": found.macs[0], "disks": f"sda\t{found.disks[0].size}\t{found.disks[0].serial}\tM\n",
        }  # fmt: skip
        return Installer(self.bmc, {**said, **(says or {})}, **how)


@contextmanager
def standing(kind: str, databases: Databases, guard: Guard, home: Path) -> Iterator[OnTree]:
    """Enrolled, the customer's; its image is of some bytes, which no operating system is started from."""
    ensure_ramdisk(print)
    profiles = write_profiles(home / "hwprofiles", LIMITS)
    url = databases.migrated(kind)
    with (
        serve() as bmc,
        Installation(guard, home, url, {"hwprofiles": str(profiles), "trusted_boot_networks": "127.0.0.0/8"}) as road,
    ):
        road.initialise().add_people()
        road.add_server("db01", [endpoint_of(bmc)])
        add_image()
        road.start_worker()
        road.run("boot").wait_said("the media service is ready")
        road.enroll()
        road.do("server.inspect", "db01", {"capabilities": ["inventory"]})
        yield OnTree(road, bmc)
    databases.drop(url)


@pytest.fixture(scope="package")
def on_tree(databases: Databases, guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnTree]:
    with standing("sqlite", databases, guard, tmp_path_factory.mktemp("workflows")) as found:
        yield found


@pytest.fixture
def as_before(on_tree: OnTree) -> None:
    """On, nothing in the drives, no override."""
    on_tree.road.do("power.on", "db01")
    eventually(lambda: on_tree.bmc.state.power() == "On")
    assert not any(on_tree.bmc.state.media().values())
