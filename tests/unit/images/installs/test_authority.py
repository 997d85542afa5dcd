"""The boot services' certificate authority: made once, and no other takes its place in silence."""

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
