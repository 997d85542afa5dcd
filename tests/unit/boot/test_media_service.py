"""The media service: an image for who has its address, in ranges, and nothing for anybody else."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from oobctl import administer, boot, clock, control
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.images import access, catalogue, serving
from oobctl.images.installer import building
from oobctl.store import Endpoint, MediaAccess, Process, database
from tests.furnished import OTHER_CUSTOMER, over_redfish_too
from tests.installation import Installation, eventually, free_port

CONTENT = bytes(range(256)) * 400
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def service(
    sqlite_installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """The real service in a thread, with one image."""
    monkeypatch.setenv("OOBCTL_MEDIA_LISTEN", f"127.0.0.1:{free_port()}")
    settings.cache_clear()
    (tmp_path / "rescue.iso").write_bytes(CONTENT)
    catalogue.add(tmp_path / "rescue.iso")
    for server in sqlite_installation.servers.values():
        over_redfish_too(server)
    at(HERE)
    stop = threading.Event()
    thread = threading.Thread(target=boot.run, args=(settings().site, stop))
    thread.start()
    eventually(lambda: answers(settings().media_address))
    yield sqlite_installation
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def at(address: str) -> None:
    """The BMCs are there: the service tells them by where they ask from."""
    with database().write() as session:
        session.execute(update(Endpoint).values(address=address))


def answers(url: str) -> bool:
    try:
        return get(url).status_code == 404
    except httpx.HTTPError:
        return False


def get(url: str, by: str = HERE, **headers: str) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=by), timeout=5, trust_env=False) as client:
        return client.get(url, headers=headers)


def opened(installation: Installation, server: str = "web01", image: str = "rescue.iso") -> str:
    """An address as a job of media.insert gets it."""
    job = control.submit(SYSTEM, "media.insert", installation.servers[server], {"image": image})
    return access.open_for(installation.servers[server], job.id, image)


def test_an_image_is_served_whole_and_in_ranges(service: Installation) -> None:
    url = opened(service)
    assert get(url).content == CONTENT
    part = get(url, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    head = httpx.head(url, timeout=5, trust_env=False)
    assert (head.status_code, int(head.headers["Content-Length"])) == (200, len(CONTENT))
    assert head.headers["Accept-Ranges"] == "bytes"


def test_without_its_key_or_under_another_name_there_is_nothing(service: Installation) -> None:
    url = opened(service)
    catalogue.add(catalogue.find("rescue.iso").path, "other.iso")
    base, key, _name = url.rsplit("/", 2)
    for wrong in (f"{base}/x{key}/rescue.iso", f"{base}/{key}/other.iso", f"{base}/{key}/../rescue.iso", base):
        assert get(wrong).status_code == 404, wrong
    assert httpx.post(url, timeout=5, trust_env=False).status_code == 405


def test_an_image_is_for_the_address_of_its_bmc_alone(service: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    url = opened(service)
    stranger, wrong = get(url, ELSEWHERE), get(url.replace("/media/", "/media/x"))
    assert (stranger.status_code, stranger.content) == (404, wrong.content)
    said = "".join(capfd.readouterr())
    assert f"An image for web01 was asked for from {ELSEWHERE}, which is not its BMC ({HERE}" in said
    assert url.split("/")[-2] not in said
    assert get(url).status_code == 200
    at("localhost")
    assert (get(url).status_code, get(url, ELSEWHERE).status_code) == (200, 404)


@pytest.mark.parametrize("address", ["bmc.invalid", "::ffff:127.0.0.2"])
def test_a_bmc_whose_address_is_not_known_or_written_otherwise_is_let_in(service: Installation, address: str) -> None:
    url = opened(service)
    at(address)
    assert get(url, ELSEWHERE).status_code == 200


def test_where_a_nat_hides_the_bmcs_their_addresses_do_not_count(
    service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OOBCTL_MEDIA_FROM_ANYWHERE", "1")
    url = opened(service)
    settings.cache_clear()
    assert get(url, ELSEWHERE).status_code == 200


def test_the_worker_looks_from_wherever_it_is(service: Installation) -> None:
    at(ELSEWHERE)
    job = control.submit(SYSTEM, "media.insert", service.servers["web01"], {"image": "rescue.iso"})
    assert serving.check(service.servers["web01"], job.id, "rescue.iso") == len(CONTENT)


def test_what_was_closed_or_is_too_old_is_gone(service: Installation) -> None:
    url = opened(service)
    access.close(service.servers["db01"])
    assert get(url).status_code == 200
    access.close(service.servers["web01"])
    assert get(url).status_code == 404
    old = opened(service, "db01")
    with database().write() as session:
        session.execute(update(MediaAccess).values(expires_at=clock.now() - timedelta(seconds=1)))
    assert get(old).status_code == 404


def test_the_next_owner_s_bmc_fetches_nothing_of_the_last_one_s(service: Installation) -> None:
    url = access.open_for(service.servers["web01"], a_job_that_ended(service), "rescue.iso")
    administer.assign(SYSTEM, service.servers["web01"], OTHER_CUSTOMER)
    assert get(url).status_code == 404


def a_job_that_ended(installation: Installation) -> str:
    job = control.submit(SYSTEM, "media.insert", installation.servers["web01"], {"image": "rescue.iso"})
    control.cancel(SYSTEM, job.id)
    return job.id


def test_the_key_is_in_no_row_and_in_no_log(service: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    url = opened(service)
    get(url)
    key = url.rsplit("/", 2)[1]
    with database().read() as session:
        rows = session.execute(select(MediaAccess.__table__)).all()
    assert key not in repr(rows)
    said = capfd.readouterr()
    assert key not in said.out + said.err


def test_an_image_that_was_removed_is_said(service: Installation) -> None:
    url = opened(service)
    catalogue.remove("rescue.iso")
    answer = get(url)
    assert (answer.status_code, "no image 'rescue.iso'" in answer.text) == (404, True)


def test_the_service_beats_while_it_lives(service: Installation) -> None:
    with database().read() as session:
        assert session.scalars(select(Process.kind).where(Process.kind == "boot")).all() == ["boot"]


def test_a_port_that_is_taken_is_said(service: Installation) -> None:
    with pytest.raises(ConfigurationError, match="OOBCTL_MEDIA_LISTEN"):
        boot.run(settings().site, threading.Event())


@pytest.mark.parametrize(
    "url", ["ftp://192.0.2.1", "http://", "http://user:x@192.0.2.1", "http://192.0.2.1/x", "192.0.2.1"]
)
def test_an_address_that_no_bmc_can_be_given_is_said(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OOBCTL_MEDIA_URL", url)
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match="OOBCTL_MEDIA_URL"):
        access.service()


def test_without_a_setting_it_listens_beside_the_panel(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for listen, media in (("127.0.0.1:8080", "127.0.0.1:8090"), ("[::1]:65530", "[::1]:65520")):
        monkeypatch.setenv("OOBCTL_LISTEN", listen)
        settings.cache_clear()
        assert settings().media == media


def test_an_installer_that_is_not_built_is_said_before_anything_is_sent(
    service: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "cache_folder", lambda: tmp_path / "nothing")
    job = control.submit(SYSTEM, "media.insert", service.servers["web01"], {"image": "rescue.iso"})
    with pytest.raises(ConfigurationError, match=r"not built on this computer.*image installer\. Nothing was sent"):
        serving.check(service.servers["web01"], job.id, access.INSTALLER)
    with pytest.raises(ConfigurationError, match=r"not built on this computer.*image installer\. Nothing was sent"):
        serving.check_network()
