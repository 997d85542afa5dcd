"""Asking for a reinstall: what is wrong is refused at the door, and no record has what is private."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from oobctl import clock, control, panel_secret, vault
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.constants import Capability, Ending, JobState
from oobctl.errors import InvalidParameter, NotAllowed, WrongState
from oobctl.images.installs import authority
from oobctl.jobs import lease
from oobctl.store import Account, AuditRecord, Install, Job, JobStep, Reading, RefusalCount, Server, Site, database
from tests.installation import Installation
from tests.reinstalls import SSH_KEY, add_image, asked, install, ready, request

USER_DATA = "#cloud-config\nchpasswd: {expire: true}\n# a-secret-of-the-customer\n"
SCRIPT = "#!/bin/sh\necho another-secret-of-the-customer\n"


@pytest.fixture
def server(sqlite_installation: Installation) -> str:
    add_image()
    return ready(sqlite_installation)


def everything_kept() -> str:
    """All that the store has in plain about jobs and records, as text."""
    with database().read() as session:
        jobs = [[row.parameters, row.evidence, row.error, row.waits_for] for row in session.scalars(select(Job))]
        steps = [[row.detail, row.result] for row in session.scalars(select(JobStep))]
        records = [
            [row.parameters, row.evidence, row.reason, row.outcome] for row in session.scalars(select(AuditRecord))
        ]
        counted = [str(vars(row)) for row in session.scalars(select(RefusalCount))]
    return json.dumps([jobs, steps, records, counted], default=str)


def test_keys_and_user_data_and_scripts_are_in_no_job_and_no_record(server: str) -> None:
    job, shown = control.submit_shown(
        SYSTEM, "os.reinstall", server, request(user_data=USER_DATA, post_install=SCRIPT, root_password=True)
    )
    assert shown is not None
    assert shown.user == "root"
    kept = everything_kept()
    for secret in (SSH_KEY.split()[1], "a-secret-of-the-customer", "another-secret", shown.password, "$6$"):
        assert secret not in kept
    assert job.parameters["ssh_key_fingerprints"][0].startswith("SHA256:")
    assert (job.parameters["with_user_data"], job.parameters["with_post_install"]) == (True, True)


def test_the_boot_service_alone_can_open_them(server: str) -> None:
    job, shown = control.submit_shown(SYSTEM, "os.reinstall", server, request(root_password=True))
    sealed = install(job.id).sealed
    assert sealed is not None
    assert shown is not None
    content = vault.unseal_content(authority.ensure(job.site_id).key, job.id, sealed)
    assert content["options"]["ssh_keys"] == [SSH_KEY]
    assert content["password_hash"].startswith("$6$")
    assert shown.password not in json.dumps(content)
    with pytest.raises(Exception, match="another key"):
        vault.unseal_content(vault.read_key(settings().keys / f"{job.site_id}.key"), job.id, sealed)


def test_no_password_is_made_unless_it_is_asked_for(server: str) -> None:
    _job, shown = control.submit_shown(SYSTEM, "os.reinstall", server, request())
    assert shown is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image": "no-such"}, "image"),
        ({"host_name": "$(reboot)"}, "host_name"),
        ({"ssh_keys": ["nonsense"]}, "ssh_keys.0"),
        ({"ssh_keys": []}, "ssh_keys"),
        ({"layout": "zfs"}, "layout"),
        ({"layout": "raid1", "disks": ["one"]}, "disks"),
        ({"disks": ["one", "one"]}, "disks"),
        ({"disk": "/dev/sda"}, "disk"),
        ({"layout": "keep", "replace": "/dev/sda3", "keep": ["LABEL=srv"]}, "replace"),
        ({"layout": "keep", "replace": "LABEL=root", "keep": ["sda4"]}, "keep.0"),
        ({"layout": "keep", "replace": "LABEL=root"}, "replace"),
        ({"layout": "keep", "keep": ["LABEL=srv"]}, "replace"),
        ({"layout": "keep", "replace": "LABEL=root", "keep": ["LABEL=root"]}, "keep"),
        ({"layout": "lvm", "replace": "LABEL=root", "keep": ["LABEL=srv"]}, "layout"),
        ({"network": {"addresses": ["192.0.2.2/24"]}}, "network.macs"),
    ],
)
def test_what_is_wrong_is_refused_naming_the_field(server: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        asked(server, request(**changes))
    assert caught.value.details["field"] == field
    with database().read() as session:
        assert session.scalar(select(Install)) is None


def test_what_is_replaced_and_what_is_kept_is_in_the_job_as_fstab_writes_it(server: str) -> None:
    wanted = {"layout": "keep", "replace": "UUID=0a1b", "keep": ['PARTLABEL="my data"', "LABEL=srv"]}
    job = asked(server, request(**wanted))
    assert (job.parameters["replace"], job.parameters["keep"]) == ("UUID=0a1b", ["PARTLABEL=my data", "LABEL=srv"])


def test_a_refused_request_leaves_no_key_in_the_record(server: str, sqlite_installation: Installation) -> None:
    viewer = sqlite_installation.people["viewer"].actor
    with pytest.raises(NotAllowed):
        control.submit(viewer, "os.reinstall", server, request(user_data=USER_DATA, root_password="hunter2"))
    kept = everything_kept()
    assert "hunter2" not in kept
    assert SSH_KEY.split()[1] not in kept
    assert "a-secret-of-the-customer" not in kept
    assert "tiny-1" in kept


def test_an_image_of_another_account_does_not_exist_for_a_customer(server: str) -> None:
    with database().read() as session:
        accounts = [row.id for row in session.scalars(select(Account))]
    add_image("theirs-1", account=accounts[0])
    add_image("nobodys-1", account="0190aaaa-0000-7000-8000-000000000000")
    with pytest.raises(InvalidParameter, match="no image nobodys-1") as caught:
        asked(server, request(image="nobodys-1"))
    assert "nobodys-1" not in caught.value.message.partition("There are")[2]


def test_without_a_boot_service_nothing_is_taken(server: str) -> None:
    with database().write() as session:
        row = session.get_one(Server, server)
        session.get_one(Site, row.site_id).boot_public_key = None
    with pytest.raises(WrongState, match="oobctl boot"):
        asked(server)


def test_it_is_not_retried_because_what_it_needs_is_not_kept(server: str) -> None:
    job = asked(server)
    with database().write() as session:
        row = session.get_one(Job, job.id)
        row.state, row.error = JobState.FAILED, {"code": "x", "message": Ending.FAILED}
    with pytest.raises(WrongState, match="anew"):
        control.retry(SYSTEM, job.id)


def test_the_same_request_under_one_key_is_one_job(server: str) -> None:
    first = control.submit(SYSTEM, "os.reinstall", server, request(), idempotency_key="once")
    assert control.submit(SYSTEM, "os.reinstall", server, request(), idempotency_key="once").id == first.id
    with pytest.raises(InvalidParameter):
        control.submit(SYSTEM, "os.reinstall", server, request(host_name="other"), idempotency_key="once")


@pytest.mark.parametrize("private", ["user_data", "post_install", "ssh_keys"])
def test_another_request_under_one_key_is_refused_also_where_only_what_is_not_kept_differs(
    server: str, private: str
) -> None:
    asked = {"user_data": USER_DATA, "post_install": SCRIPT, "ssh_keys": [SSH_KEY]}
    first = control.submit(SYSTEM, "os.reinstall", server, request(**asked), idempotency_key="once")
    changed = {"user_data": f"{USER_DATA}#", "post_install": f"{SCRIPT}#", "ssh_keys": [f"{SSH_KEY} elsewhere"]}
    again = request(**{**asked, private: changed[private]})
    with pytest.raises(InvalidParameter) as caught:
        control.submit(SYSTEM, "os.reinstall", server, again, idempotency_key="once")
    assert caught.value.details == {"field": "Idempotency-Key", "job": first.id}
    assert control.submit(SYSTEM, "os.reinstall", server, request(**asked), idempotency_key="once").id == first.id


def test_what_was_asked_is_known_again_with_its_defaults_spelled_out(server: str) -> None:
    first = control.submit(SYSTEM, "os.reinstall", server, request(), idempotency_key="once")
    spelled = request(time_zone="UTC", packages=[], user_data=None, network={}, layout="whole-disk")
    assert control.submit(SYSTEM, "os.reinstall", server, spelled, idempotency_key="once").id == first.id


def test_nothing_in_the_store_tells_whether_a_guess_of_user_data_is_right(server: str) -> None:
    """The digest's key is in no table: with another one the same request is another."""
    control.submit(SYSTEM, "os.reinstall", server, request(user_data=USER_DATA), idempotency_key="once")
    panel_secret.secret_path(settings().home).unlink()
    panel_secret.create_secret(settings().home)
    with pytest.raises(InvalidParameter):
        control.submit(SYSTEM, "os.reinstall", server, request(user_data=USER_DATA), idempotency_key="once")


