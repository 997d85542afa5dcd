"""Where builds are kept: beside the sources where those can be written to, and nothing of it is the lab's."""

import subprocess
import sys
from pathlib import Path

import pytest

from oobctl.images import caches

ROOT = Path(__file__).parents[3]


def test_in_a_checkout_builds_lie_in_it_and_elsewhere_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert caches.systems() == ROOT / ".cache" / "images"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(caches, "__file__", str(tmp_path / "oobctl" / "images" / "caches.py"))
    assert caches.of_checkout("images") is None
    assert caches.systems() == tmp_path / "oobctl" / "images"


def test_the_command_lines_image_commands_need_no_lab() -> None:
    program = "import sys, oobctl.cli.image; print([name for name in sys.modules if name.startswith('oobctl.lab')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
