"""What `.ci/checks.py`, behind make test, promises: order, sums, nothing hidden, nothing left running."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PASSES = "def test_that_passes(): pass\n"
FAILS = "def test_that_fails(): assert False\n"
SKIPS = "import pytest\ndef test_that_skips(): pytest.skip('no disk here')\n"
LEAVES = """
import pathlib, subprocess
def test_that_leaves_a_process():
    child = subprocess.Popen(['sleep', '600'], start_new_session=True)
    pathlib.Path('left.pid').write_text(str(child.pid))
"""
FAILS_ONCE = """
import pathlib
def test_that_fails_once():
    seen = pathlib.Path('seen')
    first = not seen.exists()
    seen.touch()
    assert not first
"""
WAITS = """
import pathlib, time
def test_that_waits():
    pathlib.Path('waiting').touch()
    try:
        time.sleep(120)
    finally:
        pathlib.Path('tidied').touch()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own: the runner, and folders for tests."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/checks.py", tmp_path / ".ci")
    for part in ("unit", "integration", "browser"):
        (tmp_path / "tests" / part).mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -ra --import-mode=importlib\n", encoding="utf-8")
    return tmp_path


def write_test(project: Path, part: str, text: str) -> None:
    (project / "tests" / part / "test_one.py").write_text(text, encoding="utf-8")


def start(project: Path, *parts: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(project / ".ci/checks.py"), *parts]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run(project: Path, *parts: str) -> tuple[int, str]:
    process = start(project, *parts)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def test_the_last_line_sums_the_parts_and_skips_are_told_with_their_reason(project: Path) -> None:
    write_test(project, "unit", PASSES)
    write_test(project, "integration", PASSES + SKIPS)
    code, said = run(project, "unit", "integration")
    assert code == 0
    assert "no disk here" in said
    assert said.splitlines()[-1].startswith("===== 2 passed, 1 skipped in ")


def test_a_failing_part_ends_the_run_and_the_rest_is_named(project: Path) -> None:
    write_test(project, "unit", PASSES + FAILS)
    write_test(project, "browser", PASSES)
    code, said = run(project, "unit", "browser")
    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "Not run: browser." in said
    assert "===== browser" not in said


def test_a_folder_without_tests_is_told_and_breaks_nothing(project: Path) -> None:
    write_test(project, "unit", PASSES)
    code, said = run(project, "unit", "browser")
    assert code == 0
    assert "tests/browser holds no tests" in said


def test_tests_that_are_there_but_not_collected_fail_the_run(project: Path) -> None:
    write_test(project, "unit", "def misnamed(): pass\n")
    code, _ = run(project, "unit")
    assert code == 1


def test_a_process_left_running_is_named_ended_and_fails_the_run(project: Path) -> None:
    write_test(project, "unit", LEAVES)
    code, said = run(project, "unit")
    left = (project / "left.pid").read_text(encoding="utf-8")
    assert code == 1
    assert f"{left} sleep 600" in said
    assert not Path("/proc", left).exists()


def test_when_it_is_told_to_end_the_tests_tidy_up_and_nothing_stays(project: Path) -> None:
    write_test(project, "unit", WAITS)
    process = start(project, "unit")
    end = time.monotonic() + 60
    while not (project / "waiting").exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert (project / "tidied").exists()
    assert "nothing is left running" in said


def test_lanes_run_side_by_side_and_are_summed_and_nothing_is_run_twice(project: Path) -> None:
    waits = "import pathlib, time\ndef test_meets_the_other():\n    pathlib.Path({mine!r}).touch()\n"
    waits += "    end = time.monotonic() + 60\n    while not pathlib.Path({other!r}).exists():\n"
    waits += "        assert time.monotonic() < end\n        time.sleep(0.05)\n"
    for folder, mine, other in (("unit/cli", "one", "two"), ("unit/web", "two", "one")):
        (project / "tests" / folder).mkdir()
        write_test(project, folder, waits.format(mine=mine, other=other))
    code, said = run(project, "unit")
    assert code == 0
    assert said.splitlines()[-1].startswith("===== 2 passed in ")


def test_a_lane_that_fails_fails_the_part_and_the_others_are_still_run(project: Path) -> None:
    (project / "tests/unit/cli").mkdir()
    write_test(project, "unit/cli", FAILS)
    write_test(project, "unit", PASSES)
    code, said = run(project, "unit")
    assert code == 1
    assert "1 failed, 1 passed" in said


def test_a_machine_test_that_failed_is_run_once_more_alone_and_named(project: Path) -> None:
    write_test(project, "integration", PASSES + FAILS_ONCE)
    code, said = run(project, "integration")
    assert code == 0
    assert said.count("1 failed, 1 passed") >= 1
    assert "rerun previous 1 failure" in said
    assert "Failed once, and passed when run again" in said
    assert "test_one::test_that_fails_once" in said
    assert said.splitlines()[-1].startswith("===== 2 passed in ")


def test_a_machine_test_that_fails_twice_fails_the_part(project: Path) -> None:
    write_test(project, "integration", PASSES + FAILS)
    code, said = run(project, "integration")
    assert code == 1
    assert "These failed twice: 1 failed, 1 passed" in said


def test_a_unit_test_that_failed_is_not_run_again(project: Path) -> None:
    write_test(project, "unit", PASSES + FAILS_ONCE)
    code, said = run(project, "unit")
    assert code == 1
    assert "Once more" not in said
