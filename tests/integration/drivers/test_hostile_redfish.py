"""A Redfish service that means no good, or is broken: limits to time and size, no token for strangers, one POST."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import update

from oobctl.constants import BootSource, PowerState, ResetType, SessionPurpose, TlsMode
from oobctl.drivers.redfish import presented_fingerprint
from oobctl.errors import (
    BmcAuthUnconfirmed,
    BmcBadAnswer,
    BmcRefused,
    BmcTimeout,
    NotSupported,
    OutcomeUnknown,
    WrongServer,
)
from oobctl.store import Credential, Endpoint, Server, database
from oobctl.vault import Secret, seal
from tests.integration.drivers.rows import Rows

SYSTEM = (
    b'{"PowerState": "On", "SerialNumber": "S-1", '
    b'"Actions": {"#ComputerSystem.Reset": {"target": "/redfish/v1/Systems/1/Reset", '
    b'"ResetType@Redfish.AllowableValues": ["On", "ForceOff", "ForceRestart", "PushPowerButton"]}}}'
)
ROOT = b'{"Systems": {"@odata.id": "/redfish/v1/Systems"}, "Links": {"Sessions": {"@odata.id": "/redfish/v1/S"}}}'
SYSTEMS = b'{"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]}'


def answer(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Hostile:
    """A TLS server whose answers a test writes: path -> bytes, or a function that gets the connection."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[tuple[str, str, str]] = []  # method, path, all of the head
        self.answers: dict[str, bytes | Callable[[ssl.SSLSocket], None]] = {
            "/redfish/v1/": answer(200, ROOT),
            "/redfish/v1/S": answer(201, b"{}", "X-Auth-Token: t0ken", "Location: /redfish/v1/S/1"),
            "/redfish/v1/S/1": answer(204, b""),
            "/redfish/v1/Systems": answer(200, SYSTEMS),
            "/redfish/v1/Systems/1": answer(200, SYSTEM),
            "/redfish/v1/Systems/1/Reset": answer(204, b""),
        }
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(_certificate(folder))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                plain, _address = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._context.wrap_socket(plain, server_side=True) as secured:
                secured.settimeout(5)
                while self._one(secured):
                    pass
        except OSError:
            return

    def _one(self, secured: ssl.SSLSocket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = secured.recv(65536)
            if not piece:
                return False
            head += piece
        method, path, _version = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.requests.append((method, path, head.decode()))
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        body = head.split(b"\r\n\r\n", 1)[1]
        while len(body) < length:
            body += secured.recv(65536)
        found = self.answers.get(path, answer(404))
        if callable(found):
            found(secured)
            return False
        secured.sendall(found)
        return True

    def count(self, method: str, path: str) -> int:
        return sum(request[:2] == (method, path) for request in self.requests)

    def stop(self) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(30)


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hostile")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "hostile.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    server = Hostile(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def server_id(rows: Rows, hostile: Hostile) -> str:
    """A server whose BMC is the hostile one."""
    server_id = rows.enrol("db01")
    pin = presented_fingerprint("127.0.0.1", hostile.port, 5)
    with database().write() as tx:
        endpoint = tx.query(Endpoint).one()
        endpoint.address, endpoint.port = "127.0.0.1", hostile.port
        endpoint.tls_mode, endpoint.tls_ca, endpoint.tls_fingerprint = TlsMode.PIN, None, pin
        sealed = seal(rows.site.public_key, endpoint.id, "127.0.0.1", Secret("admin", "pa55word"))
        tx.execute(update(Credential).values(sealed=sealed))
        tx.execute(update(Server).values(system_uuid=None, serial="S-1"))
    return server_id


def drip(secured: ssl.SSLSocket) -> None:
    """A byte now and then: each arrives well within any time-out of a single read."""
    secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        secured.sendall(b" ")
        time.sleep(0.2)


def drip_head(secured: ssl.SSLSocket) -> None:
    secured.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(1000):
        secured.sendall(b"x")
        time.sleep(0.2)


@pytest.mark.parametrize("dripping", [drip, drip_head])
def test_an_answer_that_drips_ends_with_the_limit_of_the_whole(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose, dripping: Callable[[ssl.SSLSocket], None]
) -> None:
    hostile.answers["/redfish/v1/Systems/1"] = dripping
    bmc = rows.connect(server_id, purpose=purpose)
    started = time.monotonic()
    with pytest.raises(BmcTimeout):
        bmc.power.read()
    assert time.monotonic() - started < bmc.profile.timeouts.answer + 5
    bmc.close()


def test_an_answer_without_end_is_cut_off(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose
) -> None:
    def endless(secured: ssl.SSLSocket) -> None:
        secured.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            secured.sendall(b" " * 65536)

    hostile.answers["/redfish/v1/Systems/1"] = endless
    bmc = rows.connect(server_id, purpose=purpose)
    with pytest.raises(BmcBadAnswer, match="no resource is that large"):
        bmc.power.read()
    bmc.close()


def test_the_token_goes_to_no_other_authority(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose, tmp_path: Path
) -> None:
    other = Hostile(tmp_path)
    try:
        hostile.answers["/redfish/v1/Systems/1"] = answer(
            307, b"", f"Location: https://127.0.0.1:{other.port}/redfish/v1/Systems/1"
        )
        bmc = rows.connect(server_id, purpose=purpose)
        with pytest.raises(BmcBadAnswer, match="nobody else"):
            bmc.power.read()
        bmc.close()
        assert other.requests == []
    finally:
        other.stop()


@pytest.mark.parametrize("there", ["/redfish/v1/Systems/1/", "/redfish/v1/Moved"])
def test_a_redirect_inside_the_service_is_followed_for_a_reading(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose, there: str
) -> None:
    hostile.answers["/redfish/v1/Systems/1"] = answer(308, b"", f"Location: {there}")
    hostile.answers[there] = answer(200, SYSTEM)
    bmc = rows.connect(server_id, purpose=purpose)
    assert bmc.power.read() is PowerState.ON
    bmc.close()


@pytest.mark.parametrize(
    "reaction", [lambda secured: None, answer(500), answer(502), b"nonsense\r\n\r\n", answer(200, b"x", "X: \x00")]
)
def test_a_reset_whose_answer_is_unclear_is_sent_once_and_its_outcome_unknown(
    rows: Rows, hostile: Hostile, server_id: str, reaction: bytes | Callable[[ssl.SSLSocket], None]
) -> None:
    hostile.answers["/redfish/v1/Systems/1/Reset"] = reaction
    bmc = rows.connect(server_id)
    clear = reaction == answer(200, b"x", "X: \x00")
    if clear:
        bmc.power.send_once(ResetType.FORCE_RESTART)
    else:
        with pytest.raises(OutcomeUnknown):
            bmc.power.send_once(ResetType.FORCE_RESTART)
    bmc.close()
    assert hostile.count("POST", "/redfish/v1/Systems/1/Reset") == 1


def test_where_another_server_answers_the_reset_is_not_sent_and_its_outcome_is_known(
    rows: Rows, hostile: Hostile, server_id: str
) -> None:
    hostile.answers["/redfish/v1/Systems/1"] = answer(200, SYSTEM.replace(b"S-1", b"S-2"))
    bmc = rows.connect(server_id)
    with pytest.raises(WrongServer):
        bmc.power.send_once(ResetType.FORCE_RESTART)
    bmc.close()
    assert hostile.count("POST", "/redfish/v1/Systems/1/Reset") == 0


def test_an_identity_read_half_from_one_login_and_half_from_the_next_is_read_again(
    rows: Rows, hostile: Hostile, server_id: str
) -> None:
    """The session ends between two questions, and who answers after the next login is another."""
    ours, asked = SYSTEM, 0

    def swapped(secured: ssl.SSLSocket) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            secured.sendall(answer(401, b"{}", "Connection: close"))
        else:
            secured.sendall(answer(200, ours if asked < 2 else ours.replace(b"S-1", b"S-2"), "Connection: close"))

    hostile.answers["/redfish/v1/Systems/1"] = swapped
    bmc = rows.connect(server_id)
    with pytest.raises(WrongServer):
        bmc.identify()
    bmc.close()


@pytest.mark.parametrize(
    ("target", "enabled", "source", "active"),
    [
        ('"Usb"', "Once", None, True),
        ('"Pxe"', "Once", BootSource.PXE, True),
        ('"Usb"', "Disabled", BootSource.NONE, False),
        ('"None"', "Once", BootSource.NONE, False),
        ("null", "Once", BootSource.NONE, False),
    ],
)
def test_an_override_to_something_that_has_no_word_is_not_read_as_none(
    rows: Rows, hostile: Hostile, server_id: str, target: str, enabled: str, source: BootSource | None, active: bool
) -> None:
    boot = f', "Boot": {{"BootSourceOverrideTarget": {target}, "BootSourceOverrideEnabled": "{enabled}"}}}}'
    hostile.answers["/redfish/v1/Systems/1"] = answer(200, SYSTEM[:-1] + boot.encode())
    bmc = rows.connect(server_id)
    found = bmc.boot.read()
    bmc.close()
    assert (found.source, found.active) == (source, active)


def test_with_basic_a_password_refused_on_the_way_is_sent_no_more_for_now(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose
) -> None:
    hostile.answers["/redfish/v1/"] = answer(200, b'{"Systems": {"@odata.id": "/redfish/v1/Systems"}}')
    bmc = rows.connect(server_id, purpose=purpose)
    bmc.power.read()
    hostile.answers["/redfish/v1/Systems/1"] = answer(401)
    for words in ("asked again at", "nothing was sent"):
        with pytest.raises(BmcAuthUnconfirmed, match=words):
            bmc.power.read()
    bmc.close()
    assert (rows.parked(), hostile.count("GET", "/redfish/v1/Systems/1")) == ([], 2)


def test_a_reset_is_not_repeated_after_a_redirect(rows: Rows, hostile: Hostile, server_id: str) -> None:
    hostile.answers["/redfish/v1/Systems/1/Reset"] = answer(307, b"", "Location: /redfish/v1/Systems/1/Reset")
    bmc = rows.connect(server_id)
    with pytest.raises(Exception, match="307"):
        bmc.power.send_once(ResetType.FORCE_RESTART)
    bmc.close()
    assert hostile.count("POST", "/redfish/v1/Systems/1/Reset") == 1


def test_what_the_bmc_does_not_list_is_not_sent(rows: Rows, hostile: Hostile, server_id: str) -> None:
    bmc = rows.connect(server_id)
    with pytest.raises(NotSupported, match="PushPowerButton"):
        bmc.power.set(ResetType.GRACEFUL_SHUTDOWN)
    with pytest.raises(NotSupported):
        bmc.power.send_once(ResetType.NMI)
    bmc.close()
    assert hostile.count("POST", "/redfish/v1/Systems/1/Reset") == 0


@pytest.mark.parametrize("status", [400, 409])
def test_a_refusal_of_the_state_that_is_already_there_counts_as_taken(
    rows: Rows, hostile: Hostile, server_id: str, status: int
) -> None:
    hostile.answers["/redfish/v1/Systems/1/Reset"] = answer(status)
    bmc = rows.connect(server_id)
    bmc.power.set(ResetType.ON)  # it reads On
    with pytest.raises(Exception, match=str(status)):
        bmc.power.set(ResetType.FORCE_OFF)
    bmc.close()


def test_an_expired_session_is_replaced_once(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose
) -> None:
    bmc = rows.connect(server_id, purpose=purpose)
    bmc.power.read()
    hostile.answers["/redfish/v1/Systems/1"] = answer(401)
    with pytest.raises(BmcRefused, match="401"):
        bmc.boot.read()
    bmc.close()
    assert rows.parked() == []  # the password was right: it let us in
    assert hostile.count("POST", "/redfish/v1/S") == 2


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"PowerState": 5}', b'{"PowerState": "Maybe"}', b'{"PowerState": []}'])
def test_wrong_types_are_a_bad_answer(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose, body: bytes
) -> None:
    hostile.answers["/redfish/v1/Systems/1"] = answer(200, body)
    bmc = rows.connect(server_id, purpose=purpose)
    with pytest.raises(BmcBadAnswer):
        bmc.power.read()
    bmc.close()


def test_without_sessions_the_password_goes_with_each_request(
    rows: Rows, hostile: Hostile, server_id: str, purpose: SessionPurpose
) -> None:
    hostile.answers["/redfish/v1/"] = answer(200, b'{"Systems": {"@odata.id": "/redfish/v1/Systems"}}')
    bmc = rows.connect(server_id, purpose=purpose)
    assert bmc.power.read() is PowerState.ON
    bmc.close()
    assert hostile.count("POST", "/redfish/v1/S") == 0
    heads = [head.lower() for _method, path, head in hostile.requests if path == "/redfish/v1/Systems/1"]
    assert heads
    assert all("authorization: basic " in head for head in heads)
