"""An image that cloud-init sets up finds its seed: on its root, or beside what cannot be mounted here."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oobctl.images.configuring import seeds
from oobctl.images.configuring.networks import Network
from oobctl.images.configuring.options import Options
from oobctl.images.configuring.rendering import SEED, Home
from tests.integration.installer_boots import DISK_MB, Run, Starting
from tests.integration.installer_guest import MAC, packed, read_file, system_image
from tests.integration.installer_service import Job, orders
from tests.reinstalls import SSH_KEY

OPTIONS = Options(host_name="web01.example.org", ssh_keys=[SSH_KEY], network=Network(macs=[MAC]))
HOME = Home(url="https://192.0.2.1:8443/install", key="a-key", authority="-----BEGIN CERT...\n")
FILES = {
    path: (file.mode, file.content)
    for path, file in seeds.rendered(OPTIONS, password_hash=None, home=HOME, job="0190").items()
}
NAMES = ("meta-data", "user-data", "vendor-data", "network-config")


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starting]:
    with Starting(tmp_path_factory.mktemp("guests")) as found:
        yield found


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return system_image(tmp_path_factory.mktemp("content"), {"etc/hostname": "from the image\n"})


def installed(starting: Starting, name: str, content: bytes) -> Run:
    image = packed(content)
    more = {"configured_by": "cloud-init"}
    told = orders(image, content_size=len(content), disks=[(DISK_MB << 20, "SER 0")], mac=MAC, **more)
    run = starting.run(name, Job(told, image, FILES))
    assert run.service.phases()[-1] == "configured", (run.service.reason(), run.serial[-3000:])
    return run


def partitions(disk: Path) -> list[dict[str, Any]]:
    said = subprocess.run(["/sbin/sfdisk", "-J", disk], capture_output=True, check=True).stdout
    found: list[dict[str, Any]] = json.loads(said)["partitiontable"]["partitions"]
    return found


def test_a_root_that_can_be_mounted_has_the_seed_where_cloud_init_looks_first(
    starting: Starting, content: bytes
) -> None:
    disk = installed(starting, "root", content).disks[0]
    for name in NAMES:
        assert read_file(disk, f"/{SEED}/{name}") == FILES[f"{SEED}/{name}"][1]
    assert read_file(disk, "/etc/hostname") == b"from the image\n"
    assert len(partitions(disk)) == 1


def test_beside_a_root_of_an_unknown_kind_the_seed_is_the_disks_last_partition(
    starting: Starting, content: bytes
) -> None:
    unknown = content[: 1 << 20] + b"XFSB".ljust(4096, b"x") * (10 << 8) + content[11 << 20 :]
    disk = installed(starting, "beside", unknown).disks[0]
    root, seed = partitions(disk)
    written = disk.read_bytes()
    assert written[1 << 20 : 11 << 20] == unknown[1 << 20 : 11 << 20]
    assert root["size"] == 20480  # its own cloud-init grows it
    assert seed["start"] * 512 > (DISK_MB - 16) << 20
    at = str(seed["start"] * 512)
    label = ["/sbin/blkid", "-p", "-o", "value", "-s", "LABEL", "-O", at, str(disk)]
    assert subprocess.run(label, capture_output=True, text=True, check=True).stdout == "CIDATA\n"
    for name in NAMES:
        read = subprocess.run(["mtype", "-i", f"{disk}@@{at}", f"::{name}"], capture_output=True, check=True)
        assert read.stdout == FILES[f"{SEED}/{name}"][1]
