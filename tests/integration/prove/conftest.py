"""An installation with the whole rack for the kill tables: profiles with a short dwell, the dead found after 2 s."""

import os
from collections.abc import Iterator

import pytest

from oobctl.lab.rack import RackInfo
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation
from tests.integration.prove.table import Table
from tests.profiles import QUICK, write_profiles

SEED = 20261122
PROVE = os.environ.get("OOBCTL_PROVE") == "1"
FULL = (pytest.mark.prove, pytest.mark.skipif(not PROVE, reason="the full table is run by make prove"))
"""The marks of a case that make test leaves out."""
SHORT = QUICK | {"timeouts.longest_send": 4}


@pytest.fixture(scope="module")
def table(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Table]:
    """On SQLite, the servers enrolled; no worker runs."""
    yield from _table("sqlite", databases, rack, guard, tmp_path_factory)


@pytest.fixture(scope="module")
def postgresql_table(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Table]:
    """As `table`, on PostgreSQL: where several workers are meant to serve a site."""
    yield from _table("postgresql", databases, rack, guard, tmp_path_factory)


def _table(
    kind: str, databases: Databases, rack: RackInfo, guard: Guard, folders: pytest.TempPathFactory
) -> Iterator[Table]:
    home = folders.mktemp("prove")
    profiles = write_profiles(home / "hwprofiles", SHORT)
    mend(rack)
    variables = {"hwprofiles": str(profiles), "dead_after_seconds": "2"}
    with Installation(guard, home, databases.migrated(kind), variables) as installation:
        installation.initialise().add_people().add_servers(rack)
        worker = installation.start_worker()
        installation.enroll()
        worker.terminate()
        assert worker.wait_ended() == 0
        yield Table(installation, rack)
