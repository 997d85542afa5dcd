"""The installers' protocol over the wire: TLS by the site's own authority, one sentence for what is refused."""

import io
import shutil
import ssl
import tarfile
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from oobctl import boot
from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.images import systems
from oobctl.images.installs import waiting
from oobctl.images.installs.authority import ensure as authority_of
from oobctl.store import Install, Site, database
from tests.installation import Installation, eventually
from tests.reinstalls import CONTENT, DISK, HOST_KEY, MAC, SSH_KEY, UUID, add_image, armed, install, ready, token

KEY = "a-key-of-a-medium"
SAID = {
    "uuid": UUID, "serial": "S1", "firmware": "UEFI", "memory_mb": "512", "mac": MAC,
    "disks": f"vda\t{DISK.size}\t{DISK.serial}\tQEMU\n",
}  # fmt: skip


@pytest.fixture
def service(sqlite_installation: Installation) -> Iterator[str]:
    """The real service in a thread, and a job whose medium carries KEY. Its id."""
    add_image()
    server = ready(sqlite_installation)
    stop = threading.Event()
    thread = threading.Thread(target=boot.run, args=(settings().site, stop))
    thread.start()
    eventually(lambda: reached(settings().install_address))
    yield armed(server, KEY)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def reached(url: str) -> bool:
    try:
        return ask("GET", url).status_code == 404
    except httpx.HTTPError:
        return False


def authority() -> str:
    with database().read() as session:
        found = session.query(Site).one().boot_ca
    assert found is not None
    return found


def ask(method: str, url: str, trust: str | None = None, **more: object) -> httpx.Response:
    context = ssl.create_default_context(cadata=trust or authority())
    with httpx.Client(verify=context, timeout=5, trust_env=False) as client:
        return client.request(method, url, **more)  # type: ignore[arg-type]


def at(path: str) -> str:
    return f"{settings().install_address}/install/{path}"


def claimed() -> dict[str, str]:
    """The headers of an installer that has the job."""
    mine = token()
    answer = ask("POST", at("claim"), data={"key": KEY, "token": mine, **SAID})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {mine}"}


def begun(job: str) -> dict[str, str]:
    mine = claimed()
    waiting.allow(job, "may_write_at")
    assert ask("POST", at("begin"), headers=mine).text == "go"
    return mine


def test_a_claim_is_answered_by_the_orders(service: str) -> None:
    answer = ask("POST", at("claim"), data={"key": KEY, "token": token(), **SAID})
    lines = answer.text.splitlines()
    assert f"disk {DISK.size} {DISK.serial}" in lines
    assert {"form disk-image", "layout whole-disk", "firmware UEFI", f"mac {MAC}", f"job {service}"} <= set(lines)
    assert f"image_size {len(CONTENT)}" in lines


def test_who_trusts_another_authority_says_nothing(service: str) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.post(at("claim"), data={"key": KEY, "token": token(), **SAID}, trust_env=False)
    assert install(service).claimed_at is None


