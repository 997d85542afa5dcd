"""An image is fetched from the media service before a BMC is sent there, and compared with the catalogue's file."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.errors import ConfigurationError, InvalidParameter, NotFound, OobctlError, WrongState
from oobctl.images import access, catalogue, removal, serving
from oobctl.store import AuditRecord, database
from tests.furnished import over_redfish_too
from tests.installation import Installation

CONTENT = bytes(range(256)) * 400


class Answers(BaseHTTPRequestHandler):
    """Something that listens where the media service should: it answers with `status` and `content`, ranges unknown."""

    status, content = 200, CONTENT

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@pytest.fixture
def listening(
    sqlite_installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    (tmp_path / "rescue.iso").write_bytes(CONTENT)
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        monkeypatch.setenv("OOBCTL_MEDIA_URL", f"http://127.0.0.1:{server.server_port}")
        settings.cache_clear()
        catalogue.add(tmp_path / "rescue.iso")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        over_redfish_too(sqlite_installation.servers["web01"])
        yield sqlite_installation
        server.shutdown()
        thread.join(5)


def check(installation: Installation) -> int:
    server_id = installation.servers["web01"]
    job = control.submit(SYSTEM, "media.insert", server_id, {"image": "rescue.iso"})
    return serving.check(server_id, job.id, "rescue.iso")


def test_what_is_served_as_the_catalogue_has_it_is_right(listening: Installation) -> None:
    assert check(listening) == len(CONTENT)


@pytest.mark.parametrize(
    ("status", "content", "error", "words"),
    [
        (200, CONTENT[:-1], ConfigurationError, "it says 102399 bytes where the catalogue has 102400"),
        (200, b"<html>" + CONTENT[6:], ConfigurationError, "first bytes are not those"),
        (200, b"", InvalidParameter, "is empty"),
        (404, b"no", InvalidParameter, "has no image rescue.iso. On this computer there are: rescue.iso"),
        (503, b"no", ConfigurationError, "it answered 503"),
    ],
)
def test_what_is_not_served_as_the_catalogue_has_it_is_said(
    listening: Installation,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    content: bytes,
    error: type[OobctlError],
    words: str,
) -> None:
    monkeypatch.setattr(Answers, "status", status)
    monkeypatch.setattr(Answers, "content", content)
    with pytest.raises(error, match=words):
        check(listening)


def test_the_look_leaves_what_is_in_a_slot_alone_and_opens_nothing_for_good(listening: Installation) -> None:
    server_id = listening.servers["web01"]
    earlier = control.submit(SYSTEM, "media.insert", server_id, {"image": "rescue.iso"})
    url = access.open_for(server_id, earlier.id, "rescue.iso")
    control.cancel(SYSTEM, earlier.id)
    check(listening)
    assert access.image_of(url.split("/")[-2]) == "rescue.iso"
    access.keep_only(server_id, [url])
    with database().read() as session:
        assert [server.name for server in access.servers_with(session, "rescue.iso")] == ["web01"]
    access.keep_only(server_id, [])
    with database().read() as session:
        assert access.servers_with(session, "rescue.iso") == []


def test_an_image_that_a_server_has_in_a_slot_is_removed_by_force_alone_and_the_record_says_so(
    listening: Installation,
) -> None:
    server_id = listening.servers["web01"]
    job = control.submit(SYSTEM, "media.insert", server_id, {"image": "rescue.iso"})
    url = access.open_for(server_id, job.id, "rescue.iso")
    with pytest.raises(WrongState, match=r"in a virtual drive of web01.*--force"):
        removal.remove("rescue.iso")
    assert catalogue.find("rescue.iso").size == len(CONTENT)
    assert removal.remove("rescue.iso", force=True) == ["web01"]
    assert access.image_of(url.split("/")[-2]) is None
    with pytest.raises(NotFound):
        catalogue.find("rescue.iso")
    with database().read() as session:
        [row] = session.query(AuditRecord).filter_by(tag=str(Tag.SERVER_IMAGE_REMOVED)).all()
    assert (row.server_id, row.parameters) == (server_id, {"image": "rescue.iso"})


def test_where_the_file_cannot_be_removed_that_is_said_and_no_record_says_otherwise(
    listening: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    server_id = listening.servers["web01"]
    job = control.submit(SYSTEM, "media.insert", server_id, {"image": "rescue.iso"})
    url = access.open_for(server_id, job.id, "rescue.iso")
    monkeypatch.setattr(Path, "unlink", denied)
    with pytest.raises(ConfigurationError, match="could not be removed: Permission denied"):
        removal.remove("rescue.iso", force=True)
    monkeypatch.undo()
    settings.cache_clear()
    assert access.image_of(url.split("/")[-2]) == "rescue.iso"
    with database().read() as session:
        assert session.query(AuditRecord).filter_by(tag=str(Tag.SERVER_IMAGE_REMOVED)).count() == 0


def test_an_image_that_nobody_has_in_a_slot_is_removed(listening: Installation) -> None:
    assert removal.remove("rescue.iso") == []
    with pytest.raises(NotFound):
        removal.remove("rescue.iso")
