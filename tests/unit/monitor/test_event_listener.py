"""Where BMCs send events: an address tells whose it is and nothing else does; what comes is bounded and thrown away."""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.lab.certificates import CertificateFiles, issue
from oobctl.monitor import event_listener
from oobctl.monitor.event_listener import MOST_BYTES, EventListener
from tests.installation import free_port

Made = Callable[..., EventListener]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def listening(home: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """listening(OOBCTL_EVENTS_URL=...): a listener with these settings, on a free port unless they say where."""
    made: list[EventListener] = []

    def make(**values: str) -> EventListener:
        for name, value in {"OOBCTL_EVENTS_LISTEN": f"127.0.0.1:{free_port()}", **values}.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        made.append(EventListener(told.append))
        made[-1].open()
        return made[-1]

    yield make
    for listener in made:
        listener.close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, verify=False) as found:
        yield found


def test_each_bmc_has_an_address_of_its_own_that_stays(listening: Made, told: list[str], client: httpx.Client) -> None:
    listener = listening()
    one, two = listener.address_of("one") or "", listener.address_of("two") or ""
    assert one != two
    assert one == listener.address_of("one")
    assert len(one.rpartition("/")[2]) >= 43  # 32 bytes nobody can guess
    for address in (two, one):
        assert client.post(address, json={"Events": []}).status_code == 204
    assert told == ["two", "one"]


def test_what_is_said_does_not_matter(listening: Made, told: list[str], client: httpx.Client) -> None:
    address = listening().address_of("one") or ""
    for body in (b"", b"\xff\x00", b"x" * MOST_BYTES):
        assert client.post(address, content=body).status_code == 204
    assert told == ["one"] * 3


def test_an_address_of_nobody_is_not_there(listening: Made, told: list[str], client: httpx.Client) -> None:
    listener = listening()
    address = listener.address_of("one") or ""
    root = address.rpartition("/")[0]
    for other in (address[:-1], f"{address}A", f"{root}/%00", f"{root}/%F0%9F%92%A5", root, f"{address}/x"):
        assert client.post(other, json={}).status_code == 404
    assert client.get(address).status_code == 405
    listener.forget("one")
    assert client.post(address, json={}).status_code == 404
    assert listener.address_of("one") != address
    assert told == []


def test_a_body_that_is_too_large_is_no_event(listening: Made, told: list[str], client: httpx.Client) -> None:
    address = listening().address_of("one") or ""
    assert client.post(address, content=b"x" * (MOST_BYTES + 1)).status_code == 413
    pieces = (b"x" * 1024 for _ in range(MOST_BYTES // 1024 + 1))
    assert client.post(address, content=pieces).status_code == 413
    assert told == []


def test_what_is_no_http_puts_nothing_in_the_log(
    listening: Made, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reaches the port could fill the disk else, and the line would hold a part of the address."""
    address = listening().address_of("one") or ""
    assert client.post(f"{address}/{'x' * 9000}").status_code == 400
    assert caplog.text == ""


def test_connections_that_say_nothing_do_not_take_all_sockets_of_the_process(
    listening: Made, told: list[str], client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_listener, "_MOST_CONNECTIONS", 3)
    monkeypatch.setattr(event_listener, "_IDLE_SECONDS", 600.0)
    address = listening().address_of("one") or ""
    where = httpx.URL(address)
    idle = [socket.create_connection((where.host, where.port or 0)) for _ in range(5)]
    try:
        closed = [one for one in select.select(idle, [], [], 10)[0] if not _read(one)]
        assert closed
        with pytest.raises(httpx.TransportError):
            client.post(address, json={})
    finally:
        for one in idle:
            one.close()
    assert told == []
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            assert client.post(address, json={}).status_code == 204
            break
        time.sleep(0.1)
    assert told == ["one"]


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""


def test_events_can_come_over_https(listening: Made, told: list[str], client: httpx.Client, home: Path) -> None:
    files = CertificateFiles(home / "events.pem", home / "events.key")
    issue(files, name="monitor", address="127.0.0.1", authority=None)
    listener = listening(OOBCTL_EVENTS_CERTIFICATE=str(files.certificate), OOBCTL_EVENTS_KEY=str(files.key))
    address = listener.address_of("one") or ""
    assert address.startswith("https://")
    assert client.post(address, json={}).status_code == 204
    assert told == ["one"]


def test_bmcs_are_told_the_address_that_they_reach(listening: Made) -> None:
    listener = listening(OOBCTL_EVENTS_LISTEN=f"0.0.0.0:{free_port()}", OOBCTL_EVENTS_URL="https://oob.example:8443/")
    assert (listener.address_of("one") or "").startswith("https://oob.example:8443/events/")


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"OOBCTL_EVENTS_LISTEN": "127.0.0.1"}, "OOBCTL_EVENTS_LISTEN"),
        ({"OOBCTL_EVENTS_LISTEN": "127.0.0.1:70000"}, "OOBCTL_EVENTS_LISTEN"),
        ({"OOBCTL_EVENTS_LISTEN": "0.0.0.0:8090"}, "OOBCTL_EVENTS_URL"),
        ({"OOBCTL_EVENTS_CERTIFICATE": "/nowhere.pem"}, "OOBCTL_EVENTS_CERTIFICATE"),
    ],
)
def test_wrong_settings_are_named(listening: Made, values: dict[str, str], setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        listening(**values)


def test_a_port_that_is_taken_leaves_the_monitor_without_a_listener(listening: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listener = listening(OOBCTL_EVENTS_LISTEN=f"127.0.0.1:{other.getsockname()[1]}")
        assert not listener.is_open
        assert listener.address_of("one") is None


def test_without_a_setting_nothing_listens(listening: Made) -> None:
    assert listening(OOBCTL_EVENTS_LISTEN="").address_of("one") is None