def test_without_tls_no_installer_is_answered_even_from_a_trusted_network(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OOBCTL_TRUSTED_BOOT_NETWORKS", "10.0.0.0/8, 127.0.0.0/8")
    settings.cache_clear()
    asked = {"key": KEY, "token": token(), **SAID}
    assert httpx.post(f"{settings().media_address}/install/claim", data=asked, trust_env=False).status_code == 404
    assert install(service).claimed_at is None


def test_what_is_refused_is_one_sentence_with_its_status(service: str) -> None:
    wrong = ask("POST", at("claim"), data={"key": "another", "token": token(), **SAID})
    assert (wrong.status_code, wrong.text.count("\n")) == (404, 1)
    other = ask("POST", at("claim"), data={"key": KEY, "token": token(), **SAID, "mac": "52:54:00:00:00:99"})
    assert (other.status_code, "another machine" in other.text) == (409, True)
    assert ask("POST", at("claim"), data={"key": KEY, "token": "short", **SAID}).status_code == 400
    assert ask("POST", at("begin"), headers={"Authorization": f"Bearer {token()}"}).status_code == 404
    assert ask("POST", at("report"), headers=claimed(), data={"phase": "dancing"}).status_code == 400


def test_image_and_files_come_after_the_beginning_alone(service: str) -> None:
    mine = claimed()
    for path in ("image", "files"):
        assert ask("GET", at(path), headers=mine).status_code == 409
    waiting.allow(service, "may_write_at")
    assert ask("POST", at("begin"), headers=mine).text == "go"
    assert ask("GET", at("image"), headers=mine).content == CONTENT
    part = ask("GET", at("image"), headers={**mine, "Range": f"bytes={len(CONTENT) - 10}-"})
    assert (part.status_code, part.content) == (206, CONTENT[-10:])


def test_the_files_have_the_keys_and_the_way_home(service: str) -> None:
    mine = begun(service)
    found = files(mine)
    assert found["root/.ssh/authorized_keys"] == f"{SSH_KEY}\n"
    assert found["etc/oobctl/url"] == f"{settings().install_address}/install\n"
    assert found["etc/oobctl/ca.pem"] == authority()
    said = {"key": found["etc/oobctl/key"], "host_name": "web01", "kernel": "6"}
    assert ask("POST", at("first-boot"), data=said).status_code == 404  # its disk is not written yet
    assert ask("POST", at("report"), headers=mine, data={"phase": "written", "log_from": "1"}).status_code == 200
    assert ask("POST", at("first-boot"), data=said).status_code == 200
    assert (install(service).first_boot or {})["host_name"] == "web01"


def test_a_copy_of_a_disk_that_reports_itself_is_logged_once(service: str) -> None:
    mine = begun(service)
    said = {"key": files(mine)["etc/oobctl/key"], "host_name": "web01", "kernel": "6"}
    ask("POST", at("report"), headers=mine, data={"phase": "written", "log_from": "1"})
    with capture_logs() as logged:
        for keys in (SSH_KEY, SSH_KEY, HOST_KEY, HOST_KEY):
            assert ask("POST", at("first-boot"), data={**said, "host_keys": keys}).status_code == 200
    warned = [line for line in logged if line["log_level"] == "warning"]
    assert [(line["job"], "it is a copy of a reinstalled disk" in line["event"]) for line in warned] == [
        (service, True)
    ]


def files(mine: dict[str, str]) -> dict[str, str]:
    """What the new system gets, by path."""
    answer = ask("GET", at("files"), headers=mine)
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        return {entry.name: _read(tar, entry) for entry in tar.getmembers() if entry.isfile()}


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    file = tar.extractfile(entry)
    assert file is not None
    return file.read().decode()


def test_the_lines_of_a_log_are_counted_from_one(service: str) -> None:
    mine = claimed()
    for first, lines in ((1, "one\ntwo\n"), (3, "three\n")):
        said = {"phase": "started", "log": lines, "log_from": str(first)}
        assert ask("POST", at("report"), headers=mine, data=said).text == "go"
    assert install(service).log_lines == 3
    assert (
        ask("POST", at("report"), headers=mine, data={"phase": "started", "log": "", "log_from": "0"}).status_code
        == 400
    )


def test_a_job_that_is_over_answers_gone(service: str) -> None:
    mine = begun(service)
    with database().write() as session:
        row = session.get_one(Install, service)
        row.closed_at, row.sealed = row.claimed_at, None
    for method, path in (("POST", "begin"), ("GET", "image"), ("GET", "files")):
        assert ask(method, at(path), headers=mine).status_code == 410


def test_an_image_that_was_changed_since_is_not_given(service: str) -> None:
    mine = begun(service)
    with database().write() as session:
        row = session.get_one(Install, service)
        row.orders = {**(row.orders or {}), "sha256": "0" * 64}
    assert ask("GET", at("image"), headers=mine).status_code == 410


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OOBCTL_INSTALL_URL", "http://192.0.2.1:8490"),
        ("OOBCTL_INSTALL_URL", "https://192.0.2.1:8490/install"),
        ("OOBCTL_TRUSTED_BOOT_NETWORKS", "10.0.0.0/8,nonsense"),
        ("OOBCTL_TRUSTED_BOOT_NETWORKS", "10.0.0.1/8"),
    ],
)
def test_a_setting_that_cannot_be_is_said_at_the_start(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match=name):
        boot.run(settings().site, threading.Event())


def test_a_certificate_that_is_renewed_is_of_the_same_authority(service: str) -> None:
    with database().read() as session:
        site = session.query(Site).one()
    context = authority_of(site.id)
    host = urlsplit(settings().install_address).hostname or ""
    secure = context.context(host)
    context.certify(secure, host)
    assert context.certificate == site.boot_ca


def test_nothing_of_the_panel_is_there(service: str) -> None:
    for base in (settings().install_address, settings().media_address):
        for path in ("/", "/servers", "/api/v1/servers", "/healthz", "/metrics", "/install", "/media"):
            assert ask("GET", f"{base}{path}").status_code == 404
    assert urlsplit(settings().install_address).scheme == "https"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded; charset=punycode"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain"},
    ],
)
def test_a_form_that_would_have_to_be_unpacked_is_refused_unread(service: str, headers: dict[str, str]) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    assert ask("POST", at("claim"), headers=form, content=b"key=" + b"x" * 1000).status_code == 415


def test_over_tls_there_is_nothing_for_firmware_and_bmcs(service: str) -> None:
    assert ask("GET", f"{settings().install_address}/boot/boot.ipxe").status_code == 404
    assert httpx.get(f"{settings().media_address}/boot/boot.ipxe", trust_env=False).status_code == 200


def test_an_installer_is_not_told_which_other_images_there_are(service: str) -> None:
    mine = begun(service)
    add_image("somebody-elses")
    image = systems.find("tiny-1")
    shutil.rmtree(systems.path_of(image, image.forms[0]).parent)
    answer = ask("GET", at("image"), headers=mine)
    assert (answer.status_code, "somebody-elses" in answer.text) == (410, False)
