"""CPU seconds: of this process, of its children, of another one, and of readings that a loop does."""

import contextlib
import os
import resource
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from oobctl.drivers import loops
from tests.benchmarks import memory

AT_ONCE = 128  # readings under way: the monitor spreads them too, and FreeIPMI's tools have 64


def cpu(whose: int = resource.RUSAGE_SELF) -> float:
    """Seconds so far."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def spent_by(pid: int) -> float:
    """CPU seconds of another process so far, its threads' with it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spent_by_group(group: int) -> float:
    """CPU seconds of the processes that a process group has now; of those that ended meanwhile none."""
    spent = 0.0
    for pid in memory.members(group):
        with contextlib.suppress(OSError):
            spent += spent_by(pid)
    return spent


def in_turn(loop: loops.Loop, readings: Sequence[Callable[[], object]], rounds: int) -> tuple[float, float]:
    """Each so many times, `AT_ONCE` under way at a time in the loop. Returns CPU and wall seconds."""
    turns = iter([*readings] * rounds)
    left, over, failures = [AT_ONCE], threading.Event(), list[Exception]()

    def run() -> None:
        try:
            for reading in turns:
                reading()
        except Exception as error:
            failures.append(error)
        left[0] -= 1
        if not left[0]:
            over.set()

    spent, began = cpu(), time.monotonic()
    for _ in range(AT_ONCE):
        loops.start(loop, run)
    assert over.wait(1800)
    assert not failures, failures[0]
    return cpu() - spent, time.monotonic() - began
