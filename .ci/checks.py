"""Runs the named parts in order (lint, unit, integration, browser, prove, bench); the first that fails ends the run."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "test-results"
PASSED, TESTS_FAILED = 0, 1  # pytest's exit codes
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
GRACE_S = 10.0


@dataclass(frozen=True)
class Part:
    """What one part runs. `limit_s` ends a part that hangs outside a test's own time limit.

    `tests` is its folder. Each of `lanes` (places in it, with spaces between) is run by a pytest of its own beside the
    others, and what no lane names by one more: most tests wait for machines, and meanwhile others can run.
    `again` is for tests against real machines, which can lose their patience on a noisy computer: what failed is run
    once more, alone and set up anew. It fails where it fails twice; what passed then is named at the end.
    """

    limit_s: float
    tests: str = ""
    lanes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    again: bool = False


LINT = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("mypy", ".ci/vendor.py", ".ci/checks.py"),
    ("lint-imports", "--no-logo"),
)
PARTS = {
    "lint": Part(limit_s=900, commands=LINT),
    "unit": Part(limit_s=1200, tests="tests/unit", lanes=("tests/unit/cli",)),
    "integration": Part(
        limit_s=3600,
        tests="tests/integration",
        lanes=(
            "tests/integration/road",
            "tests/integration/drivers tests/integration/lab/test_lab_boot.py tests/integration/test_cloud_init.py "
            "tests/integration/test_installer_keep.py tests/integration/test_installer_seed.py",
            "tests/integration/trees tests/integration/quirks tests/integration/actions tests/integration/workflows "
            "tests/integration/test_image_build.py tests/integration/test_chosen_network.py "
            "tests/integration/test_installer_ramdisk.py tests/integration/test_installer_network.py",
        ),
        again=True,
    ),
    "browser": Part(limit_s=1800, tests="tests/browser", again=True),
    "prove": Part(
        limit_s=6 * 3600,
        tests="tests/integration",
        lanes=(
            "tests/integration/prove/test_kill_cycle.py",
            "tests/integration/prove/test_kill_others.py tests/integration/prove/test_kill_rotation.py",
        ),
        options=("-m", "prove", "-s", "--timeout=14400"),
        environment={"OOBCTL_PROVE": "1"},
    ),
    "bench": Part(limit_s=2 * 3600, tests="tests/benchmarks", options=("-s", "--timeout=3600")),
}


class PartFailed(Exception):
    """A part failed; the message says which and how. What it printed stands above. `codes` are its commands'."""

    def __init__(self, message: str, codes: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.codes = codes


class Terminated(Exception):
    """SIGTERM arrived."""


def adopt_orphans() -> None:
    """Makes every process that a test leaves behind our child, so that it is seen and named, and can be ended."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def own_children() -> Iterator[tuple[int, str]]:
    """Yields our living children: process id and command line."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            return
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (OSError, IndexError):
            continue  # it ended while we looked
        if parent == os.getpid():
            yield int(entry.name), command[:120]


def wait_for_no_children(seconds: float) -> list[tuple[int, str]]:
    """Waits until we have no child, at most this many seconds. Returns those still there."""
    end = time.monotonic() + seconds
    while (left := list(own_children())) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def end_leftovers() -> list[str]:
    """Ends what a part left running and returns its names; a child of a child becomes ours when its parent ends."""
    left = wait_for_no_children(GRACE_S)
    names = [f"{pid} {command}" for pid, command in left]
    for number, pause in (
        (signal.SIGTERM, GRACE_S),
        (signal.SIGKILL, 1.0),
        (signal.SIGKILL, 1.0),
        (signal.SIGKILL, 1.0),
    ):
        for pid, _ in left:
            os.kill(pid, number)  # not yet waited for, so the id is still this child's
        left = wait_for_no_children(pause) if left else []
    return names


def run(name: str, commands: list[list[str]], part: Part, end: float) -> None:
    """Runs commands side by side, without a terminal's input. Raises PartFailed where one fails or lasts too long."""
    children = [start(command, part, several=len(commands) > 1) for command in commands]
    readers = [threading.Thread(target=pass_on, args=(child,)) for child in children if child.stdout]
    for reader in readers:
        reader.start()
    try:
        codes = [child.wait(max(0.0, end - time.monotonic())) for child in children]
    except subprocess.TimeoutExpired:
        stop(children)
        raise PartFailed(f"{name} was ended: it took longer than {part.limit_s:.0f} s") from None
    except Terminated:
        stop(children)
        raise
    except KeyboardInterrupt:
        for child in children:
            child.wait(60)  # the terminal's Ctrl-C reached it too: a second signal would cut its clean-up short
        raise
    for reader in readers:
        reader.join(GRACE_S)  # not for ever: a process that a test left may hold the other end
    failed = [
        f"{' '.join([Path(command[0]).name, *command[1:]])} ended with code {code}"
        for command, code in zip(commands, codes, strict=True)
        if code
    ]
    if failed:
        raise PartFailed("\n  ".join([f"{name} failed:", *failed]), tuple(codes))


def start(command: list[str], part: Part, *, several: bool) -> subprocess.Popen[bytes]:
    """Starts one command. Where several run, what they print is passed on in whole lines."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if several else None,
        stderr=subprocess.STDOUT if several else None,
        env={**os.environ, **part.environment},
    )


def pass_on(child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        os.write(sys.stdout.fileno(), line)


def stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.send_signal(signal.SIGINT)
    for child in children:
        try:
            child.wait(60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def run_commands(name: str, part: Part, end: float) -> None:
    """Runs all of a part's commands, so that one look shows everything. Raises PartFailed for those that failed."""
    failures = []
    for tool, *options in part.commands:
        print(f"{tool} {' '.join(options)}".rstrip(), flush=True)
        try:
            run(name, [[str(Path(sys.executable).parent / tool), *options]], part, end)
        except PartFailed as failure:
            failures.append(str(failure))
    if failures:
        raise PartFailed("\n  ".join(failures))


def run_tests(name: str, part: Part, end: float) -> Counter[str]:
    """Runs a folder's tests and returns how many passed, failed, and so on. A folder without tests counts nothing."""
    if not holds_tests(part.tests):
        print(f"{part.tests} holds no tests", flush=True)
        return Counter()
    for old in REPORTS.glob(f"{name}-*.*"):
        old.unlink()
    lanes = [[place for place in lane.split() if holds_tests(place)] for lane in part.lanes]
    lanes = [lane for lane in lanes if lane]
    lanes.append([part.tests, *(f"--ignore={place}" for lane in lanes for place in lane)])
    reports = [REPORTS / f"{name}-{number}.xml" for number in range(1, len(lanes) + 1)]
    commands = [
        [sys.executable, "-m", "pytest", *part.options, *lane, f"--junitxml={report}", f"-ocache_dir={memory(report)}"]
        for lane, report in zip(lanes, reports, strict=True)
    ]
    try:
        run(name, commands, part, end)
    except PartFailed as failure:
        failure.add_note(describe(read_counts(name)))
        if not part.again or set(failure.codes) - {PASSED, TESTS_FAILED}:
            raise
        print(f"\n{failure}\n  {describe(read_counts(name))}\nOnce more, what failed:", flush=True)
        for command, code, report in zip(commands, failure.codes, reports, strict=True):
            if code == TESTS_FAILED:
                run_again(name, command, part, end, report)
    return read_counts(name)


def memory(report: Path) -> Path:
    """Where pytest keeps which of a lane's tests failed."""
    return ROOT / ".pytest_cache" / report.stem


def run_again(name: str, command: list[str], part: Part, end: float, report: Path) -> None:
    """Runs what failed of one lane; raises PartFailed where it fails again. The first report stays."""
    report.rename(report.with_suffix(".first"))
    try:
        run(name, [[*command, "--last-failed", "--last-failed-no-failures=none"]], part, end)
    except PartFailed as failure:
        failure.add_note("These failed twice: " + describe(read_counts(name)))
        raise


def holds_tests(place: str) -> bool:
    return (ROOT / place).is_file() or any((ROOT / place).rglob("test_*.py"))


def read_counts(name: str) -> Counter[str]:
    """Of all lanes. Of one that was run again, what passed and what was skipped the first time is added."""
    counts: Counter[str] = Counter()
    for report in REPORTS.glob(f"{name}-*.xml"):
        counts += counts_of(report)
        if (first := report.with_suffix(".first")).exists():
            before = counts_of(first)
            counts += Counter({key: before[key] for key in ("passed", "skipped")})
    return counts


def counts_of(report: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314  pytest wrote it just now
        bad = {key: int(suite.get(key, "0")) for key in ("failures", "errors", "skipped")}
        counts.update(bad)
        counts["passed"] += int(suite.get("tests", "0")) - sum(bad.values())
    return counts


def failed_once(name: str) -> list[str]:
    """The tests of a part that failed the first time and passed the second."""
    cases = [
        case
        for report in sorted(REPORTS.glob(f"{name}-*.first"))
        for case in ElementTree.parse(report).getroot().iter("testcase")  # noqa: S314  pytest wrote it just now
    ]
    return [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]


def describe(counts: Counter[str]) -> str:
    words = {"failures": "failed", "errors": "errors", "passed": "passed", "skipped": "skipped"}
    return ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key]) or "no tests"


