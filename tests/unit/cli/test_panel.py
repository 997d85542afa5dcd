"""The panel as a process: its log, and what it believes of what clients send. Over a socket, as gunicorn reads it."""

import contextlib
import re
import socket

import httpx
import pytest
from sqlalchemy import text

from oobctl.access import sign_in
from oobctl.store import database
from tests.installation import PASSWORD, Installation

FORGED = "/servers/%0a2026-11-24%20INFO%20FAKE%20LOG%20LINE%1b[31m"


def raw(installation: Installation, target: str, *headers: bytes) -> bytes:
    """The answer to a request that no decent client would send."""
    lines = [f"GET {target} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", installation.port), timeout=30) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize("cookie", [b"oobctl_session=\xe9", b"session=\xe9", b"a=\xff\xfe; oobctl_session=x"])
def test_a_cookie_that_is_no_text_is_no_cookie(sqlite_installation: Installation, cookie: bytes) -> None:
    panel = sqlite_installation.start_panel()
    signed_in = sign_in("customer", PASSWORD, address=None, user_agent=None).encode()
    beside = raw(sqlite_installation, "/servers", b"Cookie: other=\xe9; oobctl_session=" + signed_in)
    assert beside.split(b" ")[1] == b"200"
    for path, status in (
        ("/servers", b"303"),
        ("/sign-in", b"200"),
        ("/api/v1/servers", b"401"),
        ("/api/v1/jobs/x/events", b"401"),
        ("/healthz", b"200"),
    ):
        assert raw(sqlite_installation, path, b"Cookie: " + cookie).split(b" ")[1] == status, path
    assert "Traceback" not in panel.output


def test_what_a_client_sends_begins_no_line_in_the_log_and_every_line_has_time_and_level(
    sqlite_installation: Installation,
) -> None:
    panel = sqlite_installation.start_panel()
    with database().write() as session:
        session.execute(text("DROP TABLE token"))  # so that it has to complain
    raw(sqlite_installation, FORGED, b"Authorization: Bearer x")
    panel.wait_said("FAKE LOG LINE")
    lines = panel.output.splitlines()
    assert [line for line in lines if not re.match(r"timestamp='\d{4}-\d\d-\d\dT[\d:.]+Z' level='[a-z]+' ", line)] == []
    assert "\x1b" not in panel.output


def test_clients_that_are_slow_to_send_a_body_hold_up_nobody_and_are_told(sqlite_installation: Installation) -> None:
    panel = sqlite_installation.start_panel()
    with contextlib.ExitStack() as open_ones:
        slow = {}
        for number in range(40):
            path = "/sign-in" if number % 4 else "/api/v1/tokens"
            connection = socket.create_connection(("127.0.0.1", sqlite_installation.port), timeout=60)
            open_ones.enter_context(connection)
            form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000"
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{form}\r\n\r\n".encode())
            connection.sendall(b"x" * (number % 3))
            slow[connection] = path
        answer = httpx.get(f"{sqlite_installation.url}/healthz", timeout=20, trust_env=False)  # a thread would wait 30
        assert answer.status_code == 200
        for connection, path in slow.items():
            told = b""
            while part := connection.recv(65536):
                told += part
            assert told.split(b" ")[1] == b"408", told
            assert b"The request took too long to arrive" in told
            assert (b"application/problem+json" in told) == path.startswith("/api")
    assert "Traceback" not in panel.output


def test_without_a_proxy_nobody_changes_the_scheme(sqlite_installation: Installation) -> None:
    sqlite_installation.start_panel()
    with httpx.Client(base_url=sqlite_installation.url, headers={"X-Forwarded-Proto": "https"}, trust_env=False) as who:
        token = who.get("/sign-in").text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
        answer = who.post("/sign-in", data={"name": "customer", "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303, answer.text
