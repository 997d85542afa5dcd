"""The project's own rules about its files: size, names, what must not be written in them."""

import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[3]
MOST_LINES = 400
VENDORS = re.compile(r"\b(dell|idrac|supermicro|lenovo|ilo[4-7]?|hpe|megarac|fujitsu|xclarity)\b", re.IGNORECASE)
FORBIDDEN_NAMES = {"node", "machine", "host", "utils", "helpers", "manager", "common"}
FORBIDDEN_NAMES |= {name + "s" for name in FORBIDDEN_NAMES} | {"util", "helper"}
# A registry's address, a download's address, or a place in somebody's home folder.
FOREIGN_PLACES = re.compile(
    r"\"resolved\": *\"http|--(extra-)?index-url[ =]"
    r"|https?://[^ \"]+\.(whl|tgz|deb)\b|https?://[^ \"]*/(simple|debian)/"
    r"|(?<![\w.~])/(home/[a-z]|root/|Users/|work/)"
)


def tracked(*patterns: str) -> list[PurePosixPath]:
    """The files that git knows or would take in, those deleted left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [PurePosixPath(name) for name in listing.split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


def text_of(path: PurePosixPath) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def is_ours(path: PurePosixPath) -> bool:
    return path.parts[0] in {"oobctl", "web"}


def lines_that_match(pattern: re.Pattern[str], paths: list[PurePosixPath]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def forbidden_names_in(path: PurePosixPath) -> set[str]:
    return {PurePosixPath(part).stem for part in path.parts} & FORBIDDEN_NAMES


def test_no_python_file_is_longer_than_400_lines() -> None:
    sizes = {str(path): text_of(path).count("\n") for path in tracked("*.py")}
    assert sizes
    assert {path: lines for path, lines in sizes.items() if lines > MOST_LINES} == {}


def test_no_vendor_is_named_in_python_outside_the_lab_and_tests() -> None:
    paths = [path for path in tracked("*.py") if is_ours(path) and path.parts[:2] != ("oobctl", "lab")]
    assert paths
    assert lines_that_match(VENDORS, paths) == []


def test_no_module_package_or_template_has_a_name_that_says_nothing() -> None:
    paths = [path for path in tracked() if is_ours(path) or path.parts[0] == "tests"]
    assert paths
    assert {str(path) for path in paths if forbidden_names_in(path)} == set()


def test_no_tracked_file_names_a_registry_or_somebodys_folder() -> None:
    this = PurePosixPath(Path(__file__).relative_to(ROOT))
    assert lines_that_match(FOREIGN_PLACES, [path for path in tracked() if path != this]) == []


def test_every_module_of_ours_says_in_its_first_line_what_lives_there() -> None:
    silent = [str(path) for path in tracked("*.py") if text_of(path).strip() and not text_of(path).startswith('"""')]
    assert silent == []


WEB = "https:" + "//"  # apart, so that no line here is what the search looks for


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index" + f"-url {WEB}packages.example/simple",
        f'"resolved": "{WEB}packages.example/htmx.tgz"',
        f"deb {WEB}mirror.example/debian/ bookworm main",
        "open('/home/" + "someone/notes')",
    ],
)
def test_the_search_for_foreign_places_finds(line: str) -> None:
    assert FOREIGN_PLACES.search(line)


@pytest.mark.parametrize("line", ["GET /redfish/v1/work/1", "https://localhost:8443/", "/var/lib/oobctl", "~/.cache"])
def test_the_search_for_foreign_places_lets_pass(line: str) -> None:
    assert not FOREIGN_PLACES.search(line)


@pytest.mark.parametrize(
    "path", ["oobctl/drivers/utils.py", "web/templates/hosts/list.html", "oobctl/lab/manager/x.py"]
)
def test_a_name_that_says_nothing_is_found(path: str) -> None:
    assert forbidden_names_in(PurePosixPath(path))
