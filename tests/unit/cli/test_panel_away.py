"""`oobctl reinstall` while the panel is away: one job all the same, watched to its end."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from oobctl.store import Job, database
from tests.installation import Installation, eventually
from tests.unit.cli.test_reinstall import _install, jobs
from tests.unit.cli.test_reinstall import installation as installation
from tests.unit.cli.test_reinstall import key as key
from tests.unit.web.seed import begin


@contextmanager
def asking(url: str, token: str, key: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "oobctl.cli.main", "reinstall", "web01", "--image", "tiny-1", "--ssh-key", key]
    program = subprocess.Popen(
        [*command, "--yes", *options],
        env={**os.environ, "OOBCTL_URL": url, "OOBCTL_TOKEN": token, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield program
    finally:
        program.kill()
        program.wait()


def test_a_panel_that_is_away_while_it_is_watched_is_asked_again(installation: Installation, key: str) -> None:
    panel = installation.processes[-1]
    with asking(installation.url, installation.token("customer"), key) as program:
        eventually(lambda: jobs())
        begin(jobs()[0].id, done=1, details=["Done"], seconds=[0.1], ago=5)
        assert program.stdout is not None
        assert "check_identity" in program.stdout.readline()  # it watches, so its job's answer has come
        panel.kill()
        for line in program.stdout:
            if "asking again" in line:
                break
        installation.start_panel()
        _install(jobs()[0].id, failing=False)
        rest, _ = program.communicate(timeout=60)
    assert program.returncode == 0, rest
    assert "Host key: SHA256:Qf" in rest


class LosesTheFirstAnswer:
    """Between a program and the panel: what is asked first is carried out, and its answer is lost."""

    def __init__(self, url: str) -> None:
        self._panel = (str(urlsplit(url).hostname), int(urlsplit(url).port or 80))
        self._front = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._front.getsockname()[1]}"
        self.answers = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "LosesTheFirstAnswer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._front.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._front.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._front.accept()
            except OSError:
                return
            with client:
                answer = self._answer(client)
                self.answers += 1
                if self.answers > 1:
                    client.sendall(answer)

    def _answer(self, client: socket.socket) -> bytes:
        """The panel's, whole: one request a connection."""
        asked = client.recv(1 << 20)
        head, _, body = asked.partition(b"\r\n\r\n")
        size = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        while len(body) < size:
            body += client.recv(1 << 20)
        head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:"))
        with socket.create_connection(self._panel) as panel:
            panel.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
            return b"".join(iter(lambda: panel.recv(1 << 16), b""))


@pytest.mark.parametrize(("named", "answers"), [(("--host-name", "web01"), 2), ((), 3)])
def test_where_the_first_answer_is_lost_it_is_one_job_all_the_same(
    installation: Installation, key: str, named: tuple[str, ...], answers: int
) -> None:
    with (
        LosesTheFirstAnswer(installation.url) as between,
        asking(between.url, installation.token("customer"), key, "--no-wait", *named) as program,
    ):
        said, _ = program.communicate(timeout=60)
    assert program.returncode == 0, said
    assert between.answers == answers  # without a name the server is asked for its own first
    with database().read() as session:
        (job,) = session.query(Job).all()
    assert job.id in said
