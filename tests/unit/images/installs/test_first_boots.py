"""The new system reports itself once, with the key that its installer put there."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl import clock
from oobctl.errors import NotFound
from oobctl.images.installs import claims
from oobctl.images.installs.first_boots import FirstBoot, host_keys, phone_home
from oobctl.store import Install, database
from tests.installation import Installation
from tests.reinstalls import HOST_KEY, SSH_KEY, add_image, armed, install, ready

FINGERPRINT = "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE"  # as ssh-keygen -l prints it
PHONE = "a-key-of-a-new-system"
SAID = FirstBoot(host_name="web01", kernel="6.1", host_keys=f"{SSH_KEY}\n", notes="packages: installed\n")


@pytest.fixture
def job(sqlite_installation: Installation) -> str:
    add_image()
    number = armed(ready(sqlite_installation), "a-key")
    with database().write() as session:
        row = session.get_one(Install, number)
        row.phone_hash, row.written_at = hashlib.sha256(PHONE.encode()).hexdigest(), clock.now()
    return number


def test_it_is_kept_with_its_host_key(job: str) -> None:
    phone_home(PHONE, SAID)
    kept = install(job).first_boot
    assert kept is not None
    assert kept["host_name"] == "web01"
    assert kept["notes"] == ["packages: installed"]
    assert kept["host_keys"][0]["fingerprint"].startswith("SHA256:")


def test_who_comes_again_changes_nothing(job: str) -> None:
    phone_home(PHONE, SAID)
    phone_home(PHONE, FirstBoot(host_name="another", kernel="", host_keys=""))
    claims.close(job)
    phone_home(PHONE, SAID)  # its first answer was lost
    assert (install(job).first_boot or {})["host_name"] == "web01"


def test_a_copy_with_host_keys_of_its_own_is_told_apart_from_one_that_comes_again(job: str) -> None:
    assert not phone_home(PHONE, SAID).again_as_another
    assert not phone_home(PHONE, SAID).again_as_another
    copy = FirstBoot(host_name="web01", kernel="6.1", host_keys=HOST_KEY)
    assert phone_home(PHONE, copy).again_as_another


def test_one_that_had_no_host_keys_yet_tells_them_when_it_comes_again(job: str) -> None:
    phone_home(PHONE, FirstBoot(host_name="web01", kernel="6.1", host_keys=""))
    assert not phone_home(PHONE, SAID).again_as_another
    assert [key["fingerprint"] for key in (install(job).first_boot or {})["host_keys"]] == [FINGERPRINT]


def test_what_runs_was_set_up_where_its_installer_was_not_heard_to_the_end(job: str) -> None:
    phone_home(PHONE, SAID)
    found = install(job)
    assert found.configured_at == found.first_boot_at is not None


def test_nothing_that_was_never_written_reports_itself(job: str) -> None:
    with database().write() as session:
        session.get_one(Install, job).written_at = None
    with pytest.raises(NotFound):
        phone_home(PHONE, SAID)


def test_a_foreign_key_and_one_of_a_job_that_is_over_are_refused(job: str) -> None:
    with pytest.raises(NotFound):
        phone_home("another", SAID)
    claims.close(job)
    with pytest.raises(NotFound):
        phone_home(PHONE, SAID)
    assert install(job).first_boot is None


def test_a_system_that_was_set_up_may_report_itself_after_its_job(job: str) -> None:
    with database().write() as session:
        session.get_one(Install, job).configured_at = clock.now()
    claims.close(job)
    phone_home(PHONE, SAID)
    assert (install(job).first_boot or {})["host_name"] == "web01"


def test_the_fingerprint_is_openssh_s() -> None:
    assert host_keys(SSH_KEY)[0]["fingerprint"] == FINGERPRINT


@pytest.mark.parametrize("key", ["ssh-ed25519 " + "A" * 68, SSH_KEY.replace("ssh-ed25519", "ssh-rsa")])
def test_what_only_looks_like_a_host_key_is_left(key: str) -> None:
    assert host_keys(key) == []


@given(st.text())
def test_what_is_no_host_key_is_left(text: str) -> None:
    assert all(key["type"].startswith(("ssh-", "ecdsa-")) for key in host_keys(text))
