"""What people see and do: state before actions, a job step by step, and no script needed for any of it."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from oobctl import clock, control
from oobctl.access import SYSTEM
from oobctl.administer import assign
from oobctl.constants import JobState, Outcome
from oobctl.jobs import progress
from oobctl.store import Job, database
from tests.browser.conftest import DESK, PHONE, OpenAs, Panel
from tests.unit.web import seed as seeding
from tests.unit.web.seed import Seed
from web.hardware import PAGES


def path(panel: Panel, name: str) -> str:
    return f"/servers/{panel.seed.servers[name]}"


def test_the_state_and_its_age_stand_at_the_top_and_the_age_counts(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", path(panel, "db01"))
    state = page.locator("#state")
    expect(state).to_contain_text(re.compile(r"On · read .* ago"))
    told = state.locator("time[data-form=age]").first.inner_text()
    page.wait_for_function(
        "told => document.querySelector('#state time').textContent !== told", arg=told, timeout=90000
    )


def test_a_silent_bmc_is_said_and_its_last_state_is_called_last_known(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", path(panel, "app01"))
    expect(page.locator("#state")).to_contain_text(re.compile(r"BMC silent.*no readings since .*last known On"))
    expect(page.locator("#state .state.on")).to_have_count(0)


def test_times_are_shown_in_the_viewers_zone_and_keep_utc(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", f"/jobs/{panel.seed.jobs['proven']}", timezone_id="Asia/Kolkata")
    time = page.locator("#live time").first
    utc, local = time.get_attribute("title") or "", time.inner_text()
    assert utc.endswith("UTC")
    assert utc[11:19] not in local
    assert utc[17:19] == local[-2:]  # the seconds are the same everywhere


def test_a_press_becomes_a_job_that_is_seen_step_by_step(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", path(panel, "db01"))
    page.locator("#action-power-cycle summary").click()
    form = page.locator("#action-power-cycle form")
    expect(form).to_contain_text("db01 is running. Its power is cut")
    form.get_by_role("button", name="Power cycle: db01").click()
    expect(page.locator("#job")).to_contain_text("Queued")
    expect(page.locator("#actions")).to_contain_text("Actions are back when it has ended")
    job = newest(panel, "db01")
    page.evaluate("() => { window.untouched = true; }")
    seeding.begin(job, done=2, details=["The right server: serial OOB-1002", "Read: On"], seconds=[0.3, 0.1], ago=1)
    expect(page.locator(".step[aria-current=step]")).to_contain_text("Switch off and read back")
    progress.waits_for(job, "worker-1", "for db01 to be Off")
    expect(page.locator(".step[aria-current=step]")).to_contain_text("Waiting for db01 to be Off")
    evidence = {"before": seeding.reading("On", 3), "after": seeding.reading("On", 0)}
    seeding.end(Seed(), job, JobState.SUCCEEDED, outcome=Outcome.PROVEN, evidence=evidence)
    expect(page.locator("#job")).to_contain_text("Proven.")
    expect(page.locator("#records")).to_contain_text("Power cycle, asked for by owner: proven")
    expect(page.locator("#actions")).not_to_contain_text("Actions are back")
    assert page.evaluate("() => window.untouched") is True  # live, not reloaded


def test_a_job_begun_elsewhere_shows_on_an_open_page(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", path(panel, "db01"))
    control.submit(panel.seed.actors["operator"], "power.reset", "db01")
    expect(page.locator("#job h2")).to_have_text("Reset", timeout=20000)
    expect(page.locator("#actions summary")).to_have_text(["Read now"])  # a reading keeps off nothing


def test_a_busy_server_says_so_and_links_to_the_job(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", f"{path(panel, 'db01')}/actions/power.off")
    job = control.submit(panel.seed.actors["operator"], "power.reset", "db01").id
    page.get_by_role("button", name="Power off (hard): db01").click()
    expect(page.get_by_role("alert")).to_contain_text("db01 is busy with power.reset")
    page.get_by_role("link", name="See the running job").click()
    expect(page).to_have_url(f"{panel.url}/jobs/{job}")


def test_a_double_press_is_one_job(panel: Panel, open_as: OpenAs) -> None:
    before = len(jobs_of(panel, "db01", "identify.set"))
    page = open_as("owner", path(panel, "db01"), java_script_enabled=False)
    page.locator("#action-identify-set summary").click()
    page.locator("#action-identify-set").get_by_role("button").dblclick()
    expect(page.locator("#job")).to_contain_text("Identify light")
    assert len(jobs_of(panel, "db01", "identify.set")) == before + 1


def test_wrong_input_keeps_what_was_typed(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", f"{path(panel, 'db01')}/actions/identify.set")
    page.get_by_label("Light").select_option("Lit")
    page.get_by_label("For how many seconds").fill("9999")
    page.locator("form.action-form button").click()
    expect(page.get_by_role("alert")).to_contain_text("seconds")
    expect(page.get_by_label("For how many seconds")).to_have_value("9999")
    expect(page.get_by_label("Light")).to_have_value("Lit")


@pytest.mark.parametrize(
    ("choice", "parameters"),
    [("Pxe", {"source": "Pxe", "enabled": "Once", "mode": None}),
     ("None", {"source": "None", "enabled": "Disabled", "mode": None})],
)  # fmt: skip
def test_the_boot_device_is_set_and_cleared_with_one_choice(
    panel: Panel, open_as: OpenAs, choice: str, parameters: dict[str, str | None]
) -> None:
    page = open_as("owner", f"{path(panel, 'db01')}/actions/boot.set")
    page.get_by_label("Boot from").select_option(choice)
    page.locator("form.action-form button").click()
    page.wait_for_url(panel.server("db01"))
    assert jobs_of(panel, "db01", "boot.set")[0] == parameters


def test_everything_works_without_scripts(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", "/servers", java_script_enabled=False)
    page.get_by_label("Search").fill("db")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="db01").click()
    page.locator("#action-power-on summary").click()
    page.get_by_role("button", name="Power on: db01").click()
    expect(page.locator("#job")).to_contain_text("Queued")
    page.get_by_role("link", name="See or cancel this job").click()
    page.get_by_role("button", name="Cancel this job").click()
    expect(page.locator("#live")).to_contain_text("Cancelled")
    expect(page.locator("time").first).to_contain_text("UTC")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_trying_a_hard_action_again_says_the_consequence_first(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", f"/jobs/{panel.seed.jobs['needs_attention']}")
    page.get_by_text("Try again", exact=True).click()
    expect(page.locator(".again form")).to_contain_text("build01 is off, so there is nothing to reset")
    page.get_by_label("What you found").fill("It was running all the time.")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator("#live")).to_contain_text("Resolved by owner")


def test_a_cancel_goes_from_an_open_page_when_it_would_be_refused(panel: Panel, open_as: OpenAs) -> None:
    job = control.submit(panel.seed.actors["owner"], "power.cycle", "db01").id
    seeding.begin(job, done=1, details=["The right server"], seconds=[0.3], ago=1)
    page = open_as("owner", f"/jobs/{job}")
    expect(page.get_by_role("button", name="Cancel this job")).to_be_visible()
    progress.end_step(job, "worker-1", 1, detail="Read: On", evidence={}, result={})
    progress.begin_step(job, "worker-1", 2, may_stop=True)
    expect(page.locator(".step[aria-current=step]")).to_contain_text("Switch off and read back")
    expect(page.get_by_role("button", name="Cancel this job")).to_have_count(0)
    seeding.end(Seed(), job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)


def test_a_viewer_sees_the_actions_and_why_not(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("viewer", path(panel, "db01"))
    expect(page.locator("#actions")).to_contain_text("The role viewer has no permission power")
    expect(page.locator("#actions summary")).to_have_text(["Read now"])


def test_a_server_taken_away_is_not_found_and_its_live_page_says_nothing_more(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", path(panel, "db01"))
    assign(SYSTEM, "db01", "other")
    page.reload()
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_the_keyboard_reaches_search_rows_and_help(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", "/jobs")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url(f"{panel.url}/servers")
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("b01")
    expect(page.locator("[data-row]")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="db01")).to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="web01")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(panel.server("db01"))


def test_a_lost_connection_is_said(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", path(panel, "web01"))
    expect(page.locator("#lost")).to_be_hidden()
    page.context.set_offline(True)
    expect(page.locator("#lost")).to_contain_text("No connection to the panel since", timeout=30000)
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_be_hidden(timeout=30000)


def test_a_lost_connection_is_seen_on_a_phone_that_is_scrolled_down(panel: Panel, open_as: OpenAs) -> None:
    page = open_as("owner", path(panel, "web01"), viewport=PHONE)
    page.evaluate("() => window.scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate("() => window.scrollY") > 0
    page.context.set_offline(True)
    expect(page.locator("#lost")).to_be_in_viewport(ratio=1, timeout=30000)


def test_on_a_phone_power_cycle_is_there_without_scrolling_when_nothing_goes_on(panel: Panel, open_as: OpenAs) -> None:
    job = control.submit(SYSTEM, "power.cycle", panel.seed.servers["db01"]).id
    seeding.begin(job, done=2, details=["", ""], seconds=[0.1, 0.1], ago=3600)
    seeding.end(panel.seed, job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)
    with database().write() as session:
        session.get_one(Job, job).finished_at = clock.now() - timedelta(hours=1)
    page = open_as("owner", path(panel, "db01"), viewport=PHONE)
    expect(page.locator("#action-power-cycle")).to_be_in_viewport(ratio=1)
    told = page.locator("#job .evidence")
    expect(told).to_be_hidden()
    page.locator("#job summary").click()
    expect(told).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_what_sensors_read_over_time_is_drawn(panel: Panel, open_as: OpenAs, viewport: dict[str, int]) -> None:
    page = open_as("technician", f"{path(panel, 'web01')}/hardware/over-time", viewport=viewport)
    plots = page.locator(".plot canvas")
    expect(plots.first).to_be_visible()
    assert plots.count() == page.locator("[data-plot]").count() > 0
    expect(page.locator(".plot").first).not_to_contain_text("needs JavaScript")
    fans = page.get_by_role("region", name="Do the fans keep turning?")
    fans.locator("summary").click()
    expect(fans.locator(".figures tbody")).to_contain_text("4200")
    page.get_by_role("link", name="90 days").click()
    expect(plots.first).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_is_readable(panel: Panel, open_as: OpenAs, viewport: dict[str, int], scheme: str) -> None:
    """Nothing scrolls sideways, text has the contrast of WCAG AA, and what is pressed on a phone is large enough."""
    page = open_as("admin", "/servers", viewport=viewport, color_scheme=scheme)
    servers, jobs = panel.seed.servers, panel.seed.jobs
    paths = ["/servers", "/fleet", "/jobs", "/audit", "/servers/nope", f"/servers/{servers['web01']}/actions/boot.set"]
    paths += [f"/servers/{server}" for server in servers.values()] + [f"/jobs/{job}" for job in jobs.values()]
    paths += [f"/servers/{servers['web01']}/hardware/{name}" for name in PAGES]
    for place in paths:
        page.goto(panel.url + place)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), place
        assert page.evaluate(LOW_CONTRAST) == [], place
        if viewport is PHONE:
            assert page.evaluate(SMALL_TARGETS) == [], place


LOW_CONTRAST = """() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { r, g, b, a }; };
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ({ r, g, b }) => [r, g, b].map((c) => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return { r: 255, g: 255, b: 255 };
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(".hidden, .skip")) continue;
    const style = getComputedStyle(element), a = light(parse(style.color)), b = light(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 40)}`);
  }
  return bad;
}"""
SMALL_TARGETS = """() => [...document.querySelectorAll("button, summary, select, nav a, input:not([type=hidden])")]
  .filter((element) => element.checkVisibility() && !element.closest("footer, .check, .fold"))
  .map((element) => [element.getBoundingClientRect(), element])
  .filter(([box]) => box.height < 44)
  .map(([box, element]) => `${box.height} ${element.textContent.trim().slice(0, 40)}`)"""


def jobs_of(panel: Panel, server: str, action: str) -> list[dict[str, object]]:
    found, _ = control.jobs(panel.seed.actors["admin"], server=server)
    return [job.parameters for job in found if job.action == action]


def newest(panel: Panel, server: str) -> str:
    found, _ = control.jobs(panel.seed.actors["admin"], server=server, limit=1)
    return found[0].id
