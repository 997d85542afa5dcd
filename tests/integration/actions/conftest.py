"""Actions on a BMC that a tree is: an installation with a worker, the media service and one enrolled server."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.errors import ServerBusy
from oobctl.images import catalogue
from oobctl.store import Lease, database
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, eventually
from tests.profiles import QUICK, write_profiles
from tests.trees import Served, endpoint_of, serve

LIMITS = QUICK | {"boot.used_within": 20, "bios.busy_limit": 10}
IMAGE = b"an image" * 1000


@dataclass
class OnTree:
    """`road` is the installation, `bmc` what it works on, as the server `db01`."""

    road: Installation
    bmc: Served


def give(on_tree: OnTree, account: str | None) -> None:
    """Hand the server over as soon as no job has it, and wait until nothing of the last owner's is left at the BMC."""

    def given() -> bool:
        try:
            administer.assign(SYSTEM, on_tree.road.servers["db01"], account)
        except ServerBusy:
            return False
        return True

    eventually(given)
    eventually(lambda: on_tree.road.server("db01").uncleared_since is None and is_free())


def is_free() -> bool:
    """No job has the server."""
    with database().read() as session:
        return session.scalar(select(Lease.key).where(Lease.job_id.is_not(None))) is None


@pytest.fixture(scope="package")
def on_tree(databases: Databases, guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnTree]:
    """Enrolled, the customer's."""
    home = tmp_path_factory.mktemp("actions")
    profiles = write_profiles(home / "hwprofiles", LIMITS)
    (home / "rescue.iso").write_bytes(IMAGE)
    url = databases.migrated("sqlite")
    with serve() as bmc, Installation(guard, home, url, {"hwprofiles": str(profiles)}) as road:
        road.initialise().add_people()
        road.add_server("db01", [endpoint_of(bmc)])
        catalogue.add(home / "rescue.iso")
        road.start_worker()
        road.run("boot").wait_said("the media service is ready")
        road.enroll()
        yield OnTree(road, bmc)
    databases.drop(url)
