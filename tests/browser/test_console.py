"""A server's real screen in a real browser: seen, typed at, restarted from, looked on at by another."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from oobctl.lab.rack import RackInfo
from tests.browser.conftest import DESK, PHONE
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, endpoints_of, eventually, screen_of

OpenAs = Callable[..., Page]
READY = "main[data-ready=true]"


@pytest.fixture(scope="module")
def site(
    guard: Guard, rack: RackInfo, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A panel, a worker and a gateway; app01 of the rack, with its screen."""
    mend(rack)
    url = databases.migrated("sqlite")
    with Installation(guard, tmp_path_factory.mktemp("screen"), url) as found:
        found.initialise().add_people()
        found.add_server("app01", [*endpoints_of(rack.servers["app01"]), screen_of(rack.servers["app01"])])
        found.start_worker()
        found.start_panel()
        found.start_gateway()
        found.enroll()
        yield found


@pytest.fixture
def open_as(site: Installation, browser: Browser) -> Iterator[OpenAs]:
    """open_as(who, path, **context): a page of theirs. At the end no page may have raised an error."""
    contexts, complaints, refused = [], [], []

    def opened(who: str, path: str = "/servers/app01/console", **options: object) -> Page:
        context = browser.new_context(**{"viewport": DESK, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"{site.url}/sign-in?next={path}")
        page.get_by_label("Name").fill(site.people[who].name)
        page.get_by_label("Password").fill(site.people[who].password)
        page.get_by_role("button", name="Sign in").click()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert len(complaints) == len(refused), complaints  # Chromium itself says each answer of 400 and above


def serial(rack: RackInfo) -> str:
    return rack.servers["app01"].serial_log.read_text(errors="replace")


def type_text(page: Page, text: str) -> None:
    """By the page's own dialog, which knows where a keyboard has its signs."""
    page.get_by_role("button", name="Type a text").click()
    page.get_by_role("textbox", name="Text").fill(text)
    page.get_by_label("Keyboard of the server").select_option("us")
    page.get_by_role("button", name="Type it").click()


def has_a_picture(page: Page) -> bool:
    """Whether the canvas shows more than one colour."""
    script = """() => {
        const canvas = document.querySelector('.console-screen canvas');
        const content = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set();
        for (let at = 0; at < content.length; at += 4) colours.add(content[at] + content[at + 1] * 256);
        return colours.size > 1;
    }"""
    return bool(page.evaluate(script))


def test_one_sees_the_screen_and_types_at_the_log_in(open_as: OpenAs, rack: RackInfo) -> None:
    page = open_as("customer")
    page.wait_for_selector(READY)
    eventually(lambda: has_a_picture(page))
    expect(page.locator(".console-state")).to_have_text("You have the keyboard and mouse")
    page.keyboard.type("root\n", delay=40)
    page.wait_for_timeout(1000)
    type_text(page, 'echo "seen-$((6 * 7))" > /dev/ttyS0\n')
    eventually(lambda: "seen-42" in serial(rack))


def test_a_phone_shows_it_too_and_nothing_is_wider_than_the_phone(open_as: OpenAs) -> None:
    page = open_as("customer", viewport=PHONE, has_touch=True, is_mobile=True)
    page.wait_for_selector(READY)
    page.locator("summary", has_text="Keys").click()
    expect(page.get_by_role("button", name="F12", exact=True)).to_be_in_viewport(ratio=1)
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_another_looks_on_and_takes_over_with_a_word(open_as: OpenAs) -> None:
    first = open_as("customer")
    first.wait_for_selector(READY)
    second = open_as("technician")
    second.wait_for_selector(READY)
    expect(second.locator(".console-line")).to_contain_text("Also here: customer (has the keyboard)")
    expect(second.locator(".console-state")).to_have_text("You are looking on")
    second.get_by_role("button", name="Take over").click()
    second.get_by_label("A word to them").fill("I replace the disk now")
    second.get_by_role("dialog").get_by_role("button", name="Take over").click()
    expect(second.locator(".console-state")).to_have_text("You have the keyboard and mouse")
    expect(first.locator(".console-note")).to_have_text("technician took over: “I replace the disk now”")
    expect(first.locator(".console-state")).to_have_text("You are looking on")


def test_the_server_is_reset_beside_its_screen_which_comes_back_by_itself(open_as: OpenAs, rack: RackInfo) -> None:
    page = open_as("customer")
    page.wait_for_selector(READY)
    before = serial(rack).count("Log in as root")
    page.locator("summary", has_text="Power").click()
    page.get_by_role("button", name="Power cycle", exact=True).click()
    sure = page.locator("#sure")
    expect(sure).to_contain_text("unsaved data is lost")
    sure.get_by_role("button", name="Power cycle").click()
    cover = page.locator(".console-says")
    expect(cover).to_contain_text("A server that is off has no screen", timeout=20_000)
    expect(page.locator(".console-job")).to_contain_text("Power cycle: done", timeout=60_000)
    expect(page.locator(".console-cover")).to_be_hidden(timeout=30_000)
    eventually(lambda: serial(rack).count("Log in as root") > before)
    eventually(lambda: has_a_picture(page))


def test_a_page_that_is_loaded_again_finds_its_screen_and_one_that_staff_ended_says_so(
    open_as: OpenAs, site: Installation
) -> None:
    page = open_as("customer")
    page.wait_for_selector(READY)
    page.reload()
    page.wait_for_selector(READY)
    with site.client("technician") as client:
        for console in client.get("/servers/app01/consoles").json()["items"]:
            assert client.delete(f"/consoles/{console['id']}").status_code == 204
    expect(page.locator(".console-says")).to_have_text(re.compile("technician ended it"), timeout=10_000)
    page.get_by_role("button", name="Open again").click()
    page.wait_for_selector(READY)


def test_who_may_not_is_told_why(open_as: OpenAs) -> None:
    page = open_as("viewer")
    expect(page.locator(".console-says")).to_contain_text("no permission console")


def test_one_logs_in_over_the_serial_line_and_finds_what_was_written(open_as: OpenAs) -> None:
    page = open_as("customer", "/servers/app01/serial")
    page.wait_for_selector(READY, timeout=60_000)
    page.keyboard.type("\nroot\n", delay=40)
    page.wait_for_timeout(1000)
    page.keyboard.type("echo found-$((6*7)) $'\\e[38;5;208mcoloured\\e[0m'\n", delay=20)
    rows = page.locator(".xterm-rows")
    expect(rows).to_contain_text("found-42", timeout=20_000)
    page.get_by_label("Search in what was written").fill("found-42")
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator(".console-note")).to_be_hidden()
    page.get_by_label("Search in what was written").fill("never written")
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator(".console-note")).to_contain_text("not in what was written")
    other = open_as("technician", "/servers/app01/serial")
    other.wait_for_selector(READY)
    expect(other.locator(".xterm-rows")).to_contain_text("found-42")  # the scroll-back comes with it
    expect(other.locator(".console-state")).to_have_text("You are looking on")


def test_a_guest_looks_on_by_a_link_until_it_is_ended(open_as: OpenAs, browser: Browser, site: Installation) -> None:
    page = open_as("customer")
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link; it is shown this once")
    expect(link).to_have_value(re.compile("/shared/graphical#share_"))
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    guest = context.new_page()
    guest.goto(link.input_value())
    guest.wait_for_selector(READY)
    assert "#" not in guest.url
    expect(guest.locator("h1")).to_have_text("app01")
    eventually(lambda: has_a_picture(guest))
    expect(guest.locator(".console-state")).to_have_text("You are looking on")
    expect(page.locator(".console-people")).to_contain_text("a guest of customer")
    page.get_by_role("button", name="End it").click()
    expect(guest.locator(".console-says")).to_have_text("The link that let you in has ended.", timeout=10_000)
    guest.get_by_role("button", name="Open again").click()
    expect(guest.locator(".console-says")).to_contain_text("Ask who gave it to you")
    context.close()
