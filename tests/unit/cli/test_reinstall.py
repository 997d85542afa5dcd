"""`oobctl reinstall` against a real panel: what it asks, what it prints, what it leaves alone, how it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from oobctl import clock, control, readings
from oobctl.constants import BootPath, Capability, JobState, Outcome
from oobctl.errors import InstallFailed
from oobctl.images.installs.requests import ReinstallParameters
from oobctl.store import Job, Server, database
from oobctl.workflows.reinstall_os import steps_from
from tests.furnished import over_redfish_too
from tests.installation import Installation
from tests.reinstalls import SSH_KEY, add_image, ready
from tests.unit.cli.test_interrupt import Panel as Endless
from tests.unit.cli.test_messages import oobctl
from tests.unit.web import reinstallable
from tests.unit.web.seed import Seed, begin, end


@pytest.fixture
def installation(sqlite_installation: Installation) -> Installation:
    add_image()
    ready(sqlite_installation)
    over_redfish_too(sqlite_installation.servers["db01"])
    with database().write() as session:
        session.get_one(Server, sqlite_installation.servers["db01"]).boot_macs = ["02:00:00:00:00:02"]
    sqlite_installation.start_panel()
    return sqlite_installation


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "id.pub"
    path.write_text(f"# mine\n{SSH_KEY}\n\n")
    return str(path)


@pytest.fixture
def worker(installation: Installation) -> Iterator[None]:
    """Does what a worker and an installer would, with each reinstall as it comes; that of db01 fails."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.2):
            with database().read() as session:
                rows = session.scalars(select(Job).where(Job.state == JobState.QUEUED)).all()
                found = [(row.id, row.server.name) for row in rows]
            for job, server in found:
                _install(job, failing=server == "db01")

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


def _install(job: str, *, failing: bool) -> None:
    done = control.find(control.REINSTALL).position_of("image_written")
    begin(job, done=done, details=["Done"] * done, seconds=[0.1] * done, ago=5)
    reinstallable.writing(job)
    threading.Event().wait(1.5)  # so that who watches sees it
    if failing:
        reinstallable.failed(job, "the disk is broken")
        end(Seed(), job, JobState.NEEDS_ATTENTION, error=InstallFailed("The installer failed: the disk is broken."))
        return
    reinstallable.runs(job)
    end(Seed(), job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)


