"""iPXE scripts on a phone: one is kept, read, chosen for a server, and removed."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from oobctl.constants import NetworkBoot
from oobctl.store import BootScript, Job, Server, Site, database
from tests.browser.conftest import PHONE, OpenAs, Panel
from tests.unit.web.reinstallable import MAC


@pytest.fixture(scope="module")
def server(running_panel: Panel) -> str:
    """One that starts from its network."""
    found = running_panel.seed.servers["db01"]
    with database().write() as session:
        session.execute(update(Site).values(boot_public_key=b"x" * 32, network_boot=NetworkBoot.SCRIPT))
        session.get_one(Server, found).boot_macs = [MAC]
    return found


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_script_is_kept_read_and_chosen_for_a_server(panel: Panel, server: str, open_as: OpenAs) -> None:
    page = open_as("owner", "/servers", viewport=PHONE)
    page.get_by_role("link", name="Boot scripts").click()
    page.get_by_label("Name").fill("rescue-12")
    page.get_by_label("Script").fill("echo no first line")
    page.get_by_role("button", name="Add this script").click()
    expect(page.locator("#script-wrong")).to_contain_text("begins with the line #!ipxe")
    expect(page.get_by_label("Name")).to_have_value("rescue-12")
    fits(page)
    page.get_by_label("Script").fill(f"#!ipxe\necho {'long' * 40}\nchain https://boot.example.org/rescue.ipxe\n")
    page.get_by_role("button", name="Add this script").click()
    fits(page)
    page.get_by_role("link", name="rescue-12").click()
    expect(page.locator("pre")).to_contain_text("chain https://boot.example.org/rescue.ipxe")
    fits(page)
    page.goto(f"{panel.url}/servers/{server}/actions/boot.script")
    page.get_by_label("A script that your account keeps").select_option("rescue-12")
    fits(page)
    page.get_by_role("button", name=re.compile("Start once from an iPXE script")).click()
    page.wait_for_url(re.compile(f"/servers/{server}$"))
    with database().read() as session:
        job = session.scalars(select(Job).where(Job.action == "boot.script")).one()
        assert (job.parameters["saved"], job.parameters["lines"]) == ("rescue-12", 3)
    page.goto(f"{panel.url}/boot-scripts")
    page.get_by_role("button", name="Remove rescue-12").click()
    expect(page.get_by_text("Your account keeps none yet.")).to_be_visible()
    with database().read() as session:
        assert session.scalars(select(BootScript)).all() == []
