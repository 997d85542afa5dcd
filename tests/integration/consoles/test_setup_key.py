"""A firmware that wants its key for the setup, whatever the boot override says: the gateway presses it."""

from collections.abc import Iterator

import pytest

from oobctl.consoles import setup_keys
from oobctl.constants import JobState
from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from oobctl.store import Server, database
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import endpoints_of, eventually, screen_of
from tests.integration.consoles.conftest import Site
from tests.profiles import QUICK, write_profiles

FAULT = "firmware-wants-key"


@pytest.fixture(scope="module")
def site(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("setup-key")
    mend(rack)
    url = databases.migrated("sqlite")
    changes = QUICK | {"boot.used_within": 2, "consoles.setup_key": {"key": "F2", "every": 0.2, "seconds": 90}}
    profiles = write_profiles(home / "hwprofiles", changes)
    with Site(guard, home, url, {"hwprofiles": str(profiles)}) as made:
        made.rack = rack
        made.initialise().add_people()
        server = rack.servers["app01"]
        made.add_server("app01", [*endpoints_of(server), screen_of(server)])
        made.start_worker()
        made.enroll()
        virtual_rack.inject(rack.home, "app01", FAULT)
        yield made
        virtual_rack.clear(rack.home, "app01")
        virtual_rack.command(rack.home, "app01", "reset")  # out of its setup
    databases.drop(url)


def into_setup(site: Site) -> tuple[int, str]:
    """How long the serial log was before, and what the step said."""
    before = site.rack.servers["app01"].serial_log.stat().st_size
    job = site.wait(site.submit("bios.setup", "app01").id)
    assert job.state is JobState.SUCCEEDED, job.error
    (step,) = (step for step in job.steps if step.name == "press_key")
    return before, step.detail or ""


def shown(site: Site, since: int) -> str:
    return site.rack.servers["app01"].serial_log.read_bytes()[since:].decode(errors="replace")


def test_where_nobody_presses_it_such_a_firmware_starts_what_it_always_does(site: Site) -> None:
    """Else the next test would prove nothing."""
    before, _ = into_setup(site)
    with database().read() as session:
        site_id = session.get_one(Server, site.servers["app01"]).site_id
    assert [one.server_name for one in setup_keys.claim(site_id)] == ["app01"]  # and nobody presses it
    eventually(lambda: "Linux version" in shown(site, before), 120)
    assert "Select Entry" not in shown(site, before)


def test_a_gateway_presses_it_as_the_server_starts(site: Site) -> None:
    site.start_gateway()
    before, said = into_setup(site)
    assert said == "F2 is pressed at its screen for 90 s, until somebody types there"
    eventually(lambda: "Select Entry" in shown(site, before), 120)
