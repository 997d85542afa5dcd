"""The disk that a server boots from is the first one, where it is known."""

from datetime import timedelta
from typing import Any

import pytest

from oobctl import clock, control
from oobctl.access import SYSTEM
from oobctl.constants import Capability, JobState
from oobctl.images.installs import hardware, waiting
from oobctl.images.installs.orders import Orders, WantedDisk
from oobctl.jobs import lease
from oobctl.store import Install, Job, database
from tests.installation import Installation
from tests.reinstalls import add_image, armed, keep_reading, ready, request

LISTED = ("DISK-A", "DISK-B", "DISK-C")


@pytest.fixture
def server(sqlite_installation: Installation) -> str:
    add_image()
    found = ready(sqlite_installation)
    inspect(found)
    return found


def inspect(server: str, absent: str | None = None) -> None:
    """Disks as the BMC lists them; the state of one is that it is absent."""
    parts: list[dict[str, Any]] = [
        {"kind": "drive", "name": f"Disk {number}", "serial": serial, "capacity_bytes": 4 << 30,
         "state": "Absent" if serial == absent else "Enabled"}
        for number, serial in enumerate(LISTED)
    ]  # fmt: skip
    keep_reading(server, Capability.INVENTORY, {"parts": parts})


def installed(server: str, *serials: str, ago: float, reported: bool = True) -> None:
    """An earlier reinstall that wrote these disks; reported: its new system has said so."""
    job = armed(server, f"key-{ago}")
    orders = Orders.from_json(waiting.look(job).orders or {}).as_json()
    orders["disks"] = [vars(WantedDisk(serial, 4 << 30)) for serial in serials]
    with database().write() as session:
        session.get_one(Job, job).state = JobState.SUCCEEDED if reported else JobState.NEEDS_ATTENTION
        lease.give_back(session, job)
        row = session.get_one(Install, job)
        moment = clock.now() - timedelta(hours=ago)
        row.orders, row.first_write_at = orders, moment
        row.first_boot_at = moment if reported else None


def listed(server: str) -> tuple[str, ...]:
    with database().read() as session:
        return tuple(disk.serial for disk in hardware.inspected(session, server).disks)


def test_the_disk_that_the_last_new_system_started_from_is_the_first(server: str) -> None:
    assert listed(server) == LISTED
    installed(server, "DISK-C", ago=2)
    installed(server, "DISK-B", ago=1)
    assert listed(server) == ("DISK-B", "DISK-A", "DISK-C")


def test_the_form_and_the_plan_have_it_first(server: str) -> None:
    installed(server, "DISK-B", ago=1)
    assert control.choices(SYSTEM, server).hardware.disks[0].serial == "DISK-B"
    assert [disk.serial for disk in control.plan(SYSTEM, server, request()).disks] == ["DISK-B"]


def test_a_mirror_of_ours_is_first_as_it_was_written(server: str) -> None:
    installed(server, "DISK-C", "DISK-B", ago=1)
    assert listed(server) == ("DISK-C", "DISK-B", "DISK-A")


def test_a_reinstall_whose_new_system_has_said_nothing_tells_of_no_boot_disk(server: str) -> None:
    installed(server, "DISK-B", ago=1, reported=False)
    assert listed(server) == LISTED


def test_a_boot_disk_that_is_not_there_any_more_is_not_listed(server: str) -> None:
    installed(server, "DISK-B", ago=1)
    inspect(server, absent="DISK-B")
    assert listed(server) == ("DISK-A", "DISK-C")


def test_what_was_installed_on_another_server_tells_nothing(server: str, sqlite_installation: Installation) -> None:
    other = ready(sqlite_installation, "db01")
    installed(other, "DISK-B", ago=1)
    assert listed(server) == LISTED
