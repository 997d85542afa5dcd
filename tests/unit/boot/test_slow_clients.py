"""Clients that hold on to the boot service: each is cut off, and none keeps another from being served."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from oobctl import boot, control
from oobctl.access import SYSTEM
from oobctl.boot import listener
from oobctl.config import settings
from oobctl.images import access, catalogue
from oobctl.store import Endpoint, database
from tests.furnished import over_redfish_too
from tests.installation import Installation, eventually

Start = Callable[[dict[str, float]], None]
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def start(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts the real service in a thread, with shorter limits."""
    stop = threading.Event()
    thread = threading.Thread(target=boot.run, args=(settings().site, stop))

    def begin(limits: dict[str, float]) -> None:
        for name, value in limits.items():
            monkeypatch.setattr(listener, name, value)
        thread.start()
        eventually(lambda: answered(HERE))

    yield begin
    stop.set()
    thread.join(15)
    assert not thread.is_alive()


def answered(by: str) -> bool:
    try:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=by), timeout=5, trust_env=False) as client:
            return client.get(f"{settings().media_address}/boot/boot.ipxe").status_code == 200
    except httpx.HTTPError:
        return False


def connected(by: str = HERE) -> socket.socket:
    where = urlsplit(settings().media_address)
    assert where.hostname is not None
    made = socket.create_connection((where.hostname, where.port or 80), source_address=(by, 0), timeout=30)
    made.settimeout(30)
    return made


def ended(connection: socket.socket) -> bool:
    """Reads to its end; what a client gets whose time is over may be an answer."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65536):
            pass
    return True


@pytest.mark.parametrize("said", [b"", b"GET /boot/boot.ipxe HTTP/1.1\r\nHost:"])
def test_who_never_ends_a_request_is_cut_off(start: Start, said: bytes) -> None:
    start({"HEAD_SECONDS": 0.5})
    slow = connected()
    slow.sendall(said)
    assert ended(slow)


def test_who_never_ends_a_form_is_told_so_and_cut_off(start: Start) -> None:
    start({"BODY_SECONDS": 0.5, "HEAD_SECONDS": 0.5})
    slow = connected()
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50"
    slow.sendall(b"POST /boot/boot.ipxe HTTP/1.1\r\nHost: x\r\n" + form + b"\r\n\r\na=1")
    assert slow.recv(100).startswith(b"HTTP/1.1 408")
    assert ended(slow)


def test_who_takes_nothing_of_an_image_is_cut_off(
    start: Start, sqlite_installation: Installation, tmp_path: Path
) -> None:
    with (tmp_path / "large.iso").open("wb") as file:
        file.truncate(256 << 20)
    catalogue.add(tmp_path / "large.iso")
    server = sqlite_installation.servers["web01"]
    over_redfish_too(server)
    with database().write() as session:
        session.query(Endpoint).update({"address": HERE})
    start({"STILL_SECONDS": 1.0})
    job = control.submit(SYSTEM, "media.insert", server, {"image": "large.iso"})
    path = urlsplit(access.open_for(server, job.id, "large.iso")).path
    slow = connected()
    slow.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert slow.recv(10, socket.MSG_PEEK)
    assert is_served(slow)
    eventually(lambda: not is_served(slow))
    assert answered(HERE)


def is_served(client: socket.socket) -> bool:
    """Whether the service's end of the connection is there, as the kernel lists it."""
    wanted = f":{client.getpeername()[1]:04X}", f":{client.getsockname()[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any((row[1][-5:], row[2][-5:]) == wanted and row[3] == "01" for row in rows)


def test_one_address_has_its_share_of_connections_and_keeps_no_other_out(
    start: Start,
) -> None:
    start({"MOST_OF_ONE": 5})
    held = [connected(ELSEWHERE) for _ in range(5)]
    assert ended(connected(ELSEWHERE))
    assert answered(HERE)
    held.pop().close()
    eventually(lambda: answered(ELSEWHERE))


def test_connections_count_before_they_have_shaken_hands(start: Start) -> None:
    start({"MOST_OF_ONE": 5})
    where = urlsplit(settings().install_address)
    place = (str(where.hostname), where.port or 443)
    held = [socket.create_connection(place, source_address=(ELSEWHERE, 0), timeout=30) for _ in range(5)]
    assert ended(socket.create_connection(place, source_address=(ELSEWHERE, 0), timeout=30))
    for one in held:
        one.close()


def test_who_never_shakes_hands_is_cut_off_and_its_place_is_free_again(start: Start) -> None:
    start({"MOST_OF_ONE": 1, "HEAD_SECONDS": 0.5})
    where = urlsplit(settings().install_address)
    for _ in range(3):
        assert ended(socket.create_connection((str(where.hostname), where.port or 443), timeout=30))
