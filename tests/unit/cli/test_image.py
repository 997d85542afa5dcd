"""`oobctl image`: both sorts of images in one list, and what each command says and how it ends."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.cli import main
from oobctl.images.systems import find, path_of
from tests.installation import Installation
from tests.reinstalls import add_image, asked, ready
from tests.systems import added
from tests.unit.images.systems.test_importing import ESP, gpt


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Oobctl = Callable[..., Done]


@pytest.fixture
def oobctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Oobctl]:
    """Runs the program in this process, which is much faster than starting it."""
    before = os.umask(0o077)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["oobctl", "image", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.app()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    yield run
    os.umask(before)


@pytest.fixture
def disk(tmp_path: Path) -> tuple[Path, str]:
    """A raw disk image and its SHA-256."""
    file = tmp_path / "disk.raw"
    content = gpt(kind=ESP)
    file.write_bytes(content)
    return file, hashlib.sha256(content).hexdigest()


def test_both_sorts_are_in_one_list_and_each_is_removed_by_its_name(
    sqlite_installation: Installation, oobctl: Oobctl, tmp_path: Path
) -> None:
    assert "oobctl image build debian-13" in oobctl("list").stdout
    added("debian-13")
    (tmp_path / "rescue.iso").write_bytes(b"x")
    assert oobctl("add", str(tmp_path / "rescue.iso")).returncode == 0
    lines = oobctl("list").stdout
    assert "debian-13" in lines
    assert "BIOS, UEFI" in lines
    assert "rescue.iso" in lines
    assert oobctl("remove", "debian-13").stdout == "Removed debian-13.\n"
    assert oobctl("remove", "rescue.iso").stdout == "Removed rescue.iso.\n"
    assert "No image is in" in oobctl("list").stdout


def test_an_image_is_imported_for_one_account_that_is_there(
    sqlite_installation: Installation, oobctl: Oobctl, disk: tuple[Path, str]
) -> None:
    file, sha256 = disk
    said = ["import", str(file), "--sha256", sha256, "--name", "own", "--version", "1", "--firmware", "UEFI"]
    missing = oobctl(*said, "--account", "nobody")
    assert missing.returncode == 1
    assert "[not_found]" in missing.stderr
    done = oobctl(*said, "--account", "provider", "--end-of-life", "2030-01-31")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Imported own (disk-image): it needs a disk of")
    image = find("own")
    assert image.account is not None
    assert (image.firmware, str(image.end_of_life)) == (("UEFI",), "2030-01-31")
    assert "one account's" in oobctl("list").stdout


def test_a_refused_file_ends_in_one_sentence_and_a_code(home: Path, oobctl: Oobctl, disk: tuple[Path, str]) -> None:
    done = oobctl("import", str(disk[0]), "--sha256", "a" * 64, "--name", "own", "--version", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("oobctl: ")
    assert "is not the file that was meant" in done.stderr
    assert done.stderr.endswith("[invalid_parameter]\n")


def test_verify_names_what_was_changed_and_fails(home: Path, oobctl: Oobctl) -> None:
    added("debian-12")
    image = added("debian-13")
    assert oobctl("verify", "--all").returncode == 0
    path_of(image, image.forms[0]).write_bytes(b"else")
    done = oobctl("verify", "--all")
    assert done.returncode == 1
    assert "debian-12: 2 files are as they came." in done.stdout
    assert f"DAMAGED: The file {path_of(image, image.forms[0])}" in done.stdout
    assert "[damaged_image]" in oobctl("verify", "debian-13").stderr
    assert oobctl("verify").returncode == 2


def test_a_retired_image_is_listed_as_that_until_it_is_offered_again(home: Path, oobctl: Oobctl) -> None:
    added("debian-13")
    assert "unretire debian-13" in oobctl("retire", "debian-13").stdout
    assert "retired" in oobctl("list").stdout
    assert oobctl("unretire", "debian-13").returncode == 0
    assert "retired" not in oobctl("list").stdout


def test_what_cannot_be_built_is_said(home: Path, oobctl: Oobctl) -> None:
    done = oobctl("build", "debian-99")
    assert done.returncode == 1
    assert "Known are: debian-12, debian-13" in done.stderr


def test_an_image_that_a_server_is_installed_from_goes_by_force_alone(
    sqlite_installation: Installation, oobctl: Oobctl
) -> None:
    add_image()
    job = asked(ready(sqlite_installation))
    refused = oobctl("remove", "tiny-1")
    assert refused.returncode == 1
    assert "web01 is being installed from tiny-1" in refused.stderr
    assert find("tiny-1").name == "tiny-1"
    control.cancel(SYSTEM, job.id)
    assert oobctl("remove", "tiny-1").stdout == "Removed tiny-1.\n"
