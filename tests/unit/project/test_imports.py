"""The import contracts of pyproject.toml: they name every module of ours, and each of them can break."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
SKELETON = ("config", "control", "drivers", "drivers/ipmi", "drivers/redfish", "jobs", "lab", "store")


def layers() -> list[set[str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(one for one in settings["contracts"] if one["id"] == "layers")
    return [set(re.findall(r"[\w.]+", layer)) for layer in contract["layers"]]


def lint(project: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-logo", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Empty packages under the project's own contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("web", "oobctl", *(f"oobctl/{name}" for name in SKELETON)):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    return tmp_path


def test_every_module_of_ours_stands_in_a_layer() -> None:
    files = {path.relative_to(ROOT / "oobctl") for path in (ROOT / "oobctl").rglob("*.py")}
    present = {f"oobctl.{path.parts[0].removesuffix('.py')}" for path in files}
    assert present - set().union(*layers()) - {"oobctl.__init__", "oobctl.__main__"} == set()


def test_the_contracts_are_kept_by_empty_packages(skeleton: Path) -> None:
    result = lint(skeleton)
    assert result.returncode == 0, result.stdout
    assert "5 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("oobctl/store/server.py", "import oobctl.control", "imports go down only"),
        ("oobctl/control/door.py", "import web", "imports go down only"),
        ("oobctl/jobs/engine.py", "import pyghmi", "only drivers import pyghmi or redfish"),
        ("web/servers.py", "import redfish", "only drivers import pyghmi or redfish"),
        ("oobctl/control/door.py", "import flask", "only web and the lab import Flask"),
        ("web/servers.py", "import oobctl.drivers.ipmi", "web never imports drivers directly"),
        ("oobctl/drivers/ipmi/power.py", "import oobctl.drivers.redfish", "the IPMI and the Redfish drivers"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(skeleton: Path, module: str, line: str, contract: str) -> None:
    (skeleton / module).write_text(line + "\n", encoding="utf-8")
    result = lint(skeleton)
    assert result.returncode == 1
    assert re.search(rf"{contract}.* BROKEN", result.stdout), result.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("oobctl/drivers/ipmi/power.py", "import pyghmi"),
        ("oobctl/lab/service.py", "import flask"),
        ("web/servers.py", "import flask"),
    ],
)
def test_an_allowed_import_breaks_none(skeleton: Path, module: str, line: str) -> None:
    (skeleton / module).write_text(line + "\n", encoding="utf-8")
    assert lint(skeleton).returncode == 0
