"""The whole road on the virtual rack: an installation with a worker, its servers enrolled."""

from collections.abc import Iterator

import pytest

from oobctl.lab.rack import RackInfo
from tests.conftest import mend
from tests.databases import KINDS, Databases
from tests.guard import Guard
from tests.installation import Installation
from tests.integration.road.rack_view import RackView
from tests.profiles import QUICK, write_profiles

LIMITS = QUICK | {
    "power.cycle_dwell": 1.5,
    "timeouts.connect": 4,
    "timeouts.answer": 4,
    "timeouts.longest_send": 6,
    "boot.used_within": 2,
}
on_sqlite = pytest.mark.parametrize("road", ["sqlite"], indirect=True)
"""For tests in which the kind of database makes no difference."""


class Road(Installation):
    """An installation with the rack's three servers; `view` is how the rack itself sees them."""

    view: RackView


@pytest.fixture(scope="module", params=KINDS)
def road(
    request: pytest.FixtureRequest,
    databases: Databases,
    rack: RackInfo,
    guard: Guard,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Road]:
    """On each kind of database, limits short, one worker."""
    home = tmp_path_factory.mktemp("road")
    profiles = write_profiles(home / "hwprofiles", LIMITS)
    mend(rack)
    url = databases.migrated(request.param)
    with Road(guard, home, url, {"hwprofiles": str(profiles), "poll_interval_seconds": "1"}) as installation:
        installation.view = RackView(rack)
        installation.initialise().add_people().add_servers(rack)
        installation.start_worker()
        installation.enroll()
        yield installation
    databases.drop(url)


@pytest.fixture(autouse=True)
def _mended(rack: RackInfo) -> Iterator[None]:
    mend(rack)
    yield
    mend(rack)
