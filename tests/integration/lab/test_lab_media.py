"""Virtual media over Redfish: the image is really fetched, really boots, and really goes."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from oobctl.lab import certificates, rack
from oobctl.lab.certificates import CertificateFiles
from tests.integration.lab import boot_medium
from tests.integration.lab.lab_clients import SYSTEM, Server, eventually, wait_for_bmc_reset

SLOT = f"{SYSTEM}/VirtualMedia/Cd"


class ImageServer:
    """Serves `image` at /image.iso, over TLS where it has a certificate; counts what was asked for."""

    def __init__(self, image: bytes, files: CertificateFiles | None = None) -> None:
        self.asked: list[str] = []
        self.image = image
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.send_response(200 if self.path == "/image.iso" else 404)
                self.send_header("Content-Length", str(len(outer.image)))
                self.end_headers()
                self.wfile.write(outer.image)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(files.certificate, files.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if files else 'http'}://127.0.0.1:{self.server.server_address[1]}/image.iso"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return boot_medium.build(tmp_path_factory.mktemp("medium"))


@pytest.fixture
def images(medium: bytes) -> Iterator[ImageServer]:
    server = ImageServer(medium)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def empty_slot(db01: Server) -> Iterator[None]:
    yield
    eject(db01)
    with db01.redfish() as client:
        client.patch(SLOT, json={"VerifyCertificate": True})


def insert(server: Server, url: str, **more: object) -> httpx.Response:
    with server.redfish() as client:
        return client.post(f"{SLOT}/Actions/VirtualMedia.InsertMedia", json={"Image": url, **more})


def eject(server: Server) -> int:
    with server.redfish() as client:
        return client.post(f"{SLOT}/Actions/VirtualMedia.EjectMedia", json={}).status_code


def slot(server: Server) -> tuple[bool, str | None, str]:
    with server.redfish() as client:
        found = client.get(SLOT).json()
    return found["Inserted"], found["Image"], found["ConnectedVia"]


def _kept_images(server: Server) -> list[Path]:
    return list((server.lab.chassis_log.parent / "media").glob("*"))


def test_an_inserted_medium_boots_once_and_is_still_there_after_resets(db01: Server, images: ImageServer) -> None:
    assert insert(db01, images.url).status_code == 204
    assert slot(db01) == (True, images.url, "URI")
    boot = {"BootSourceOverrideTarget": "Cd", "BootSourceOverrideEnabled": "Once"}
    assert db01.patch({"Boot": boot}).status_code == 204
    since = db01.serial_size()
    db01.reset("ForceRestart")
    eventually(lambda: boot_medium.GREETING in db01.serial(since), 120)
    wait_for_bmc_reset(db01)
    since = db01.serial_size()
    db01.reset("PowerCycle")
    db01.wait_for_os(since)  # from the disk: the override was for one boot
    assert slot(db01) == (True, images.url, "URI")
    assert eject(db01) == 204
    assert slot(db01) == (False, None, "NotConnected")
    assert _kept_images(db01) == []


def test_a_medium_of_a_server_without_power_is_there_when_it_starts(db01: Server, images: ImageServer) -> None:
    rack.command(db01.home, "db01", "power-off")
    assert insert(db01, images.url).status_code == 204
    db01.patch({"Boot": {"BootSourceOverrideTarget": "Cd", "BootSourceOverrideEnabled": "Once"}})
    since = db01.serial_size()
    db01.reset("On")
    eventually(lambda: boot_medium.GREETING in db01.serial(since), 120)


def test_a_full_slot_is_not_inserted_into_and_an_empty_one_ejects_without_complaint(
    db01: Server, images: ImageServer
) -> None:
    assert eject(db01) == 204
    assert insert(db01, images.url).status_code == 204
    assert insert(db01, images.url).status_code == 409
    assert images.asked == ["/image.iso"]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("", "ActionParameterValueFormatError"),
        ("not a url", "ActionParameterValueFormatError"),
        ("http://127.0.0.1:99999/image.iso", "ActionParameterValueFormatError"),
        ("nfs://127.0.0.1/image.iso", "SourceDoesNotSupportProtocol"),
        ("file:///etc/passwd", "ActionParameterValueFormatError"),
        ("http://127.0.0.1:9/image.iso", "CouldNotEstablishConnection"),
        ("http://no-such-name.invalid/image.iso", "CouldNotEstablishConnection"),
    ],
)
def test_a_wrong_address_is_refused_with_redfish_s_own_message(db01: Server, image: str, message: str) -> None:
    answer = insert(db01, image)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].endswith(message)
    assert slot(db01)[0] is False


def test_an_image_that_is_not_there_or_is_empty_is_refused(db01: Server, images: ImageServer) -> None:
    missing = insert(db01, images.url.replace("image", "other"))
    assert missing.json()["error"]["code"].endswith("ResourceMissingAtURI")
    images.image = b""
    assert insert(db01, images.url).json()["error"]["code"].endswith("ResourceAtUriInUnknownFormat")
    assert _kept_images(db01) == []


@pytest.mark.parametrize("missing", [{}, {"WriteProtected": False, "Image": "http://127.0.0.1:9/x"}])
def test_what_the_slot_cannot_do_is_refused(db01: Server, missing: dict[str, object]) -> None:
    with db01.redfish() as client:
        assert client.post(f"{SLOT}/Actions/VirtualMedia.InsertMedia", json=missing).status_code == 400


def test_a_certificate_is_checked_unless_the_slot_is_told_not_to(db01: Server, medium: bytes, tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path / "own.pem", tmp_path / "own.key")
    certificates.issue(files, name="media", address="127.0.0.1", authority=None)
    images = ImageServer(medium, files)
    try:
        refused = insert(db01, images.url)
        assert refused.json()["error"]["code"].endswith("CouldNotEstablishConnection")
        assert "CERTIFICATE_VERIFY_FAILED" in refused.text
        assert images.asked == []
        with db01.redfish() as client:
            assert client.patch(SLOT, json={"VerifyCertificate": False}).status_code == 204
        assert insert(db01, images.url).status_code == 204
    finally:
        images.close()


def test_a_certificate_that_the_slot_was_given_is_trusted(db01: Server, medium: bytes, tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path / "own.pem", tmp_path / "own.key")
    certificates.issue(files, name="media", address="127.0.0.1", authority=None)
    images = ImageServer(medium, files)
    try:
        with db01.redfish() as client:
            body = {"CertificateType": "PEM", "CertificateString": files.certificate.read_text()}
            added = client.post(f"{SLOT}/Certificates", json=body)
            assert added.status_code == 201
            assert insert(db01, images.url).status_code == 204
            assert client.delete(added.headers["Location"]).status_code == 204
    finally:
        images.close()


def test_a_server_certified_by_the_lab_s_authority_is_trusted(db01: Server, medium: bytes, tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path / "signed.pem", tmp_path / "signed.key")
    authority = certificates.ensure_authority(db01.home / "lab")
    certificates.issue(files, name="media", address="127.0.0.1", authority=authority)
    images = ImageServer(medium, files)
    try:
        assert insert(db01, images.url).status_code == 204
    finally:
        images.close()
