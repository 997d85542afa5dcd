"""What a new system does at its first start, run as it is, with another folder in place of /etc/oobctl."""

import os
import subprocess
from importlib.resources import files as resources
from pathlib import Path

import pytest

_CURL = """#!/bin/sh
# Keeps what it is given, and answers as it is told.
for word; do case $word in notes@*) cp "${word#notes@}" "$HERE/told" ;; esac; done
printf %s "$ANSWER"
"""


class System:
    """A system that was just installed. told: the notes of its last report, None where none was tried."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ours = folder, folder / "etc/oobctl"
        for path in ("etc/oobctl", "etc/ssh", "var/log", "bin", "etc/systemd/system/multi-user.target.wants"):
            (folder / path).mkdir(parents=True)
        (self.ours / "key").write_text("a-key")
        (self.ours / "url").write_text("https://192.0.2.1/install")
        (folder / "etc/ssh/ssh_host_x_key.pub").write_text("ssh-ed25519 AAAA\n")
        text = resources("oobctl.images.configuring").joinpath("system", "first-boot.sh").read_text()
        assert "LIMIT=29m" in text
        text = text.replace("LIMIT=29m", "LIMIT=1s")
        for path in ("/etc/", "/var/log/"):
            text = text.replace(path, f"{folder}{path}")
        self.program("first-boot", text, self.ours)
        self.program("curl", _CURL)

    def program(self, name: str, text: str, where: Path | None = None) -> None:
        file = (where or self.folder / "bin") / name
        file.write_text(text)
        file.chmod(0o755)

    def asks_for(self, apt_get: str, post_install: str) -> None:
        """A package, which this apt-get brings, and this post-install script."""
        self.program("apt-get", f"#!/bin/sh\n{apt_get}\n")
        (self.ours / "packages").write_text("vim\n")
        self.program("post-install", f"#!/bin/sh\n{post_install}\n", self.ours)

    def start(self, answer: str = "200") -> int:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        environment = {"PATH": path, "HERE": str(self.folder), "ANSWER": answer}
        return subprocess.run([self.ours / "first-boot"], env=environment, timeout=30, check=False).returncode

    @property
    def told(self) -> str | None:
        file = self.folder / "told"
        return file.read_text() if file.exists() else None


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_it_tells_how_packages_and_script_ended_and_nothing_of_it_is_left(system: System) -> None:
    system.asks_for("test $1 = -q", "exit 3")
    assert system.start() == 0
    assert system.told is not None
    first, second = system.told.splitlines()
    assert first == "packages: installed"
    assert second.startswith("post-install script: ended with 3; see ")
    assert not system.ours.exists()


def test_a_script_and_packages_that_hang_are_ended_and_told(system: System) -> None:
    system.asks_for("exec sleep 60", "exec sleep 60")
    assert system.start() == 0
    assert system.told is not None
    assert [line.partition(";")[0] for line in system.told.splitlines()] == [
        "packages: apt-get did not end within 1s, and was ended",
        "post-install script: did not end within 1s, and was ended",
    ]


def test_a_script_that_restarts_the_system_is_not_run_again_and_that_is_told(system: System) -> None:
    ran = system.folder / "ran"
    cut_off = f"#!/bin/sh\necho x >>{ran}\nkill -9 $(ps -o ppid= -p $PPID) $PPID\n"
    system.program("post-install", cut_off, system.ours)
    assert system.start() != 0
    assert not (system.folder / "told").exists()
    assert system.start() == 0
    assert ran.read_text() == "x\n"
    assert "how it ended is not known" in (system.told or "")


@pytest.mark.parametrize(("answer", "goes_on"), [("000", True), ("503", True), ("200", False), ("404", False)])
def test_it_tries_again_until_it_is_heard_or_nobody_waits(system: System, answer: str, goes_on: bool) -> None:
    assert (system.start(answer) != 0) == goes_on
    assert system.ours.exists() == goes_on


def test_it_does_not_try_for_ever(system: System) -> None:
    system.program("cut", "#!/bin/sh\necho 86401\n")
    assert system.start("503") == 0
    assert not system.ours.exists()
