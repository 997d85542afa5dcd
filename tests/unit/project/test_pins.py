"""Everything that set-up fetches is pinned: Python packages by version and hash, browser libraries by sha512."""

import base64
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ \\]+)(?: ; [^\\]+)?"
    r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n",
    re.MULTILINE,
)
COMMENT = re.compile(r"^#.*\n", re.MULTILINE)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]  # type: ignore[no-any-return]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {canonical(pin["name"]): pin["version"] for pin in PIN.finditer(text)}


def direct(*extras: str) -> dict[str, str]:
    """The direct dependencies, name to version. Fails where one is not pinned with `==`."""
    declared = project()
    wanted = declared["dependencies"] + [one for extra in extras for one in declared["optional-dependencies"][extra]]
    parts = [re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([A-Za-z0-9.]+)", one) for one in wanted]
    assert all(parts), [one for one, part in zip(wanted, parts, strict=True) if not part]
    return {canonical(part[1]): part[2] for part in parts if part}


def browser_libraries() -> list[dict[str, Any]]:
    lock = json.loads((ROOT / "web/static/vendor.lock.json").read_text(encoding="utf-8"))
    return lock["packages"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_with_hashes_and_nothing_else(lock: str) -> None:
    text = COMMENT.sub("", (ROOT / lock).read_text(encoding="utf-8"))
    assert pins(lock)
    assert PIN.sub("", text).strip() == ""


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], ("lab", "build")), (LOCKS[1], ("lab", "build", "dev"))])
def test_every_direct_dependency_is_pinned_and_locked_at_that_version(lock: str, extras: tuple[str, ...]) -> None:
    locked = pins(lock)
    assert {name: locked.get(name) for name in direct(*extras)} == direct(*extras)


def test_the_development_lock_holds_everything_of_the_other_at_the_same_version() -> None:
    assert pins(LOCKS[0]).items() <= pins(LOCKS[1]).items()


def test_every_browser_library_is_pinned_by_exact_version_and_sha512_and_brings_its_licence() -> None:
    assert browser_libraries()
    for library in browser_libraries():
        assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"]), library
        algorithm, _, digest = library["integrity"].partition("-")
        assert (algorithm, len(base64.b64decode(digest, validate=True))) == ("sha512", 64), library
        assert library["files"], library
        assert library["licence"], library
        assert set(library) == {"name", "version", "integrity", "files", "licence"}
