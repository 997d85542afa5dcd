"""Real processes of an installation: started as its supervisor would, killed and stopped as a test wants."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from oobctl.lab.processes import start_time
from tests.guard import Guard

PATIENCE = 60.0


class OwnProcess:
    """One `oobctl ...` (or another Python program) in a process group of its own; what it prints is in `log`."""

    def __init__(self, guard: Guard, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started = start_time(self._process.pid)
        guard.end_group(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def said(self, words: str) -> bool:
        return words in self.output

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_said(self, words: str, patience: float = PATIENCE) -> None:
        """Wait until its output has the words. Fails with its output where it ended before."""
        until = time.monotonic() + patience
        while not self.said(words):
            assert self.running, f"ended with {self.returncode}: {self.output[-3000:]}"
            assert time.monotonic() < until, f"did not say {words!r}: {self.output[-3000:]}"
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9: nothing of it gets to tidy up. Returns when it is gone."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def freeze(self) -> None:
        """SIGSTOP: it stands still, and knows nothing of it."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM: ask it to end."""
        self._process.terminate()

    def wait_ended(self, patience: float = PATIENCE) -> int:
        """Wait for its end; returns its exit code."""
        return self._process.wait(patience)

    def stop(self, patience: float = 20.0) -> None:
        """End it, in order if it can, else by force. None of its group is left."""
        if self.running:
            self.thaw()
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        # Of one that ended long ago the number may be another process's by now; while its group has members, it is not.
        if start_time(self.pid) in {None, self._started}:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