def run_part(name: str) -> Counter[str]:
    """Runs one part. Raises PartFailed, also when all passed but a process was left running."""
    part, counts = PARTS[name], Counter[str]()
    end = time.monotonic() + part.limit_s
    print(f"\n===== {name} =====", flush=True)
    if part.commands:
        run_commands(name, part, end)
    if part.tests:
        counts = run_tests(name, part, end)
    if left := end_leftovers():
        raise PartFailed("\n  ".join([f"{name} left processes running (they are ended now):", *left]))
    return counts


def run_all(names: list[str]) -> int:
    began, total, done = time.monotonic(), Counter[str](), []
    try:
        for name in names:
            counts = run_part(name)
            total += counts
            done.append(f"{name} ({describe(counts)})" if PARTS[name].tests else name)
    except PartFailed as failure:
        end_leftovers()
        print("\n" + "\n  ".join([f"FAILED: {failure}", *getattr(failure, "__notes__", [])]))
        print(
            f"Passed before: {', '.join(done) or 'nothing'}. Not run: {', '.join(names[len(done) + 1 :]) or 'nothing'}."
        )
        return 1
    except (KeyboardInterrupt, Terminated):
        end_leftovers()
        print("\nInterrupted; nothing is left running")
        return 130
    once = [test for name in names for test in failed_once(name)]
    if once:
        print(
            "\n  ".join(
                ["\nFailed once, and passed when run again (look at each: a test may not lose its patience):", *once]
            )
        )
    print(f"\n===== {describe(total)} in {time.monotonic() - began:.0f} s: {', '.join(done)} =====")
    return 0


def on_sigterm(number: int, frame: FrameType | None) -> None:
    raise Terminated


def main() -> int:
    names = sys.argv[1:]
    if not names or not set(names) <= set(PARTS):
        print(f"usage: .ci/checks.py PART..., each of: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, on_sigterm)
    adopt_orphans()
    REPORTS.mkdir(exist_ok=True)
    return run_all(names)


if __name__ == "__main__":
    sys.exit(main())
