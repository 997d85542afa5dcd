"""An address that somebody gave leads to public servers alone, over https, and to no more than was allowed."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from oobctl import clock, egress
from oobctl.config import settings
from oobctl.errors import InvalidParameter

NAME = "images.example"
CONTENT = b"0123456789" * 1000


class Answers(BaseHTTPRequestHandler):
    """/file is there; /to?URL leads to URL; /long tells no length; everything else is not there."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        assert self.headers["Host"].startswith(NAME)
        if path == "/to":
            self.send_response(302)
            self.send_header("Location", query)
            self.end_headers()
            return
        if path == "/to-nowhere":
            self.send_response(302)
            self.end_headers()
            return
        self.send_response(200 if path in {"/file", "/long"} else 404)
        if path == "/file":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


def certificate(folder: Path) -> Path:
    """A certificate for NAME that is its own authority, with its key: one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, clock.now() - timedelta(1), clock.now() + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names are resolved to: there is no name server here. A list's first answer is given once."""
    answers: dict[str, list[str]] = {NAME: ["127.0.0.1"]}
    real = socket.getaddrinfo

    def resolve(name: Any, port: Any, *more: Any, **options: Any) -> Any:
        if name not in answers:
            return real(name, port, *more, **{**options, "flags": socket.AI_NUMERICHOST})
        found = answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]
        family = socket.AF_INET6 if ":" in found else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (found, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.fixture
def server(home: Path, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server on loopback that the settings allow, and whose authority they name."""
    pem = certificate(home)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(("127.0.0.1", 0), Answers) as found:
        found.socket = context.wrap_socket(found.socket, server_side=True)
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        monkeypatch.setenv("OOBCTL_EGRESS_NETWORKS", '["127.0.0.0/8"]')
        monkeypatch.setenv("OOBCTL_EGRESS_CA", str(pem))
        settings.cache_clear()
        yield f"https://{NAME}:{found.server_port}"
        found.shutdown()
        thread.join(5)


def test_a_file_is_fetched_from_a_server_that_proves_its_name(server: str, tmp_path: Path) -> None:
    assert egress.fetch(f"{server}/file", tmp_path / "got", 1 << 20) == len(CONTENT)
    assert (tmp_path / "got").read_bytes() == CONTENT


def test_a_redirect_is_followed_to_where_the_first_address_could_have_led(server: str, tmp_path: Path) -> None:
    assert egress.fetch(f"{server}/to?/file", tmp_path / "got", 1 << 20) == len(CONTENT)


def test_a_server_with_another_name_in_its_certificate_is_not_trusted(
    server: str, names: dict[str, list[str]], tmp_path: Path
) -> None:
    names["other.example"] = ["127.0.0.1"]
    with pytest.raises(InvalidParameter, match="did not give the file"):
        egress.fetch(f"{server}/file".replace(NAME, "other.example"), tmp_path / "got", 1 << 20)
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("path", ["/file", "/long"])
def test_more_than_was_allowed_is_not_fetched(server: str, tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidParameter, match="a file of more than"):
        egress.fetch(f"{server}{path}", tmp_path / "got", len(CONTENT) - 1)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://images.example/file", "Only https"),
        ("https://10.0.0.1/file", "no public address"),
        ("https://[::1]/file", "no public address"),
        ("file:///etc/passwd", "Only https"),
    ],
)
def test_a_redirect_that_leads_elsewhere_is_not_followed(server: str, tmp_path: Path, target: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        egress.fetch(f"{server}/to?{target}", tmp_path / "got", 1 << 20)


def test_a_circle_of_redirects_and_a_file_that_is_not_there_are_said(server: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="redirects more than 5 times"):
        egress.fetch(f"{server}/to?/to?/to?/to?/to?/to?/to?/file", tmp_path / "got", 1 << 20)
    with pytest.raises(InvalidParameter, match="answers 302 and no file"):
        egress.fetch(f"{server}/to-nowhere", tmp_path / "got", 1 << 20)
    with pytest.raises(InvalidParameter, match="answers 404"):
        egress.fetch(f"{server}/nothing", tmp_path / "got", 1 << 20)


def test_a_name_that_is_resolved_anew_to_another_address_leads_to_the_checked_one(
    server: str, names: dict[str, list[str]], tmp_path: Path
) -> None:
    names[NAME] = ["127.0.0.1", "203.0.113.9"]  # the second answer would never be reached
    assert egress.fetch(f"{server}/file", tmp_path / "got", 1 << 20) == len(CONTENT)


@pytest.mark.parametrize(
    "url",
    ["ftp://a/b", "https://", "https:///x", "/etc/passwd", "https://user:secret@images.example/", "https://exa mple/",
     "https://[::", "https://nothing.invalid/"],
)  # fmt: skip
def test_what_is_no_address_to_fetch_from_is_refused(home: Path, names: dict[str, list[str]], url: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        egress.check(url)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
     "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"],
)  # fmt: skip
def test_an_address_inside_is_not_allowed_however_it_is_written(home: Path, address: str) -> None:
    assert not egress.is_allowed(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_a_public_address_is_allowed(home: Path, address: str) -> None:
    assert egress.is_allowed(ip_address(address))


@example_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_whatever_is_given_as_an_address_it_is_checked_or_refused(
    home: Path, names: dict[str, list[str]], text: str
) -> None:
    for url in (text, f"https://{text}", f"https://{NAME}{text}"):
        try:
            found = egress.check(url)
        except InvalidParameter:
            continue
        assert found.url.scheme == "https"
        assert found.address.is_global