def test_the_store_does_not_tell_of_two_jobs_that_they_were_asked_for_alike(server: str) -> None:
    digests = []
    for key in ("once", "twice"):
        job = control.submit(SYSTEM, "os.reinstall", server, request(user_data=USER_DATA), idempotency_key=key)
        digests.append(job.asked_digest)
        with database().write() as session:
            lease.give_back(session, job.id)
    assert None not in digests
    assert len(set(digests)) == 2


def test_a_job_of_an_earlier_release_is_still_the_answer_to_its_key(server: str) -> None:
    first = control.submit(SYSTEM, "os.reinstall", server, request(), idempotency_key="once")
    with database().write() as session:
        session.get_one(Job, first.id).asked_digest = None
    assert control.submit(SYSTEM, "os.reinstall", server, request(), idempotency_key="once").id == first.id


def test_a_mirror_of_one_disk_is_refused_at_the_door(server: str) -> None:
    one = {"kind": "drive", "name": "Disk 0", "serial": "DISK-1", "capacity_bytes": 4 << 30, "state": "Enabled"}
    now = clock.now()
    with database().write() as session:
        session.merge(
            Reading(
                server_id=server, capability=Capability.INVENTORY, content={"parts": [one]}, read_at=now, tried_at=now
            )
        )
    with pytest.raises(InvalidParameter, match="takes 2 disks") as caught:
        asked(server, request(layout="raid1"))
    assert caught.value.details["field"] == "layout"
    with pytest.raises(InvalidParameter, match=r"It has: DISK-1 \(4\.3 GB\)"):
        asked(server, request(disks=["DISK-2"]))
