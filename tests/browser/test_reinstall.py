"""A reinstall as a person asks for it: the form, the plan, the name that is typed, and the job that begins."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from oobctl import control
from oobctl.constants import BootPath, JobState, Outcome
from oobctl.store import Install, Job, SshKey, database
from oobctl.workflows.reinstall_os import steps_from
from tests.browser.conftest import PHONE, OpenAs, Panel
from tests.reinstalls import SSH_KEY
from tests.unit.web import reinstallable
from tests.unit.web.seed import Seed, begin, end


@pytest.fixture(scope="module")
def server(running_panel: Panel) -> str:
    return reinstallable.prepare(running_panel.seed)


def fill(page: Page) -> None:
    page.get_by_label("Debian 13").check()
    page.get_by_label("Host name").fill("db01.example.org")
    page.get_by_label("SSH keys", exact=True).fill(SSH_KEY)


def reinstalls() -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).where(Job.action == control.REINSTALL)) or 0


def test_from_the_servers_page_to_the_queued_job_on_a_phone(panel: Panel, server: str, open_as: OpenAs) -> None:
    page = open_as("owner", f"/servers/{server}", viewport=PHONE)
    page.get_by_role("link", name="Reinstall the operating system…").click()
    fill(page)
    page.get_by_role("button", name="See the plan").click()
    expect(page.get_by_text("All that is on disk S3Z8NB0K123456 (480.1 GB) is lost.")).to_be_visible()
    expect(page.locator(".step")).to_have_count(len(steps_from(BootPath.VIRTUAL_MEDIA)))
    expect(page.get_by_text("From here on it cannot be cancelled")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_label(re.compile("type the server's name")).fill("db01")
    page.get_by_role("button", name="Reinstall db01").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", name="Reinstall the operating system: db01")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("Queued")
    expect(page.locator("#live")).to_contain_text("debian-13 as db01.example.org, on S3Z8NB0K123456")


def test_a_refused_name_changes_nothing_and_another_try_goes_on(panel: Panel, server: str, open_as: OpenAs) -> None:
    page = open_as("owner", f"/servers/{server}/reinstall")
    fill(page)
    page.get_by_role("button", name="See the plan").click()
    before = reinstalls()
    page.locator("#confirm").fill("web01")
    page.get_by_role("button", name="Reinstall db01").click()
    expect(page.locator("#confirm-wrong")).to_have_text("Type db01, just so, to go on.")
    expect(page.locator("#confirm")).to_be_focused()
    assert reinstalls() == before
    page.get_by_role("button", name="Change something").click()
    expect(page.get_by_label("Host name")).to_have_value("db01.example.org")
    expect(page.get_by_label("Debian 13")).to_be_checked()
    assert "ssh-ed25519" not in page.url


def test_a_wrong_key_stands_at_its_input_with_all_that_was_typed(panel: Panel, server: str, open_as: OpenAs) -> None:
    page = open_as("owner", f"/servers/{server}/reinstall")
    fill(page)
    page.get_by_text("More: time zone").click()
    page.get_by_label("Packages").fill("vim tmux")
    typed = f"{SSH_KEY}\nssh-ed25519 AAAAnonsense me@laptop"
    page.get_by_label("SSH keys", exact=True).fill(typed)
    page.get_by_role("button", name="See the plan").click()
    expect(page.locator("#ssh_keys-wrong")).to_contain_text("Key 2: this is no SSH public key")
    keys = page.get_by_label("SSH keys", exact=True)
    expect(keys).to_have_value(typed)
    expect(keys).to_have_attribute("aria-describedby", re.compile("ssh_keys-wrong"))
    expect(page.locator("#packages")).to_have_value("vim tmux")


def test_what_is_wrong_in_a_folded_part_unfolds_it(panel: Panel, server: str, open_as: OpenAs) -> None:
    page = open_as("owner", f"/servers/{server}/reinstall")
    fill(page)
    page.get_by_text("More: time zone").click()
    page.get_by_label("Time zone").fill("Mars/Base")
    page.get_by_role("button", name="See the plan").click()
    expect(page.locator("#time_zone-wrong")).to_be_visible()


def test_a_saved_key_is_chosen_from_the_users_list(panel: Panel, server: str, open_as: OpenAs) -> None:
    page = open_as("owner", "/keys")
    page.get_by_label("Public key").fill(SSH_KEY)
    page.get_by_label("Name", exact=True).fill("Laptop")
    page.get_by_role("button", name="Add this key").click()
    expect(page.locator(".kept")).to_contain_text("Laptop")
    page.goto(f"{panel.url}/servers/{server}/reinstall")
    page.get_by_label("Debian 13").check()
    page.get_by_label("Laptop").check()
    page.get_by_role("button", name="See the plan").click()
    expect(page.get_by_text("root with the key somebody@example.org")).to_be_visible()
    page.goto(f"{panel.url}/keys")
    page.get_by_role("button", name="Remove Laptop").click()
    expect(page.get_by_text("You have saved none yet.")).to_be_visible()
    with database().read() as session:
        assert session.scalar(select(func.count()).select_from(SshKey)) == 0


def test_the_jobs_page_follows_the_bytes_and_ends_with_the_host_key(panel: Panel, server: str, open_as: OpenAs) -> None:
    job = reinstallable.begun(server, panel.seed.actors["owner"])
    done = control.find(control.REINSTALL).position_of("image_written")
    begin(job, done=done, details=["Done"] * done, seconds=[1.0] * done, ago=30)
    reinstallable.writing(job, done=50_000_000)
    page = open_as("owner", f"/jobs/{job}")
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_js_property("value", 50_000_000)
    page.locator("#installer-log summary").click()
    with database().write() as session:
        session.get_one(Install, job).bytes_done = 300_000_000
        session.get_one(Job, job).revision += 1
    expect(bar).to_have_js_property("value", 300_000_000)
    expect(page.locator("#installer-log")).to_have_attribute("open", "")  # it stays as it was left
    reinstallable.runs(job)
    end(Seed(), job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)
    expect(page.locator("#login")).to_have_text("ssh root@db01.example.org")
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()
