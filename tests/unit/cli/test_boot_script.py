"""`oobctl boot-script` against a real panel: kept from a file or an address, listed, shown, removed."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from oobctl.lab.certificates import CertificateFiles, ensure_authority, issue
from tests.installation import Installation
from tests.unit.cli.test_messages import failed_with, oobctl

SCRIPT = "#!ipxe\necho hello\n"
CONTENT = {"/own.ipxe": SCRIPT.encode(), "/long.ipxe": b"#!ipxe\n" + b"#" * 140_000, "/binary": b"\xff\xfe"}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT[self.path])

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of an https server on loopback, and its authority."""
    authority = ensure_authority(tmp_path)
    files = CertificateFiles(tmp_path / "server.pem", tmp_path / "server.key")
    issue(files, name="scripts", address="127.0.0.1", authority=authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with HTTPServer(("127.0.0.1", 0), Answers) as found:
        found.socket = context.wrap_socket(found.socket, server_side=True)
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{found.server_port}", authority.certificate
        found.shutdown()
        thread.join(5)


@pytest.fixture
def installation(sqlite_installation: Installation) -> Installation:
    sqlite_installation.start_panel()
    return sqlite_installation


def run(installation: Installation, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    token = installation.token("customer")
    return oobctl("boot-script", *arguments, **variables, OOBCTL_URL=installation.url, OOBCTL_TOKEN=token)  # type: ignore[arg-type]


def test_a_script_is_kept_from_a_file_listed_shown_and_removed(installation: Installation, tmp_path: Path) -> None:
    assert "keeps no boot script" in run(installation, "list").stdout
    file = tmp_path / "own.ipxe"
    file.write_text(SCRIPT)
    added = run(installation, "add", "rescue", str(file))
    assert "boot.script saved=rescue" in added.stdout, added
    assert "rescue" in run(installation, "list").stdout
    assert run(installation, "show", "rescue").stdout == SCRIPT
    failed_with(run(installation, "add", "rescue", str(file)), "keeps a boot script rescue already")
    failed_with(run(installation, "show", "none such"), "keeps no boot script")
    assert run(installation, "remove", "rescue").returncode == 0
    failed_with(run(installation, "show", "rescue"), "keeps no boot script")
    failed_with(run(installation, "show", ""), "A name is needed")
    missing = run(installation, "add", "rescue", str(tmp_path / "none"))
    assert (missing.returncode, "cannot be read as text" in missing.stderr) == (2, True), missing


def test_an_address_is_fetched_from_public_servers_or_named_networks_alone(
    installation: Installation, server: tuple[str, Path]
) -> None:
    url, authority = server
    failed_with(run(installation, "add", "rescue", f"{url}/own.ipxe"), "no public address")
    failed_with(run(installation, "add", "rescue", "http://192.0.2.1/own.ipxe"), "Only https")
    allowed = {"OOBCTL_EGRESS_NETWORKS": '["127.0.0.0/8"]', "OOBCTL_EGRESS_CA": str(authority)}
    failed_with(run(installation, "add", "rescue", f"{url}/long.ipxe", **allowed), "more than 128 KB")
    binary = run(installation, "add", "rescue", f"{url}/binary", **allowed)
    assert (binary.returncode, f"{url}/binary is no text" in binary.stderr) == (2, True), binary
    assert "keeps no boot script" in run(installation, "list").stdout
    assert run(installation, "add", "rescue", f"{url}/own.ipxe", **allowed).returncode == 0
    assert run(installation, "show", "rescue").stdout == SCRIPT
