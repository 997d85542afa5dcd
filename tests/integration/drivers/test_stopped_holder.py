"""A process that is stopped, taken for dead, and goes on: its sessions are counted."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oobctl.config import settings
from oobctl.constants import Protocol
from oobctl.drivers import dead_sessions
from oobctl.store import BmcSession
from tests.guard import Guard
from tests.installation import eventually
from tests.integration.drivers.rows import Rows

ROOT = Path(__file__).parents[3]


class Reader:
    """A process that reads one BMC's power again and again."""

    def __init__(self, guard: Guard, holder: str, server_id: str) -> None:
        environment = {**os.environ, "OOBCTL_HOME": str(settings().home), "OOBCTL_DEAD_AFTER_SECONDS": "2"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.prove.session_user", "steady", holder, server_id, "1"],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        guard.end_group(self.process.pid)
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())

    def reads(self) -> None:
        """Wait for three more readings that went well."""
        before = len(self.said)
        eventually(lambda: self.said[before:].count("ok") >= 3)

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(60)
        self._listener.join(10)


@contextmanager
def stopped(reader: Reader) -> Iterator[None]:
    reader.process.send_signal(signal.SIGSTOP)
    yield
    reader.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("name", "protocol"), [("web01", Protocol.IPMI), ("db01", Protocol.REDFISH)], ids=["ipmi", "redfish"]
)
def test_a_process_that_was_stopped_and_taken_for_dead_counts_its_session_anew(
    rows: Rows, guard: Guard, name: str, protocol: Protocol
) -> None:
    server_id = rows.enrol(name, protocols=(protocol,))

    def taken() -> list[BmcSession]:
        return [row for row in rows.sessions() if row.native_id is not None]

    reader = Reader(guard, "monitor-stopped", server_id)
    try:
        reader.reads()
        with stopped(reader):
            [before] = taken()
            dead_sessions.close_all_of("monitor-stopped")
            eventually(lambda: not rows.sessions())
            threading.Event().wait(2)  # as long as the least that others wait before they take it for dead
        reader.reads()
        [after] = taken()
        assert (after.holder, after.heartbeat > 0) == ("monitor-stopped", True)
        assert after.id != before.id
    finally:
        reader.end()
    assert rows.sessions() == []
