"""The whole road, from a click in a browser to a real BMC and back: what the page says is what the rack saw."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from oobctl.lab.rack import RackInfo
from tests.browser.conftest import PHONE
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation

TITLES = [
    "Check that this is the right server",
    "Read the power state",
    "Switch off and read back",
    "Stay off",
    "Switch on and read back",
]


@pytest.fixture(scope="module")
def living(
    guard: Guard, rack: RackInfo, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A panel, a worker and a monitor on the rack, with the shipped limits."""
    mend(rack)
    url = databases.migrated("sqlite")
    home = tmp_path_factory.mktemp("living")
    with Installation(guard, home, url, {"poll_interval_seconds": "5"}) as found:
        found.initialise().add_people().add_servers(rack)
        found.start_worker()
        found.start_monitor()
        found.start_panel()
        found.enroll()
        yield found


@pytest.fixture
def customer(living: Installation, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{living.url}/servers")
    person = living.people["customer"]
    page.get_by_label("Name").fill(person.name)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{living.url}/servers")
    yield page
    context.close()


@pytest.mark.parametrize("name", ["web01", "db01", "app01"])
def test_a_click_cycles_a_real_server_and_the_record_proves_it(
    name: str, living: Installation, customer: Page, rack: RackInfo
) -> None:
    before = len(rack.servers[name].commands())
    customer.get_by_role("link", name=name).click()
    expect(customer.locator("#state")).to_contain_text(re.compile(r"On · read"))
    customer.get_by_text("Power cycle", exact=True).click()
    form = customer.locator("#action-power-cycle form")
    expect(form).to_contain_text("unsaved data is lost")
    form.get_by_role("button", name=f"Power cycle: {name}").click()

    now = customer.locator(".step[aria-current=step]")
    expect(now).to_contain_text("Stay off", timeout=20_000)  # live: nobody reloads the page
    expect(customer.locator("#state")).to_contain_text("Off")
    job = customer.locator("#job")
    expect(job).to_contain_text("Proven", timeout=40_000)
    for title in TITLES:
        expect(job).to_contain_text(title)
    expect(customer.locator("#state")).to_contain_text(re.compile(r"On · read"))
    expect(customer.locator("#records")).to_contain_text("proven")
    expect(customer.locator("#records")).to_contain_text("0.00 EUR")

    assert switched(rack, name, before) == ["off", "on"]
    assert ipmitool_says(rack, name) in {None, "Chassis Power is on"}


def switched(rack: RackInfo, name: str, since: int) -> list[str]:
    """What the rack's own log says was done to the chassis: its power, in order."""
    said = [entry["command"] for entry in rack.servers[name].commands()[since:]]
    return [command.removeprefix("power ") for command in said if command in {"power on", "power off"}]


def ipmitool_says(rack: RackInfo, name: str) -> str | None:
    """The power state by another program, where the server speaks IPMI."""
    endpoint = rack.servers[name].ipmi
    if endpoint is None:
        return None
    command = ["ipmitool", "-I", "lanplus", "-C", "3", "-H", endpoint.address, "-p", str(endpoint.port)]
    asked = subprocess.run(
        [*command, "-U", endpoint.user, "-E", "power", "status"],
        env={"IPMI_PASSWORD": endpoint.password, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


def test_two_presses_of_one_form_are_one_job(living: Installation, customer: Page) -> None:
    """A double click, or a form that was sent twice over bad Wi-Fi, must not switch a server twice."""
    customer.get_by_role("link", name="db01").click()
    customer.get_by_text("Identify light", exact=True).click()
    form = customer.locator("#action-identify-set form")
    fields = form.locator("input, select").evaluate_all("found => found.map(field => [field.name, field.value])")
    url = living.url + (form.get_attribute("action") or "")
    answers = [customer.request.post(url, form=dict(fields), max_redirects=0) for _ in range(2)]
    jobs = living.client("customer").get("/jobs", params={"server": "db01"}).json()["items"]
    assert [answer.status for answer in answers] == [303, 303]
    assert len([job for job in jobs if job["action"] == "identify.set"]) == 1
