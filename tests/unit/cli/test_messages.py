"""What the program says and how it ends when something is missing or wrong: one sentence, no traceback, exit 1."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from oobctl.config import settings
from oobctl.installation import initialise, key_path
from oobctl.store import AuditRecord, Site, User, database
from tests.installation import Installation
from tests.profiles import write_profiles

SMALL = 48 * 1024


def oobctl(
    *arguments: str,
    stdin: str = "",
    preexec: Callable[[], None] | None = None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end with the settings of this process."""
    return subprocess.run(
        [sys.executable, "-m", "oobctl.cli.main", *arguments],
        input=stdin,
        env={**os.environ, "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=preexec,
    )


def failed_with(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit 1 and one sentence on standard error that has the words and the error's code."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("oobctl: "), done.stderr
    assert last.endswith("]"), done.stderr
    for word in words:
        assert word in last, last


@pytest.fixture
def key(sqlite_installation: Installation) -> Path:
    """The key file of the site `main`."""
    with database().read() as session:
        return key_path(session.scalars(select(Site.id)).one())


@pytest.mark.parametrize("command", ["worker", "monitor", "panel"])
def test_a_process_on_no_installation_says_what_to_run(home: Path, command: str) -> None:
    failed_with(oobctl(command), "Run: oobctl init", "[configuration_error]")


def test_a_worker_without_its_key_names_the_file_and_the_backup(key: Path) -> None:
    key.unlink()
    failed_with(oobctl("worker"), str(key), "backup")


def test_a_worker_with_an_unreadable_key_says_so(key: Path) -> None:
    key.unlink()
    key.mkdir(mode=0o700)
    failed_with(oobctl("worker"), str(key), "cannot be read")


def test_a_worker_with_a_key_that_others_can_read_says_what_to_run(key: Path) -> None:
    key.chmod(0o644)
    failed_with(oobctl("worker"), f"chmod 600 {key}")


def test_a_worker_of_an_unknown_site_names_it(sqlite_installation: Installation) -> None:
    failed_with(oobctl("worker", "--site", "north"), "'north'", "oobctl init --site north")


def test_a_worker_with_a_wrong_profile_names_file_and_key(sqlite_installation: Installation, tmp_path: Path) -> None:
    folder = write_profiles(tmp_path / "hwprofiles", {"power.cycle_dwell": "long"})
    failed_with(oobctl("worker", OOBCTL_HWPROFILES=str(folder)), str(folder), "power.cycle_dwell")


def test_a_worker_whose_profiles_are_gone_names_the_folder(sqlite_installation: Installation, tmp_path: Path) -> None:
    failed_with(oobctl("worker", OOBCTL_HWPROFILES=str(tmp_path / "gone")), str(tmp_path / "gone"))


def test_a_job_whose_profile_is_missing_says_so_in_words(sqlite_installation: Installation) -> None:
    from oobctl import profiles
    from oobctl.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"no hardware profile 'acme-bmc'.*Put acme-bmc\.yaml"):
        profiles.find("acme-bmc")


@pytest.mark.parametrize("command", ["worker", "monitor", "panel", "init"])
def test_a_database_that_cannot_be_opened_is_named(home: Path, command: str) -> None:
    url = f"sqlite:///{home / 'nowhere' / 'oobctl.db'}"
    failed_with(oobctl(command, OOBCTL_DATABASE_URL=url), url, "[store_unavailable]")


def test_a_postgresql_that_does_not_answer_is_named_without_its_password(home: Path) -> None:
    url = f"postgresql://oobctl:canary-12@/oobctl?host={home}"
    done = oobctl("init", OOBCTL_DATABASE_URL=url)
    failed_with(done, "[store_unavailable]", str(home))
    assert "canary" not in done.stdout + done.stderr


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(home: Path) -> None:
    (home / "oobctl.db").write_text("a letter\n" * 200)
    failed_with(oobctl("init"), "oobctl.db")
    assert (home / "oobctl.db").read_text() == "a letter\n" * 200


@pytest.mark.parametrize("url", ["mysql://oobctl:canary-12@db/x", "garbage", "postgresql://oobctl:canary-12@db:x/y"])
def test_a_database_url_that_is_none_of_ours_is_refused_without_its_password(home: Path, url: str) -> None:
    done = oobctl("init", OOBCTL_DATABASE_URL=url)
    failed_with(done, "OOBCTL_DATABASE_URL", "postgresql://", "[configuration_error]")
    assert "canary" not in done.stdout + done.stderr


def test_a_wrong_setting_is_named(home: Path) -> None:
    failed_with(oobctl("init", OOBCTL_SESSION_HOURS="soon"), "OOBCTL_SESSION_HOURS")


def test_a_home_that_is_a_file_is_named(home: Path) -> None:
    (home / "file").write_text("")
    failed_with(oobctl("init", OOBCTL_HOME=str(home / "file")), str(home / "file"))


def test_a_key_that_cannot_be_written_leaves_no_site_and_the_next_init_makes_it(home: Path) -> None:
    (home / "keys").write_text("in the way")
    failed_with(oobctl("init"), str(home / "keys"), "could not be written")
    with database().read() as session:
        assert session.scalars(select(Site)).all() == []
        assert session.scalars(select(AuditRecord)).all() == []
    (home / "keys").unlink()
    assert oobctl("init").returncode == 0
    with database().read() as session:
        assert key_path(session.scalars(select(Site.id)).one()).exists()


def test_a_full_disk_stops_init_in_words_and_the_next_init_finishes(home: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))

    done = oobctl("init", preexec=small_files)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("oobctl: ")
    assert oobctl("init").returncode == 0


