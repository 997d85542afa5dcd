"""Ends what a test session started, when the session itself was killed: it waits for the end of its input."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from oobctl.lab import processes, rack
from oobctl.lab.errors import LabError


class Guard:
    """The session's side. What is told here is ended once this process is gone, however it went."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parent.parent,
            start_new_session=True,  # a Ctrl-C of the session is not for it
            text=True,
        )

    def end_group(self, pid: int) -> None:
        """End the process group that `pid` leads."""
        self._tell(group=pid, start_time=processes.start_time(pid))

    def end_rack(self, home: Path) -> None:
        self._tell(rack=str(home))

    def remove(self, folder: Path) -> None:
        self._tell(remove=str(folder))

    def close(self) -> None:
        """The session ended in order; what it left is ended now."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _tell(self, **what: Any) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()


def _end(what: dict[str, Any]) -> None:
    if "group" in what and processes.is_running(what["group"], what["start_time"]):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(what["group"], signal.SIGKILL)
    if "rack" in what:
        with contextlib.suppress(LabError):
            rack.down(Path(what["rack"]))
    if "remove" in what:
        shutil.rmtree(what["remove"], ignore_errors=True)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for what in reversed([json.loads(line) for line in sys.stdin]):
        _end(what)


if __name__ == "__main__":
    main()