def run(installation: Installation, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    url, token = installation.url, installation.token("customer")
    return oobctl("reinstall", *arguments, stdin=stdin, OOBCTL_URL=url, OOBCTL_TOKEN=token)


def jobs() -> list[Job]:
    with database().read() as session:
        return list(session.scalars(select(Job).where(Job.action == control.REINSTALL).order_by(Job.id)))


def test_a_dry_run_says_every_step_and_what_is_lost_and_does_nothing(installation: Installation, key: str) -> None:
    done = run(installation, "web01", "--image", "tiny-1", "--ssh-key", key, "--dry-run")
    assert done.returncode == 0, done.stderr
    for step in steps_from(BootPath.VIRTUAL_MEDIA):
        assert step.title in done.stdout
    assert "from here on it cannot be cancelled" in done.stdout
    assert "All that is on the disk of web01 is lost." in done.stdout
    assert jobs() == []


def test_the_new_system_is_called_as_the_server_is_also_where_its_id_was_typed(
    installation: Installation, key: str, tmp_path: Path
) -> None:
    names = tmp_path / "servers"
    names.write_text(f"{installation.servers['db01']}\n")
    options = ["--image", "tiny-1", "--ssh-key", key, "--yes", "--no-wait"]
    for which in ([installation.servers["web01"]], ["--servers", str(names)]):
        done = run(installation, *which, *options)
        assert done.returncode == 0, done
    assert {job.parameters["host_name"] for job in jobs()} == {"web01", "db01"}


def test_the_disk_that_was_agreed_to_is_the_one_that_is_asked_for(
    installation: Installation, key: str, tmp_path: Path
) -> None:
    names = tmp_path / "servers"
    names.write_text("db01\n")
    with database().write() as session:
        for server in ("web01", "db01"):
            found, now = reinstallable.inventory(), clock.now()
            readings.keep(session, installation.servers[server], Capability.INVENTORY, found, now)
    options = ["--image", "tiny-1", "--ssh-key", key, "--no-wait"]
    for which, typed in ((["web01"], "web01\n"), (["--servers", str(names)], "1\n")):
        done = run(installation, *which, *options, stdin=typed)
        assert done.returncode == 0, done
        assert "All that is on disk S3Z8NB0K123456 (480.1 GB) is lost." in done.stdout
    assert [job.parameters["disks"] for job in jobs()] == [["S3Z8NB0K123456"]] * 2


def test_one_servers_network_is_not_given_to_many(installation: Installation, key: str, tmp_path: Path) -> None:
    names, network = tmp_path / "servers", tmp_path / "network"
    names.write_text("web01\ndb01\n")
    network.write_text(json.dumps({"macs": ["02:00:00:00:00:01"], "addresses": ["192.0.2.9/24"]}))
    options = ["--image", "tiny-1", "--ssh-key", key, "--servers", str(names), "--network", str(network), "--yes"]
    done = run(installation, *options)
    assert (done.returncode, "are one server's" in done.stderr) == (2, True), done
    assert jobs() == []


def test_a_file_without_a_key_is_no_key(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "empty.pub"
    path.write_text("# none yet\n")
    done = run(installation, "web01", "--image", "tiny-1", "--ssh-key", str(path), "--root-password", "--yes")
    assert (done.returncode, "holds no key" in done.stderr) == (2, True), done
    assert jobs() == []


def test_partitions_are_kept_by_their_names(installation: Installation, key: str) -> None:
    options = ["--layout", "keep", "--replace", "UUID=0a1b", "--keep", "LABEL=srv", "--keep", "PARTLABEL=my data"]
    done = run(installation, "web01", "--image", "tiny-1", "--ssh-key", key, *options, "--no-wait", stdin="web01\n")
    assert done.returncode == 0, done.stderr
    assert "the partition UUID=0a1b" in done.stdout
    asked = ReinstallParameters.model_validate(jobs()[0].parameters)
    assert (asked.replace, asked.keep) == ("UUID=0a1b", ["LABEL=srv", "PARTLABEL=my data"])


@pytest.mark.parametrize("typed", ["web02\n", "\n", ""])
def test_another_name_typed_does_nothing(installation: Installation, key: str, typed: str) -> None:
    done = run(installation, "web01", "--image", "tiny-1", "--ssh-key", key, stdin=typed)
    assert done.returncode == 1
    assert "All that is on the disk of web01 is lost." in done.stdout
    assert jobs() == []


def test_all_that_is_given_is_asked_for(installation: Installation, key: str, tmp_path: Path) -> None:
    script, data, network = (tmp_path / name for name in ("script", "data", "network"))
    script.write_text("#!/bin/sh\ntrue\n")
    data.write_text("#cloud-config\n")
    network.write_text(json.dumps({"macs": ["02:00:00:00:00:01"], "addresses": ["192.0.2.9/24"]}))
    options = ["--host-name", "web01.example.org", "--disk", "D1", "--disk", "D2", "--layout", "raid1"]
    options += ["--post-install", str(script), "--user-data", str(data), "--network", str(network)]
    options += ["--packages", "vim, tmux", "--time-zone", "Europe/Berlin", "--locale", "de_DE.UTF-8"]
    done = run(installation, "web01", "--image", "tiny-1", "--ssh-key", key, *options, "--no-wait", stdin="web01\n")
    assert done.returncode == 0, done.stderr
    (job,) = jobs()
    asked = ReinstallParameters.model_validate(job.parameters)
    assert (asked.host_name, asked.disks, asked.layout) == ("web01.example.org", ["D1", "D2"], "raid1")
    assert (asked.packages, asked.time_zone, asked.locale) == (["vim", "tmux"], "Europe/Berlin", "de_DE.UTF-8")
    assert (asked.with_user_data, asked.with_post_install) == (True, True)
    assert asked.network.addresses == ["192.0.2.9/24"]
    assert len(asked.ssh_key_fingerprints) == 1
    assert f"/jobs/{job.id}" in done.stdout


def test_a_root_password_is_printed_once(installation: Installation) -> None:
    done = run(installation, "web01", "--image", "tiny-1", "--root-password", "--yes", "--no-wait")
    assert done.returncode == 0, done.stderr
    assert "root's password, shown this once" in done.stdout


def test_what_the_api_refuses_is_said_and_ends_with_1(installation: Installation, key: str) -> None:
    done = run(installation, "web01", "--image", "nothing", "--ssh-key", key, "--yes")
    assert (done.returncode, "There is no image nothing to install" in done.stderr) == (1, True), done
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--image", "tiny-1"], ["web01"], ["web01", "--image", "x", "--servers", "{}"]])
def test_what_cannot_be_meant_is_a_wrong_command_line(
    installation: Installation, tmp_path: Path, arguments: list[str]
) -> None:
    names = tmp_path / "servers"
    names.write_text("web01\n")
    done = run(installation, *(names.as_posix() if one == "{}" else one for one in arguments))
    assert done.returncode == 2, done


def test_it_is_watched_to_its_end_with_bytes_and_the_host_key(
    installation: Installation, key: str, worker: None
) -> None:
    done = run(installation, "web01", "--image", "tiny-1", "--ssh-key", key, "--yes")
    assert done.returncode == 0, done
    assert "written: 64 % of 331 MB" in done.stdout
    assert "Host key: SHA256:Qf" in done.stdout
    assert "Log in: ssh root@" in done.stdout


def test_of_many_the_others_go_on_when_one_fails_and_a_table_tells_of_all(
    installation: Installation, key: str, tmp_path: Path, worker: None
) -> None:
    names = tmp_path / "servers"
    names.write_text("web01 first.example.org\n\ndb01  # this one fails\nnobodys\n")
    options = ["--image", "tiny-1", "--ssh-key", key, "--servers", str(names), "--parallel", "2"]
    done = run(installation, *options, "--yes")
    assert done.returncode == 1, done
    lines = done.stdout[done.stdout.index("What came of it") :].splitlines()
    rows = {line.split()[0]: line for line in lines[1:] if line.split()[0] in {"web01", "db01", "nobodys"}}
    assert "succeeded" in rows["web01"]
    assert "the disk is broken" in rows["db01"]
    assert "There is no server" in rows["nobodys"]
    assert {job.parameters["host_name"] for job in jobs()} == {"first.example.org", "db01"}


def test_of_many_nothing_is_done_where_one_would_be_refused_or_the_number_is_not_typed(
    installation: Installation, key: str, tmp_path: Path
) -> None:
    names = tmp_path / "servers"
    names.write_text("web01\ndb01\n")
    options = ["--image", "tiny-1", "--ssh-key", key, "--servers", str(names)]
    assert run(installation, *options, stdin="3\n").returncode == 1
    names.write_text("web01\nnobodys\n")
    refused = run(installation, *options, stdin="2\n")
    assert (refused.returncode, "nobodys: There is no server" in refused.stdout) == (1, True), refused
    assert jobs() == []


def test_ctrl_c_while_many_are_watched_says_that_they_go_on_and_begins_no_more(tmp_path: Path, key: str) -> None:
    names = tmp_path / "servers"
    names.write_text("web01 web\ndb01 db\n")
    panel = Endless()
    threading.Thread(target=panel.serve_forever, daemon=True).start()
    command = [sys.executable, "-m", "oobctl.cli.main", "reinstall", "--image", "tiny-1", "--ssh-key", key, "--yes"]
    program = subprocess.Popen(
        [*command, "--servers", str(names), "--parallel", "1"],
        env={**os.environ, "OOBCTL_URL": panel.url, "OOBCTL_TOKEN": "oob_test", "COLUMNS": "200"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert panel.watched.wait(60)
        program.send_signal(signal.SIGINT)
        said, trouble = program.communicate(timeout=60)
    finally:
        program.kill()
        program.wait()
        panel.shutdown()
        panel.server_close()
    assert (program.returncode, "Traceback" in trouble) == (130, False)
    assert "What is running goes on" in trouble
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert "goes on" in rows["web01"]
    assert "not begun" in rows["db01"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "names no server"), ("web01\nweb01 again\n", "web01 twice"), ("web01 a b\n", "Line 1")],
)
def test_a_file_that_cannot_be_meant_is_refused(
    installation: Installation, key: str, tmp_path: Path, text: str, says: str
) -> None:
    names = tmp_path / "servers"
    names.write_text(text)
    done = run(installation, "--image", "tiny-1", "--ssh-key", key, "--servers", str(names), "--yes")
    assert (done.returncode, says in done.stderr) == (1, True), done
    assert jobs() == []


def test_a_private_key_goes_nowhere(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "id"
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    done = run(installation, "web01", "--image", "tiny-1", "--ssh-key", str(path), "--yes")
    assert (done.returncode, "is a private key" in done.stderr, "AAAA" in done.stderr) == (2, True, False), done
    assert jobs() == []
