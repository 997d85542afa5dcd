"""What servers that start from their network are answered: never an error, and a job to its server alone."""

import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest

from oobctl import boot
from oobctl.config import settings
from oobctl.constants import BootPath, NetworkBoot
from oobctl.images.installer import ensure_ramdisk
from oobctl.store import Site, database
from tests.installation import Installation, eventually
from tests.reinstalls import MAC, UUID, add_image, armed, install, ready, request

TRUSTED, FOREIGN = "127.0.0.1", "127.0.9.9"
ASKING = {"mac": MAC, "uuid": UUID, "platform": "efi"}
CHOSEN = {"macs": [MAC], "addresses": ["192.0.2.10/24"]}


@pytest.fixture
def job(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The real service in a thread, which trusts 127.0.0.0/24, and a job that starts from the network."""
    ensure_ramdisk(print)
    monkeypatch.setenv("OOBCTL_TRUSTED_BOOT_NETWORKS", "127.0.0.0/24")
    settings.cache_clear()
    add_image()
    server = ready(sqlite_installation)
    stop = threading.Event()
    thread = threading.Thread(target=boot.run, args=(settings().site, stop))
    thread.start()
    eventually(answers)
    yield armed(server, "unused", path=BootPath.NETWORK, asking=request(network=CHOSEN))
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def get(path: str, by: str = TRUSTED, **query: str) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=by), timeout=5, trust_env=False) as client:
        return client.get(f"{settings().media_address}/boot/{path}", params=query)


def answers() -> bool:
    try:
        return get("boot.ipxe").status_code == 200
    except httpx.HTTPError:
        return False


def files_of(script: str) -> str:
    """The path of the job's files in a script."""
    line = next(line for line in script.splitlines() if "job.cpio http" in line)
    return line.split()[3].partition("/boot/")[2]


def test_the_first_script_asks_for_the_second_by_card_and_uuid(job: str) -> None:
    script = get("boot.ipxe").text
    assert script.startswith("#!ipxe\n")
    assert f"{settings().media_address}/boot/script?mac=${{netX/mac}}&uuid=${{uuid}}" in script


def test_the_script_of_the_armed_server_loads_kernel_ramdisk_and_its_jobs_files(job: str) -> None:
    script = get("script", **ASKING).text
    assert f"{settings().media_address}/boot/vmlinuz" in script
    assert get("vmlinuz").content[0x202:0x206] > b""
    assert len(get("ramdisk").content) > 1 << 20
    files = get(files_of(script))
    assert files.status_code == 200
    assert files.content.startswith(b"070701")
    assert b"oobctl/ca.pem" in files.content
    assert install(job).script_at is not None


def test_the_jobs_files_name_the_network_that_was_chosen(job: str) -> None:
    files = get(files_of(get("script", **ASKING).text)).content
    assert f"mac {MAC}\naddress 192.0.2.10/24\n".encode() in files


@pytest.mark.parametrize("query", [{}, {"mac": "52:54:00:00:00:77"}, {"mac": "x\n#!ipxe"}])
def test_all_others_are_told_to_start_from_their_disk(job: str, query: dict[str, str]) -> None:
    answer = get("script", **{"uuid": "0d5f1d7e-3a55-4b0e-9c55-0f6a3f5b8c99", **query})
    assert answer.status_code == 200
    assert "from disk" in answer.text
    assert "kernel" not in answer.text


def test_a_network_that_is_not_trusted_gets_no_job(job: str) -> None:
    assert "kernel" not in get("script", FOREIGN, **ASKING).text
    assert install(job).script_at is None
    path = files_of(get("script", **ASKING).text)
    assert get(path, FOREIGN).status_code == 404


def test_tls_does_not_make_a_network_trusted(job: str) -> None:
    """Every server reaches the installers' listener: it says who we are, and not who asks."""
    with database().read() as session:
        trust = session.query(Site).one().boot_ca
    context = ssl.create_default_context(cadata=trust)
    asking = httpx.HTTPTransport(local_address=FOREIGN, verify=context)
    with httpx.Client(transport=asking, timeout=5, trust_env=False) as client:
        assert client.get(f"{settings().install_address}/boot/script", params=ASKING).status_code == 404
        assert install(job).script_at is None
        get("script", **ASKING)  # by the right one
        path = files_of(get("script", **ASKING).text)
        assert client.get(f"{settings().install_address}/boot/{path}").status_code == 404


def test_a_ticket_that_was_made_up_opens_nothing(job: str) -> None:
    get("script", **ASKING)
    assert get(f"{job}/{'0' * 32}/job.cpio").status_code == 404


def test_a_hostile_host_name_is_no_more_of_a_script(job: str) -> None:
    url = f"{settings().media_address}/boot/boot.ipxe"
    answer = httpx.get(url, headers={"Host": "x && shell"}, trust_env=False)
    assert answer.status_code == 400


def test_the_site_is_told_that_its_servers_can_start_from_their_network(job: str) -> None:
    with database().read() as session:
        assert session.query(Site).one().network_boot is NetworkBoot.SCRIPT
