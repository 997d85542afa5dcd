"""The pages of a reinstall: what can be chosen, the plan, the name to type, the installer at work, who reads what."""

import re

import pytest
from sqlalchemy import select

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.constants import JobState, Outcome
from oobctl.errors import InstallFailed
from oobctl.store import AuditRecord, Install, Site, database
from tests.reinstalls import SSH_KEY, private_key
from tests.unit.web import reinstallable
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.reinstallable import FORM, jobs_asked_for, post_form
from tests.unit.web.seed import Seed, begin, end

PRIVATE = private_key()
SCRIPT = "#!/bin/sh\necho 'a <b>script</b>'\n"
ALARM = (
    "The key of this reinstall was presented a second time, from 203.0.113.66 by a machine with the UUID "
    "aaaaaaaa-3a55-4b0e-9c55-0f6a3f5b8c11 and the MAC 02:aa:bb:cc:dd:ee; the first was 198.51.100.61. The reinstall "
    "was stopped. Look at both machines: one of them has no business with it."
)


@pytest.fixture
def address(seed: Seed) -> str:
    return f"/servers/{reinstallable.prepare(seed)}/reinstall"


def test_the_form_offers_images_disks_and_keys_and_begins_with_what_is_likely(
    address: str, seed: Seed, sign_in: SignIn
) -> None:
    control.add_ssh_key(seed.actors["owner"], SSH_KEY, "Laptop")
    text = sign_in("owner").get(address).text
    assert "Debian 13 (trixie)" in text
    assert "Maintained until 30 Jun 2030" in text
    assert "Laptop" in text
    assert 'name="host_name" value="db01"' in text
    first, second = (serial for serial, _size in reinstallable.DISKS)
    assert re.search(rf'name="disks" value="{first}" checked', text)
    assert re.search(rf'name="disks" value="{second}">', text)


@pytest.mark.parametrize("typed", ["", "db02", "DB01", "db01.example.org"])
def test_another_name_than_the_servers_does_nothing_and_is_asked_for_again(
    address: str, sign_in: SignIn, typed: str
) -> None:
    answer = post_form(sign_in("owner"), address, confirm=typed)
    assert answer.status_code == 422
    assert "Type db01, just so, to go on." in answer.text
    assert "All that is on disk" in answer.text
    assert jobs_asked_for() == 0


def test_the_servers_name_begins_it_once_however_often_it_is_sent(address: str, sign_in: SignIn) -> None:
    client = sign_in("owner")
    first, second = (post_form(client, address, confirm=" db01 ", key="form-1") for _ in range(2))
    assert (first.status_code, first.headers["Location"]) == (303, second.headers["Location"])
    assert jobs_asked_for() == 1


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"ssh_keys": f"{SSH_KEY}\n\nssh-rsa nonsense"}, "ssh_keys", "Key 2: this is no SSH public key"),
        ({"ssh_keys": "", "user_data": ""}, "ssh_keys", "Nobody could log in"),
        ({"host_name": "Bad Name"}, "host_name", "A host name has small letters"),
        ({"time_zone": "Mars/Base"}, "time_zone", "is no time zone"),
        ({"layout": "raid1", "disks": "S3Z8NB0K123456"}, "disks", "The layout raid1 takes 2 disks"),
        ({"layout": "keep"}, "replace", "Keeping partitions needs both"),
        ({"layout": "keep", "replace": "/dev/sda3", "keep": "LABEL=srv"}, "replace", "names no partition"),
        ({"layout": "keep", "replace": "LABEL=root", "keep": "LABEL=srv\nsda4"}, "keep", "names no partition"),
        ({"replace": "LABEL=root", "keep": "LABEL=srv"}, "layout", "for the layout keep alone"),
        ({"disks": "FOREIGN"}, "disks", "db01 has no disk FOREIGN"),
        ({"image": "windows-12"}, "image", "There is no image windows-12"),
        ({"image": ""}, "image", "Choose one."),
        ({"network": "dhcp", "addresses": "192.0.2.9/24"}, "network", "and DHCP is chosen"),
        ({"gateways": "192.0.2.1"}, "network", "and DHCP is chosen"),
        ({"network": "fixed"}, "addresses", "Give at least one address"),
        ({"network": "fixed", "addresses": "192.0.2.9/24"}, "cards", "need the network card"),
        ({"network": "fixed", "addresses": "192.0.2.9", "cards": reinstallable.MAC}, "addresses", "needs its prefix"),
        ({"cards": reinstallable.MAC, "vlan": "many"}, "vlan", "valid integer"),
        ({"packages": "vim, rm -rf"}, "packages", "is no name of a package"),
        ({"post_install": "echo"}, "post_install", "begins with #!"),
    ],
)
def test_what_is_wrong_stands_at_its_input_and_all_that_was_typed_is_kept(
    address: str, sign_in: SignIn, wrong: dict[str, str], field: str, says: str
) -> None:
    typed = {**FORM, "user_data": "#cloud-config", "name_servers": "192.0.2.53", **wrong}
    answer = post_form(sign_in("owner"), address, plan="1", **typed)
    assert answer.status_code == 422
    complaint = re.search(rf'id="{field}-wrong">([^<]*)<', answer.text)
    assert complaint is not None
    assert says in complaint[1]
    assert "192.0.2.53" in answer.text
    assert re.search(r'<details class="more part" open>\s*<summary>More', answer.text)  # not folded away
    assert typed["host_name"] in answer.text
    assert "Something has to be corrected" in answer.text


