"""The image of a virtual medium: bounded in size, whole or not there, with its server's sign-in."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from oobctl.lab.redfish_service.image_download import ImageRefused, Source, check_url, fetch


class Images(http.server.BaseHTTPRequestHandler):
    """/whole has a length, /endless none; /short says too much; /guarded, /from-here are for some; /away leads off."""

    def do_GET(self) -> None:
        data = b"x" * 5000
        if self.path == "/guarded" and self.headers.get("Authorization") != "Basic Ym9iOnNlY3JldA==":
            self.send_error(401)
            return
        if self.path == "/from-here" and self.client_address[0] != "127.0.0.2":
            self.send_error(404)
            return
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/image")
            self.end_headers()
            return
        self.send_response(200)
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(data) + (1 if self.path == "/short" else 0)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def base() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Images)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_image_is_fetched_whole(base: str, tmp_path: Path) -> None:
    target = tmp_path / "media" / "image"
    assert fetch(Source(f"{base}/whole"), target) == 5000
    assert target.read_bytes() == b"x" * 5000


@pytest.mark.parametrize(
    ("path", "largest", "message_id"),
    [
        ("/whole", 4999, "InsufficientStorage"),
        ("/endless", 4999, "InsufficientStorage"),
        ("/short", 10000, "CouldNotEstablishConnection|ResourceAtUriInUnknownFormat"),
        ("/guarded", 10000, "AccessDenied"),
        ("/away", 10000, "SourceDoesNotSupportProtocol|ResourceMissingAtURI"),
    ],
)
def test_what_is_too_large_cut_or_denied_leaves_no_file(
    base: str, tmp_path: Path, path: str, largest: int, message_id: str
) -> None:
    target = tmp_path / "image"
    with pytest.raises(ImageRefused) as refused:
        fetch(Source(f"{base}{path}"), target, largest=largest)
    assert refused.value.message_id in message_id.split("|")
    assert not target.exists()


def test_a_sign_in_is_passed_on(base: str, tmp_path: Path) -> None:
    assert fetch(Source(f"{base}/guarded", user="bob", password="secret"), tmp_path / "image") == 5000


def test_an_image_is_asked_for_from_the_bmcs_own_address(base: str, tmp_path: Path) -> None:
    assert fetch(Source(f"{base}/from-here", address="127.0.0.2"), tmp_path / "image") == 5000


@pytest.mark.parametrize("url", [None, 7, "", "image.iso", "http://", "http://[::1", "http://a:0/x", "ftp://a/x"])
def test_what_is_no_web_address_is_refused(url: object) -> None:
    with pytest.raises(ImageRefused):
        check_url(url)
