"""What every benchmark says beside its figures: the computer, the versions, and how two figures compare."""

import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.databases import newest_binaries

_LIBRARIES = ("dbos", "sqlalchemy", "flask", "gunicorn", "pyghmi", "psycopg")


def head(title: str) -> None:
    """The benchmark's name, the computer, the versions."""
    print(f"\n\n=== {title} ===")
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    print(f"{os.cpu_count()} x {processor}, load {os.getloadavg()[0]:.1f}, {platform.system()} {platform.release()}")
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    postgresql = newest_binaries().parent.name
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, PostgreSQL {postgresql}, {versions}")


def milliseconds(label: str, seconds: Sequence[float]) -> None:
    """The 50th and 99th percentile, and the slowest."""
    ordered = sorted(seconds)
    p50, p99 = statistics.median(ordered), ordered[max(0, -(-99 * len(ordered) // 100) - 1)]
    print(
        f"{label:52} p50 {p50 * 1000:7.1f} ms   p99 {p99 * 1000:7.1f} ms   "
        f"slowest {ordered[-1] * 1000:7.1f} ms   of {len(ordered)}"
    )


def fsyncs_per_second(folder: Path, seconds: float = 1.0) -> float:
    """How often the disk under a folder makes 4 KiB durable: what no durable record can beat alone."""
    with (folder / "fsync").open("wb") as file:

        def once() -> None:
            file.seek(0)
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())

        return per_second(once, seconds)


def per_second(once: Callable[[], object], seconds: float) -> float:
    """How often it goes in a second, one after the other."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        once()
        done += 1
    return done / took


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