@pytest.mark.parametrize(
    ("typed", "is_open"),
    [
        ({}, False),
        ({"image": ""}, False),  # what is wrong is not in there
        ({"network": "fixed", "gateways": ""}, True),
        ({"time_zone": "Europe/Berlin", "image": ""}, True),
        ({"host_name": "Bad Name", "time_zone": "UTC"}, False),
        ({"vlan": "many"}, True),
    ],
)
def test_what_is_folded_away_is_open_where_something_was_typed_or_is_wrong_there(
    address: str, sign_in: SignIn, typed: dict[str, str], is_open: bool
) -> None:
    client = sign_in("owner")
    text = post_form(client, address, plan="1", **typed).text if typed else client.get(address).text
    assert bool(re.search(r'<details class="more part" open>\s*<summary>More', text)) is is_open
    assert re.search(r'<details class="more part"[^>]*>\s*<summary>More', text)


@pytest.mark.parametrize("button", ["plan", "edit", "confirm"])
@pytest.mark.parametrize("wrong_too", [{}, {"host_name": "Bad Name"}, {"image": "windows-12"}])
def test_a_private_key_is_never_sent_back_and_the_form_says_so_whatever_else_is_wrong(
    address: str, sign_in: SignIn, button: str, wrong_too: dict[str, str]
) -> None:
    for pasted in (PRIVATE, PRIVATE.partition("\n")[2], PRIVATE.replace("\n", "\r\n")):
        typed = {"ssh_keys": f"{SSH_KEY}\n{pasted}", **wrong_too, button: "db01"}
        text = post_form(sign_in("owner"), address, **typed).text
        assert [line for line in PRIVATE.splitlines() if line in text] == []
        assert SSH_KEY in text
        complaint = re.search(r'id="ssh_keys-wrong">([^<]*)<', text)
        assert complaint is not None
        assert "a private key was not kept" in complaint[1]
    assert jobs_asked_for() == 0


@pytest.mark.parametrize("pasted", ["whole", "without its first line", "in one line"])
def test_the_page_of_saved_keys_never_sends_a_private_one_back(seed: Seed, sign_in: SignIn, pasted: str) -> None:
    key = {"whole": PRIVATE, "without its first line": PRIVATE.partition("\n")[2],
           "in one line": PRIVATE.replace("\n", " ")}[pasted]  # fmt: skip
    client = sign_in("owner")
    answer = client.post("/keys", data={"key": key, "name": "Laptop", "csrf_token": csrf_token(client)})
    assert answer.status_code == 422
    assert [line for line in PRIVATE.splitlines() if line in answer.text] == []
    assert "The key was not taken" in answer.text
    assert "Laptop" in answer.text


def test_what_was_typed_goes_through_the_plan_unchanged_and_back_to_the_form(address: str, sign_in: SignIn) -> None:
    client = sign_in("owner")
    plan = post_form(client, address, plan="1", post_install=SCRIPT, packages="vim  tmux").text
    assert "&lt;b&gt;script&lt;/b&gt;" in plan
    assert "<b>script</b>" not in plan
    assert "2 lines, at the first start" in plan
    form = post_form(client, address, edit="1", post_install=SCRIPT, packages="vim  tmux", host_name="half a na").text
    for kept in ("&lt;b&gt;script&lt;/b&gt;", "vim  tmux", "half a na"):
        assert kept in form


