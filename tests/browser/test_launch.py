"""The console in a BMC's own pages, in a real browser: opened in its own window, typed at, ended from the panel."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from tests.browser.conftest import DESK, PHONE
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, endpoints_of, free_port

PROFILES = Path(virtual_rack.__file__).parent / "hwprofiles"


@pytest.fixture(scope="module")
def site(
    guard: Guard, rack: RackInfo, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """app01 of the rack, whose screen is had in its BMC's own pages alone; as the demo has it."""
    mend(rack)
    url = databases.migrated("sqlite")
    port = free_port()
    wanted = {"hwprofiles": str(PROFILES), "launch_listen": f"127.0.0.1:{port}"}
    wanted |= {"launch_url": f"http://consoles.localhost:{port}"}
    with Installation(guard, tmp_path_factory.mktemp("launch"), url, wanted) as found:
        found.initialise().add_people()
        found.add_server("app01", endpoints_of(rack.servers["app01"]))
        found.start_worker()
        found.start_panel()
        found.start_gateway()
        found.enroll()
        yield found
    databases.drop(url)


def open_as(site: Installation, browser: Browser, who: str, size: dict[str, int]) -> Page:
    page = browser.new_context(viewport=size).new_page()  # type: ignore[arg-type]
    page.goto(f"{site.url}/sign-in?next=/servers/app01/console")
    page.get_by_label("Name").fill(site.people[who].name)
    page.get_by_label("Password").fill(site.people[who].password)
    page.get_by_role("button", name="Sign in").click()
    return page


def type_text(viewer: Page, text: str) -> None:
    """Key by key, as the pages' own script sends them."""
    script = """async (text) => {
        for (const sign of text) {
            const key = sign === "\\n" ? 0xff0d : sign.charCodeAt(0), shift = /[A-Z>]/.test(sign);
            if (shift) rfb.sendKey(0xffe1, "ShiftLeft", true);
            rfb.sendKey(key);
            if (shift) rfb.sendKey(0xffe1, "ShiftLeft", false);
            await new Promise((done) => setTimeout(done, 30));
        }
    }"""
    viewer.evaluate(script, text)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_bmcs_own_screen_is_seen_and_typed_at_without_its_address(
    site: Installation, rack: RackInfo, browser: Browser, size: dict[str, int]
) -> None:
    page = open_as(site, browser, "customer", size)
    complaints: list[str] = []
    expect(page.get_by_role("heading", name="The BMC's own console")).to_be_visible()
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Open the console").click()
    viewer = opened.value
    viewer.on("pageerror", lambda error: complaints.append(str(error)))
    expect(viewer).to_have_title("Remote console of app01", timeout=20_000)
    expect(viewer.locator("#state")).to_have_text("connected", timeout=20_000)
    assert re.match(r"http://c-[0-9a-f]{32}\.consoles\.localhost:\d+/viewer/", viewer.url)
    there = rack.servers["app01"].redfish
    assert there is not None
    assert there.address not in viewer.content()
    log = rack.servers["app01"].serial_log
    mark = f"x{time.monotonic_ns()}"
    for _ in range(25):  # it may still be starting
        type_text(viewer, "root\n")
        viewer.wait_for_timeout(1000)
        type_text(viewer, f"echo {mark} > /dev/ttyS0\n")
        viewer.wait_for_timeout(1000)
        if mark in log.read_text(errors="replace"):
            break
    assert mark in log.read_text(errors="replace")
    expect(page.locator(".console-state")).to_have_text("It is open in another window.", timeout=10_000)
    page.get_by_role("button", name="End it").click()
    expect(viewer.locator("#state")).to_have_text("disconnected", timeout=10_000)
    expect(page.locator(".console-state")).to_have_text("It is closed.", timeout=10_000)
    viewer.reload()
    expect(viewer.get_by_role("heading", name="This console has ended")).to_be_visible()
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.context.close()
