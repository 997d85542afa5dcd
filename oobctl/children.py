"""Child processes of `oobctl up`: started together, restarted when one dies, all gone when it ends."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

import structlog

from oobctl.errors import ConfigurationError

log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 20.0  # a monitor whose BMCs are silent takes 15
_LONGEST_PAUSE = 30.0
_STEADY_AFTER = 60.0
_AT_ONCE_SECONDS = 15.0
_HOPELESS_STARTS = 3
_LASTING = f"[{ConfigurationError.code}]"  # how the sentence of a failure ends that no restart mends
_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """One process, run as `oobctl NAME ...`. It dies with this one, even with kill -9.

    with_its_own: it runs programs of other people's, which are told to end with it.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], *, with_its_own: bool = False
    ) -> None:
        self.name = name
        self._with_its_own = with_its_own
        self._arguments, self._environment = arguments, dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0
        self._refusals = 0  # starts in a row that ended at once with a sentence of why that won't change
        self._last_line = ""
        self._listener: threading.Thread | None = None

    def start(self) -> None:
        parent = os.getpid()

        def die_with_parent() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        self._started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "oobctl.cli.main", *self._arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_parent,
            start_new_session=True,  # a Ctrl-C is ours to pass on, in order
        )
        assert self._process.stderr is not None
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._listener.start()

    def _listen(self, said: IO[bytes]) -> None:
        """Pass on what the process says, and keep its last line: why it ended."""
        for line in said:
            text = line.decode(errors="replace")
            self._last_line = text.strip() or self._last_line
            sys.stderr.write(text)
            sys.stderr.flush()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def look(self) -> None:
        """Start it again if it died: at once after a steady run, else after a growing pause."""
        if self._process is None or self._process.poll() is None:
            return
        ran = time.monotonic() - self._started
        if ran > _STEADY_AFTER:
            self._pause = 0.0
        if ran < self._pause:
            return
        self._count_refusal(ran)
        log.warning("a process ended and is started again", process=self.name, exit=self._process.returncode)
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 + 1.0)
        self.start()

    def _count_refusal(self, ran: float) -> None:
        if self._listener is not None:
            self._listener.join(1.0)
        lasting = ran < _AT_ONCE_SECONDS and self._last_line.endswith(_LASTING)
        self._refusals = self._refusals + 1 if lasting else 0

    @property
    def hopeless(self) -> str | None:
        """Why the process cannot start, in its own words, where it said so several times in a row."""
        if self._refusals < _HOPELESS_STARTS:
            return None
        return self._last_line.removeprefix("oobctl: ").removesuffix(_LASTING).strip()

    def ask_to_stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        if self._with_its_own:
            os.killpg(self._process.pid, signal.SIGTERM)  # it is the leader of its session
        else:
            self._process.terminate()

    def wait_stopped(self, until: float) -> None:
        """Wait for its end; from `until` (monotonic) on it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def supervise(children: Sequence[Child], stop: threading.Event) -> None:
    """Keep the started children running until `stop` is set, then end them all."""
    try:
        while not stop.wait(0.5):
            for child in children:
                child.look()
    finally:
        end(children)


def end(children: Sequence[Child]) -> None:
    """End them all, the last started first; none is left after some seconds."""
    for child in reversed(children):
        child.ask_to_stop()
    until = time.monotonic() + _GRACE_SECONDS
    for child in reversed(children):
        child.wait_stopped(until)
