"""The wheel holds what is not Python too: a build tool drops ignored folders without a word."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("oobctl", "web", "hwprofiles")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def tracked_files() -> set[str]:
    command = ["git", "ls-files", "-z", "--", *PACKAGES]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listing.split("\0") if name and (ROOT / name).is_file()}


def test_the_wheel_holds_every_tracked_file_of_its_packages(wheel: set[str]) -> None:
    assert tracked_files()
    assert tracked_files() - wheel == set()


def test_the_wheel_holds_the_browser_libraries_and_their_licences(wheel: set[str]) -> None:
    vendored = {str(path.relative_to(ROOT)) for path in (ROOT / "web/static/vendor").rglob("*") if path.is_file()}
    assert {"web/static/vendor/htmx.org/LICENSE", "web/static/vendor/htmx.org/dist/htmx.min.js"} <= vendored
    assert vendored - wheel == set()


def test_the_wheel_holds_no_tests_and_no_data_of_a_running_site(wheel: set[str]) -> None:
    assert {name.partition("/")[0] for name in wheel} <= {*PACKAGES, "oobctl-0.1.0.dist-info"}