def test_init_twice_changes_nothing(home: Path) -> None:
    assert oobctl("init").returncode == 0
    before = {path: path.read_bytes() for path in (home / "keys").iterdir()}
    assert oobctl("init").returncode == 0
    assert {path: path.read_bytes() for path in (home / "keys").iterdir()} == before
    with database().read() as session:
        assert len(session.scalars(select(Site)).all()) == 1


def test_init_on_another_machine_says_that_only_a_panel_can_run_there(home: Path) -> None:
    initialise("main")
    shutil.rmtree(settings().keys)
    done = oobctl("init")
    assert (done.returncode, "only a panel can run here" in done.stdout) == (0, True)


def test_a_first_administrator_with_a_short_password_is_refused_and_not_made(home: Path) -> None:
    failed_with(oobctl("init", "--administrator", "root", stdin="short\n"), "at least 12 characters")
    with database().read() as session:
        assert session.scalars(select(User)).all() == []


def test_a_first_administrator_is_made_from_standard_input(home: Path) -> None:
    done = oobctl("init", "--administrator", "root", stdin="correct horse battery\n")
    assert (done.returncode, "root can sign in" in done.stdout) == (0, True)
    assert "correct horse" not in done.stdout + done.stderr


def test_a_command_of_the_api_without_a_token_says_what_to_set(home: Path) -> None:
    failed_with(oobctl("server", "list"), "OOBCTL_TOKEN")


def test_a_command_of_the_api_without_a_panel_names_the_address(home: Path) -> None:
    done = oobctl("server", "list", OOBCTL_URL="http://127.0.0.1:9", OOBCTL_TOKEN="oob_canary")
    failed_with(done, "http://127.0.0.1:9", "oobctl up")
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize("token", ["tökén", "oob_canary\n", "oob canary", "oob_canary\x1b"])
def test_a_token_that_can_be_none_is_named_as_the_cause(home: Path, token: str) -> None:
    done = oobctl("server", "list", OOBCTL_TOKEN=token)
    failed_with(done, "OOBCTL_TOKEN has a character", "[configuration_error]")
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize("url", ["http://[", "nowhere", "ftp://x", "http://x:99999", "http://\u2764.\u00ad"])
def test_a_panels_address_that_is_none_is_named(home: Path, url: str) -> None:
    failed_with(oobctl("server", "list", OOBCTL_URL=url, OOBCTL_TOKEN="oob_canary"), "OOBCTL_URL")


@pytest.mark.parametrize("arguments", [["nothing"], ["server", "act"], ["init", "--nothing"]])
def test_a_wrong_command_line_ends_with_2(home: Path, arguments: list[str]) -> None:
    assert oobctl(*arguments).returncode == 2
