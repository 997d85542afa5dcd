"""The plan of a reinstall: what it says before anybody agrees, and that what was agreed to is what is asked for."""

import pytest
from sqlalchemy import select

from oobctl import control
from oobctl.constants import BootPath, Capability, JobState, Outcome
from oobctl.drivers.readings import InventoryReport
from oobctl.store import Job, database
from oobctl.workflows.reinstall_os import steps_from
from tests.unit.web import reinstallable
from tests.unit.web.conftest import SignIn
from tests.unit.web.reinstallable import jobs_asked_for, post_form
from tests.unit.web.seed import Seed, begin, end, read


@pytest.fixture
def address(seed: Seed) -> str:
    return f"/servers/{reinstallable.prepare(seed)}/reinstall"


def test_the_disk_that_the_plan_named_is_asked_for_whatever_was_inspected_until_then(
    address: str, seed: Seed, sign_in: SignIn
) -> None:
    client = sign_in("owner")
    text = post_form(client, address, plan="1").text
    first, second = (serial for serial, _size in reinstallable.DISKS)
    assert f'name="disks" value="{first}"' in text
    assert 'name="unknown_disks"' not in text
    turned = InventoryReport(tuple(reversed(reinstallable.inventory().parts)))
    read(seed, "db01", Capability.INVENTORY, turned, age=1)
    assert f"All that is on disk {second} " in post_form(client, address, plan="1").text
    assert post_form(client, address, confirm="db01", disks=first).status_code == 303
    with database().read() as session:
        (job,) = session.scalars(select(Job).where(Job.action == control.REINSTALL))
    assert job.parameters["disks"] == [first]


def test_disks_that_were_not_known_when_the_plan_was_seen_are_shown_first(seed: Seed, sign_in: SignIn) -> None:
    client = sign_in("owner")
    address = f"/servers/{reinstallable.prepare(seed, disks=False)}/reinstall"
    assert 'name="unknown_disks" value="1"' in post_form(client, address, plan="1").text
    read(seed, "db01", Capability.INVENTORY, reinstallable.inventory(), age=1)
    answer = post_form(client, address, confirm="db01", unknown_disks="1")
    assert answer.status_code == 422
    assert "was not known when you saw the plan, and is by now" in answer.text
    assert "All that is on disk S3Z8NB0K123456 (480.1 GB) is lost." in answer.text
    assert 'name="unknown_disks"' not in answer.text
    assert jobs_asked_for() == 0


def test_the_plan_says_for_how_long_each_step_waits_at_most(address: str, sign_in: SignIn) -> None:
    text = post_form(sign_in("owner"), address, plan="1").text
    assert text.count("at most") == 5  # shutdown, installer, image, setting up, first report


def test_the_plan_tells_how_long_each_step_took_before(address: str, seed: Seed, sign_in: SignIn) -> None:
    job = reinstallable.begun(seed.servers["db01"], seed.actors["owner"])
    steps = control.find(control.REINSTALL).steps
    begin(job, done=len(steps), details=["Done"] * len(steps), seconds=[12.0] * len(steps), ago=400)
    end(seed, job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)
    text = post_form(sign_in("owner"), address, plan="1").text
    assert text.count("12 s") == len(steps_from(BootPath.VIRTUAL_MEDIA))
    assert "in all, as it took before" in text


def test_the_plan_names_the_partition_that_is_lost_and_those_that_stay(address: str, sign_in: SignIn) -> None:
    kept = {"layout": "keep", "replace": "UUID=0a1b", "keep": "LABEL=srv\nPARTLABEL=my data"}
    text = post_form(sign_in("owner"), address, plan="1", disks=reinstallable.DISKS[0][0], **kept).text
    assert "All that is on the partition UUID=0a1b of disk S3Z8NB0K123456 (480.1 GB) is lost." in text
    assert "LABEL=srv, PARTLABEL=my data stay as they are" in text
    assert "All that is on disk" not in text


def test_the_plan_says_every_step_what_is_lost_and_from_where_on_there_is_no_way_back(
    address: str, sign_in: SignIn
) -> None:
    answer = post_form(sign_in("owner"), address, plan="1", disks=reinstallable.DISKS[0][0])
    assert answer.status_code == 200
    assert "All that is on disk S3Z8NB0K123456 (480.1 GB) is lost." in answer.text
    for step in steps_from(BootPath.VIRTUAL_MEDIA):
        assert step.title.replace("'", "&#39;") in answer.text
    assert "Once “Write the image” has begun, it cannot be cancelled" in answer.text
    assert jobs_asked_for() == 0


def test_where_no_disk_was_inspected_the_form_says_so_and_takes_a_serial_number(seed: Seed, sign_in: SignIn) -> None:
    client = sign_in("owner")
    address = f"/servers/{reinstallable.prepare(seed, disks=False)}/reinstall"
    assert "No disk of this server was inspected" in client.get(address).text
    plan = post_form(client, address, plan="1", serials="DISK-7").text
    assert "All that is on disk DISK-7 is lost." in plan
