"""`oobctl up` that cannot start: it says why, once, and ends, with all that it started."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from oobctl.installation import key_path
from oobctl.panel_secret import secret_path
from oobctl.store import Site, database
from tests.installation import Installation, free_port
from tests.unit.cli.test_messages import failed_with, oobctl


@pytest.fixture
def listen() -> str:
    return f"127.0.0.1:{free_port()}"


def test_up_on_a_port_that_is_taken_names_it_and_ends(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        failed_with(oobctl("up", OOBCTL_LISTEN=listen), listen, "Address already in use", "OOBCTL_LISTEN")


def test_up_beside_another_panel_starts_nothing(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = oobctl("up", OOBCTL_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
    assert (done.returncode, "ready" in done.stdout) == (1, False)
    assert not (home / "oobctl.db").exists()


def test_a_second_up_on_the_same_home_is_refused_while_the_first_runs_and_goes_on_after_it(
    sqlite_installation: Installation, listen: str
) -> None:
    first = sqlite_installation.run("up")
    first.wait_said("oobctl is ready")
    failed_with(oobctl("up", OOBCTL_LISTEN=listen), "runs already", f"process {first.pid}", "OOBCTL_HOME")
    first.terminate()
    assert first.wait_ended() == 0
    assert first.output.count("Stopping all that was started here ...\n") == 1
    assert first.output.endswith("Stopped: nothing is left running.\n")
    second = sqlite_installation.run("up")
    second.wait_said("oobctl is ready")


@pytest.mark.parametrize("listen", ["127.0.0.1:99999", "127.0.0.1:65536", "8080", "127.0.0.1:http", ":8080"])
@pytest.mark.parametrize("command", ["up", "panel"])
def test_a_listen_address_without_a_port_that_exists_is_named(
    sqlite_installation: Installation, command: str, listen: str
) -> None:
    failed_with(oobctl(command, OOBCTL_LISTEN=listen), repr(listen), "OOBCTL_LISTEN", "[configuration_error]")


def test_up_on_an_address_that_is_none_ends_in_words(home: Path) -> None:
    failed_with(oobctl("up", OOBCTL_LISTEN="nowhere.invalid:80"), "nowhere.invalid:80", "[configuration_error]")


def test_up_with_an_unreadable_key_names_it_and_ends(sqlite_installation: Installation, listen: str) -> None:
    with database().read() as session:
        key = key_path(session.scalars(select(Site.id)).one())
    key.chmod(0o644)
    failed_with(oobctl("up", OOBCTL_LISTEN=listen), "The worker cannot start", f"chmod 600 {key}")


def test_up_with_a_damaged_secret_of_the_panel_names_it_and_ends(
    sqlite_installation: Installation, listen: str
) -> None:
    path = secret_path(sqlite_installation.home)
    path.write_text("short\n", encoding="ascii")
    done = oobctl("up", OOBCTL_LISTEN=listen)
    failed_with(done, "The panel cannot start", f"secret key {path} is damaged", "oobctl init")
    assert "Traceback" not in done.stderr


def test_what_init_makes_is_for_nobody_elses_eyes(home: Path) -> None:
    fresh = home / "fresh"
    assert oobctl("init", OOBCTL_HOME=str(fresh)).returncode == 0
    open_ones = [path for path in (fresh, *fresh.rglob("*")) if path.stat().st_mode & 0o077]
    assert open_ones == []


def test_the_rack_makes_a_home_for_nobody_elses_eyes(home: Path) -> None:
    fresh = home / "fresh"
    running = subprocess.Popen(
        [sys.executable, "-m", "oobctl.cli.main", "lab", "up", "--foreground", "--server", "web01"],
        env={**os.environ, "OOBCTL_HOME": str(fresh), "OOBCTL_LAB_NET": "127.61.9"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not fresh.exists() and running.poll() is None:
            time.sleep(0.02)
        assert fresh.stat().st_mode & 0o777 == 0o700
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)
