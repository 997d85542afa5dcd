"""The boot services' certificate authority: made once, and no other takes its place in silence."""

import contextlib
import ssl
import threading

import pytest
from structlog.testing import capture_logs

from oobctl.config import settings
from oobctl.images.installs import authority
from oobctl.store import Site, database
from tests.installation import Installation


@pytest.fixture
def site(sqlite_installation: Installation) -> str:
    with database().read() as session:
        return session.query(Site).one().id


def told() -> str | None:
    with database().read() as session:
        return session.query(Site).one().boot_ca


def test_first_starts_at_once_have_one_authority(site: str) -> None:
    authority.ensure(site)
    settings().keys.joinpath(f"boot-{site}.pem").unlink()
    found = list[str]()
    starts = [threading.Thread(target=lambda: found.append(authority.ensure(site).certificate)) for _ in range(8)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert found == [told()] * 8
    assert [file.name for file in settings().keys.glob("*boot-*.pem*")] == [f"boot-{site}.pem"]


def test_another_authority_than_the_one_before_is_warned_of(site: str) -> None:
    with capture_logs() as logged:
        authority.ensure(site)
        authority.ensure(site)
    assert not logged
    settings().keys.joinpath(f"boot-{site}.pem").unlink()
    with capture_logs() as logged:
        authority.ensure(site)
    (line,) = logged
    assert line["log_level"] == "warning"
    assert line["file"].endswith(f"boot-{site}.pem")


@pytest.mark.parametrize("first", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_the_cipher_is_chosen_by_who_is_installed(site: str, first: str) -> None:
    listens = authority.ensure(site).context("127.0.0.1")
    asks = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asks.load_verify_locations(cadata=told())
    asks.maximum_version = ssl.TLSVersion.TLSv1_2  # the only one whose order Python can say
    asks.set_ciphers(f"{first}:ECDHE-ECDSA-AES256-GCM-SHA384")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asks.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    server = listens.wrap_bio(to_server, to_client, server_side=True)
    for one in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            one.do_handshake()
    assert (client.cipher() or ("none",))[0] == first
