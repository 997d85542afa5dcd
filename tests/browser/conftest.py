"""A panel process on a seeded database of its own, and a headless Chromium that looks at it."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.administer import assign
from oobctl.store import Job, database
from tests.guard import Guard
from tests.unit.web import conftest as unit
from tests.unit.web import seed as seeding

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
START_SECONDS = 60
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}

seeded_home = unit.seeded_home
OpenAs = Callable[..., Page]


@dataclass(frozen=True)
class Panel:
    """A running panel. The test's own process works on the same database."""

    url: str
    seed: seeding.Seed

    def server(self, name: str) -> str:
        return f"{self.url}/servers/{self.seed.servers[name]}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def running_panel(
    seeded_home: tuple[Path, seeding.Seed], tmp_path_factory: pytest.TempPathFactory, guard: Guard
) -> Iterator[Panel]:
    source, made = seeded_home
    home = tmp_path_factory.mktemp("panel")
    shutil.copytree(source, home, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, unit.at_home(home, patch):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        patch.setenv("OOBCTL_LISTEN", address)
        command = [sys.executable, "-m", "gunicorn", "-k", "asgi", "-w", "1", "--no-control-socket", "--bind", address]
        log = (home / "panel.log").open("w")
        process = subprocess.Popen(
            [*command, "--graceful-timeout", "1", "web.asgi:app"], stdout=log, stderr=log, start_new_session=True
        )
        guard.end_group(process.pid)
        try:
            wait_until_alive(f"http://{address}/healthz", process, Path(log.name))
            yield Panel(f"http://{address}", made)
        finally:
            process.terminate()
            process.wait(30)
            log.close()


@pytest.fixture
def panel(running_panel: Panel) -> Iterator[Panel]:
    """The panel; db01 is left to its owner and idle, so that one panel serves all tests."""
    yield running_panel
    assign(SYSTEM, running_panel.seed.servers["db01"], "shop")
    with database().read() as session:
        unended = select(Job).where(Job.server_id == running_panel.seed.servers["db01"])
        found = [job.id for job in session.scalars(unended) if not job.state.ended]
    for job in found:
        control.cancel(SYSTEM, job)


def wait_until_alive(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"the panel did not start:\n{log.read_text()}")


@pytest.fixture
def open_as(panel: Panel, browser: Browser) -> Iterator[OpenAs]:
    """open_as(name, path, **context): a page of that user, signed in by the form.

    At the end no page may have broken the content security policy or raised an error.
    """
    contexts, complaints = [], []

    def opened(name: str, path: str = "/servers", **options: object) -> Page:
        context = browser.new_context(**{"viewport": DESK, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
        sign_in(page, panel, name, path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def sign_in(page: Page, panel: Panel, name: str, path: str) -> None:
    page.goto(panel.url + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(seeding.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(panel.url + path)
