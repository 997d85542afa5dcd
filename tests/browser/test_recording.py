"""A recording in a real browser: played, sought in, saved; and the serial log, searched."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from oobctl import administer
from oobctl.constants import RecordConsoles
from oobctl.lab.rack import RackInfo
from oobctl.store import AuditRecord, Recording, database
from tests.browser import test_console
from tests.browser.conftest import PHONE
from tests.browser.test_console import READY, type_text
from tests.installation import Installation, eventually

OpenAs = Callable[..., Page]
site = test_console.site
open_as = test_console.open_as


@pytest.fixture(scope="module")
def recorded(site: Installation, browser: Browser) -> str:
    """A recording of app01's screen, at which somebody logged in."""
    administer.record_server(site.actor("admin"), "app01", RecordConsoles.ON)
    context = browser.new_context()
    page = context.new_page()
    person = site.people["customer"]
    page.goto(f"{site.url}/sign-in?next=/servers/app01/console")
    page.get_by_label("Name").fill(person.name)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(READY)
    expect(page.get_by_text("Recorded", exact=True)).to_be_visible()
    page.wait_for_timeout(1500)
    type_text(page, "root\n")
    page.wait_for_timeout(3000)
    context.close()
    administer.record_server(site.actor("admin"), "app01", None)

    def found() -> list[Recording]:
        with database().read() as session:
            return list(session.scalars(select(Recording).where(Recording.whole)))

    eventually(found)
    return found()[0].id


def picture(page: Page) -> bytes:
    shown = page.locator(".player-shows canvas")
    expect(shown).to_have_count(1)  # a moment that is sought is drawn beside what is shown, and then takes its place
    return shown.screenshot()


def test_a_recording_is_played_and_any_moment_of_it_is_reached(recorded: str, open_as: OpenAs) -> None:
    page = open_as("customer", f"/recordings/{recorded}")
    page.wait_for_selector(READY)
    page.wait_for_timeout(300)
    first = picture(page)
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".console-state")).to_have_text("The end", timeout=20_000)
    last = picture(page)
    assert last != first
    slider = page.get_by_label("Position")
    slider.fill("0")
    slider.dispatch_event("change")
    page.wait_for_timeout(500)
    longest = str(slider.get_attribute("max"))
    slider.fill(longest)
    slider.dispatch_event("change")
    expect(page.locator(".console-state")).to_have_text("The end")
    page.wait_for_timeout(500)
    assert picture(page) == last  # by another way than playing all of it


def test_a_copy_is_saved_that_other_players_read(recorded: str, open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as("customer", f"/recordings/{recorded}")
    page.wait_for_selector(READY)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save a copy").click()
    waiting.value.save_as(tmp_path / "copy.fbs")
    assert (tmp_path / "copy.fbs").read_bytes().startswith(b"FBS 001.000\n")
    assert waiting.value.suggested_filename.endswith(".fbs")


def test_watching_is_on_record_and_the_list_leads_there_on_a_phone(
    site: Installation, recorded: str, open_as: OpenAs
) -> None:
    page = open_as("technician", "/servers/app01/recordings", viewport=PHONE)
    page.get_by_role("link", name="Screen").first.click()
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    with database().read() as session:
        query = select(AuditRecord.actor_name).where(AuditRecord.tag == "server:console:watch")
        assert "technician" in session.scalars(query).all()


def test_the_serial_log_is_turned_on_and_searched(site: Installation, rack: RackInfo, open_as: OpenAs) -> None:
    page = open_as("customer", "/servers/app01/recordings", viewport=PHONE)
    page.wait_for_selector(READY)
    page.get_by_label("Keep it").select_option("always")
    expect(page.locator(".log-says")).to_contain_text("Kept from now on: always")
    serial = open_as("customer", "/servers/app01/serial")
    serial.wait_for_selector(READY)
    serial.wait_for_timeout(2000)
    for _ in range(60):
        serial.keyboard.press("Control+d")  # somebody may be logged in there
        serial.keyboard.press("Enter")
        page.get_by_label("Search in these lines").fill("login:")
        page.get_by_role("button", name="Show").click()
        page.wait_for_selector("main[data-shown]")
        if page.locator(".log-lines li").count():
            break
        page.wait_for_timeout(500)
    expect(page.locator(".log-lines li").first).to_contain_text("login:")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_label("Search in these lines").fill("never written")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".log-says")).to_contain_text("Nothing that is kept has")
