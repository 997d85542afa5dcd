"""What `.ci/vendor.py` promises about the browser libraries; npm, the outside service, is played by a script."""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
CONTENT = {"package/dist/lib.min.js": b"lib()", "package/dist/extra.js": b"extra()", "package/LICENSE": b"free"}
NPM = """#!/bin/sh
echo "$@" >> '{calls}'
while [ "$1" != --pack-destination ]; do shift; done
cp '{archive}' "$2/lib-1.2.3.tgz"
"""


class Project:
    """A project of its own: the program, a lock that names one library, and an npm that delivers it."""

    def __init__(self, root: Path) -> None:
        self.root, self.lock, self.calls = root, root / "web/static/vendor.lock.json", root / "npm-calls"
        self.target = root / "web/static/vendor"
        (root / ".ci").mkdir()
        self.target.parent.mkdir(parents=True)
        (root / "bin").mkdir()
        shutil.copy(ROOT / ".ci/vendor.py", root / ".ci")
        archive = root / "delivered.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            for name, content in CONTENT.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        self.integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        npm = root / "bin/npm"
        npm.write_text(NPM.format(calls=self.calls, archive=archive), encoding="utf-8")
        npm.chmod(0o755)
        self.write_lock()

    def write_lock(self, **changes: Any) -> None:
        entry: dict[str, Any] = {"name": "@scope/lib", "version": "1.2.3", "integrity": self.integrity}
        entry |= {"files": ["dist/lib.min.js"], "licence": "LICENSE", **changes}
        self.lock.write_text(json.dumps({"packages": [entry]}), encoding="utf-8")

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        command = [sys.executable, str(self.root / ".ci/vendor.py")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def files(self) -> set[str]:
        found = (path for path in self.target.rglob("*") if path.is_file() and not path.name.startswith("."))
        return {str(path.relative_to(self.target)) for path in found}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_only_the_listed_files_and_the_licence_are_kept(project: Project) -> None:
    assert project.run().returncode == 0
    assert project.files() == {"scope-lib/dist/lib.min.js", "scope-lib/LICENSE"}
    assert (project.target / "scope-lib/dist/lib.min.js").read_bytes() == b"lib()"


def test_a_second_run_fetches_nothing(project: Project) -> None:
    project.run()
    assert project.run().returncode == 0
    assert len(project.calls.read_text(encoding="utf-8").splitlines()) == 1


def test_a_missing_file_is_fetched_again(project: Project) -> None:
    project.run()
    (project.target / "scope-lib/LICENSE").unlink()
    assert project.run().returncode == 0
    assert "scope-lib/LICENSE" in project.files()


def test_a_library_that_is_not_the_locked_one_is_refused_and_what_was_there_stays(project: Project) -> None:
    project.run()
    project.write_lock(integrity="sha512-" + base64.b64encode(bytes(64)).decode())
    result = project.run()
    assert result.returncode == 1
    assert "@scope/lib@1.2.3 is not the file that was locked" in result.stderr
    assert project.files() == {"scope-lib/dist/lib.min.js", "scope-lib/LICENSE"}


def test_a_listed_file_that_the_library_lacks_is_named_and_nothing_is_half_installed(project: Project) -> None:
    project.write_lock(files=["dist/lib.min.js", "dist/gone.js"])
    result = project.run()
    assert result.returncode == 1
    assert "holds no file dist/gone.js" in result.stderr
    assert not project.target.exists()


def test_what_the_lock_no_longer_lists_goes_away(project: Project) -> None:
    project.run()
    project.write_lock(files=["dist/extra.js"])
    assert project.run().returncode == 0
    assert project.files() == {"scope-lib/dist/extra.js", "scope-lib/LICENSE"}


def test_a_failing_npm_is_quoted(project: Project) -> None:
    (project.root / "bin/npm").write_text("#!/bin/sh\necho 'the registry said no' >&2\nexit 1\n", encoding="utf-8")
    result = project.run()
    assert result.returncode == 1
    assert "npm could not fetch @scope/lib@1.2.3: the registry said no" in result.stderr