def test_a_saved_key_is_given_to_its_own_user_alone(address: str, seed: Seed, sign_in: SignIn) -> None:
    own = control.add_ssh_key(seed.actors["owner"], SSH_KEY, "Laptop").id
    foreign = control.add_ssh_key(seed.actors["stranger"], SSH_KEY, "Elsewhere").id
    client = sign_in("owner")
    assert "somebody@example.org" in post_form(client, address, plan="1", ssh_keys="", saved_keys=[own]).text
    assert "Nobody could log in" in post_form(client, address, plan="1", ssh_keys="", saved_keys=[foreign]).text


def test_the_root_password_is_shown_once_and_no_cache_keeps_it(address: str, sign_in: SignIn) -> None:
    client = sign_in("owner")
    answer = post_form(client, address, confirm="db01", root_password="on", key="form-2")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    shown = re.search(r'id="shown-password">([^<]+)<', answer.text)
    assert shown is not None
    assert "Root password of the new system on db01" in answer.text
    again = post_form(client, address, confirm="db01", root_password="on", key="form-2")
    assert again.status_code == 200
    assert "asked for twice" in again.text
    assert shown[1] not in again.text


def test_a_server_that_another_job_has_is_not_planned_and_the_job_is_named(address: str, sign_in: SignIn) -> None:
    client = sign_in("owner")
    job = control.submit(SYSTEM, "power.cycle", "db01").id
    assert f"/jobs/{job}" in client.get(address).text
    answer = post_form(client, address, plan="1")
    assert answer.status_code == 409
    assert f"/jobs/{job}" in answer.text
    assert FORM["host_name"] in answer.text


def test_without_boot_service_image_or_virtual_media_the_form_is_refused_plainly(seed: Seed, sign_in: SignIn) -> None:
    owner, staff = sign_in("owner"), sign_in("technician")
    address = f"/servers/{seed.servers['db01']}/reinstall"
    refused = owner.get(address).text
    assert "its BMC has no virtual drive" in refused
    assert "network boot is not set up" in refused
    assert "docs/network-boot.md" not in refused
    assert "docs/network-boot.md" in staff.get(address).text
    address = f"/servers/{seed.servers['web01']}/reinstall"
    assert "oobctl boot --site main" in staff.get(address).text
    seen = owner.get(address).text
    assert "no boot service yet" in seen
    assert "Ask your provider." in seen
    assert "oobctl boot" not in seen
    with database().write() as session:
        session.scalars(select(Site)).one().boot_public_key = b"x" * 32
    assert "There is no operating system to install yet" in owner.get(address).text
    assert '<form class="reinstall"' not in owner.get(address).text


def test_the_page_of_the_server_leads_to_the_form_and_so_does_the_actions_own_address(
    address: str, seed: Seed, sign_in: SignIn
) -> None:
    client = sign_in("owner")
    server = f"/servers/{seed.servers['db01']}"
    assert f'href="{address}">Reinstall the operating system…' in client.get(server).text
    for answer in (client.get(f"{server}/actions/os.reinstall"), post_form(client, f"{server}/actions/os.reinstall")):
        assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert jobs_asked_for() == 0


def test_who_may_not_reinstall_is_told_so_and_a_try_is_on_record(address: str, sign_in: SignIn) -> None:
    client = sign_in("viewer")
    assert "It can't be reinstalled now." in client.get(address).text
    assert post_form(client, address, plan="1").status_code == 403
    with database().read() as session:
        refusals = session.scalars(select(AuditRecord).where(AuditRecord.kind == "refusal")).all()
    assert [row.tag for row in refusals] == ["server:os:reinstall"]
    assert SSH_KEY.split()[1] not in str(refusals[0].parameters)


def test_a_stranger_finds_no_such_server(address: str, sign_in: SignIn) -> None:
    client = sign_in("stranger")
    assert client.get(address).status_code == 404
    assert post_form(client, address, plan="1").status_code == 404


# --- the job --------------------------------------------------------------------------------------------------------


