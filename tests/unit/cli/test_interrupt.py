"""Ctrl-C while an action is watched: the action goes on, and the program says so."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

JOB = {
    "id": "01890000-0000-7000-8000-000000000001",
    "action": "power.cycle",
    "server": "web01",
    "state": "running",
    "outcome": None,
    "error": None,
    "steps": [{"name": "check_identity", "state": "running", "detail": None}],
}


class Panel(ThreadingHTTPServer):
    """Takes every action, and never comes to an end with it. `watched`: the job was asked for again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.watched = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(202)

    def do_GET(self) -> None:
        self._answer(200)
        assert isinstance(self.server, Panel)
        self.server.watched.set()

    def _answer(self, status: int) -> None:
        body = json.dumps(JOB).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test reads the program's output."""


@pytest.fixture
def panel() -> Iterator[Panel]:
    found = Panel()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def test_an_interrupted_watch_says_that_the_action_goes_on_and_how_to_look_at_it(home: Path, panel: Panel) -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "oobctl.cli.main", "server", "act", "web01", "power.cycle"],
        env={**os.environ, "OOBCTL_URL": panel.url, "OOBCTL_TOKEN": "oob_test"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert panel.watched.wait(30)
        program.send_signal(signal.SIGINT)
        _said, trouble = program.communicate(timeout=30)
    finally:
        program.kill()
        program.wait()
    assert program.returncode == 130
    assert "Traceback" not in trouble
    assert f"power.cycle on web01 goes on (job {JOB['id']})" in trouble
    assert "oobctl server show web01" in trouble
    assert f"/jobs/{JOB['id']}" in trouble
