"""The Makefile's help, and the lists of Debian packages that set-up reads."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE_LISTS = ("packages-run", "packages-lab", "packages-test")


def targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


@pytest.mark.parametrize("command", [["make"], ["make", "help"]])
def test_help_lists_every_target(command: list[str]) -> None:
    # Without what an outer make (make test) tells an inner one: that adds "Entering directory" lines.
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    said = subprocess.run(command, cwd=ROOT, env=bare, check=True, capture_output=True, text=True).stdout
    listed = {line.split()[1]: line.split()[2:] for line in said.splitlines()}
    assert set(listed) == targets()
    assert all(listed.values()), listed


@pytest.mark.parametrize("name", PACKAGE_LISTS)
def test_every_debian_package_is_listed_once_with_its_reason(name: str) -> None:
    lines = (ROOT / ".ci" / name).read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    matches = [re.fullmatch(r"([a-z0-9][a-z0-9+.-]+) +# \S.+", line) for line in packages]
    assert all(matches), packages
    names = [match[1] for match in matches if match]
    assert len(names) == len(set(names))


def test_set_up_lets_pip_speak_of_errors_alone_and_says_what_it_does_itself() -> None:
    text = (ROOT / ".ci" / "setup").read_text(encoding="utf-8")
    assert text.count("-m pip ") == text.count("-m pip -q -q --disable-pip-version-check") == 1
    installs = [line for line in text.splitlines() if line.strip().startswith('"${pip[@]}" install')]
    assert installs
    assert all("|| die" in line for line in installs)
    assert len(re.findall(r'say "(?:Making|Installing) .*', text)) >= 4