def running(seed: Seed, **changes: object) -> str:
    job = reinstallable.begun(seed.servers["db01"], seed.actors["owner"], **changes)
    done = control.find(control.REINSTALL).position_of("image_written")
    begin(job, done=done, details=["Done"] * done, seconds=[1.0] * done, ago=30)
    reinstallable.writing(job)
    return job


def test_the_jobs_page_shows_bytes_rate_and_the_last_lines_while_it_writes(
    address: str, seed: Seed, sign_in: SignIn
) -> None:
    job = running(seed)
    text = sign_in("owner").get(f"/jobs/{job}").text
    assert "214 MB of 331 MB" in text
    assert re.search(r'<progress id="written" max="331000000" value="214000000">', text)
    assert re.search(r"MB/s · about \d+ s left", text)
    assert "image: writing" in text
    assert "From here on the old system is gone" in text
    assert "image: 331 MB to fetch, over https from its address" in text
    assert "203.0.113.77" not in text


def test_who_called_is_for_staff(address: str, seed: Seed, sign_in: SignIn) -> None:
    job = running(seed)
    told = "8f1c1d7e-3a55-4b0e-9c55-0f6a3f5b8c11"
    assert told in sign_in("technician").get(f"/jobs/{job}").text
    assert told not in sign_in("owner").get(f"/jobs/{job}").text


def test_at_its_end_the_page_says_how_to_log_in_and_which_host_key_to_expect(
    address: str, seed: Seed, sign_in: SignIn
) -> None:
    job = running(seed)
    reinstallable.runs(job)
    end(seed, job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)
    text = sign_in("owner").get(f"/jobs/{job}").text
    assert 'id="login">ssh root@db01.example.org<' in text
    assert "SHA256:QfQf" in text
    assert "6.12.48+deb13-amd64" in text
    assert 'data-copy="host-key-1"' in text


def test_with_a_password_alone_the_page_leads_to_the_screen(address: str, seed: Seed, sign_in: SignIn) -> None:
    job = running(seed, ssh_keys=[], root_password=True)
    reinstallable.runs(job)
    end(seed, job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)
    text = sign_in("owner").get(f"/jobs/{job}").text
    assert "ssh root@" not in text
    assert "with the password that was shown" in text


def test_a_failed_one_shows_the_installers_reason_and_log_and_leads_to_a_new_one(
    address: str, seed: Seed, sign_in: SignIn
) -> None:
    job = running(seed)
    reinstallable.failed(job, "no room on 198.51.100.61")
    end(seed, job, JobState.NEEDS_ATTENTION, error=InstallFailed("The installer failed: no room."))
    text = sign_in("owner").get(f"/jobs/{job}").text
    assert "The installer said:</b> no room on its address" in text
    assert re.search(r'id="installer-log" data-stays open', text)
    assert f'href="{address}">Reinstall db01 anew' in text
    assert "Try again" not in text


def test_of_who_presented_the_key_a_second_time_customers_read_nothing(
    address: str, seed: Seed, sign_in: SignIn
) -> None:
    job = running(seed)
    with database().write() as session:
        session.get_one(Install, job).alarm = ALARM.partition(" The reinstall")[0]
    end(seed, job, JobState.NEEDS_ATTENTION, error=InstallFailed(ALARM, alarm=True))
    client = sign_in("owner")
    seen = client.get(f"/jobs/{job}").text + client.get(f"/api/v1/jobs/{job}").text + client.get("/audit").text
    seen += client.get(f"/api/v1/jobs/{job}/installer").text
    assert "Its key was presented a second time" in seen
    for secret in ("203.0.113.66", "aaaaaaaa-3a55", "02:aa:bb", "Look at both machines"):
        assert secret not in seen
    assert "02:aa:bb:cc:dd:ee" in sign_in("technician").get(f"/jobs/{job}").text


def test_the_whole_log_is_there_as_text_for_who_may_read_the_job(address: str, seed: Seed, sign_in: SignIn) -> None:
    job = running(seed)
    reinstallable.said(job, *(f"line {number}" for number in range(300)))
    answer = sign_in("owner").get(f"/jobs/{job}/installer")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert len(answer.text.splitlines()) == 305
    assert sign_in("stranger").get(f"/jobs/{job}/installer").status_code == 404
    assert sign_in("owner").get(f"/jobs/{seed.jobs['proven']}/installer").status_code == 404
