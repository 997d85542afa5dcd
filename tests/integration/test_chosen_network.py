"""The network that was chosen, as the systemd-networkd of a built image makes it of our files, in a virtual machine."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oobctl.config import settings
from oobctl.constants import ImageKind
from oobctl.images import caches
from oobctl.images.configuring import networks
from oobctl.images.configuring.networks import Network
from oobctl.images.systems import path_of
from oobctl.images.systems.building import cache
from oobctl.lab import qemu
from tests.guard import Guard

pytestmark = pytest.mark.timeout(1800)  # the first test may build the image

PATIENCE_SECONDS = 600.0  # a boot without KVM on a busy computer
MACS = ["52:54:00:00:00:01", "52:54:00:00:00:02"]
ADDRESS = "192.0.2.10/24"
# Once the address is there, or will not be: which file each device is set up with, and the addresses.
_TELL = r"""#!/bin/sh
for _ in $(seq 40); do ip -o addr | grep -q 192.0.2 && break; sleep 1; done
sleep 3 # what follows an address: a card of a bond may be set up anew
for path in /sys/class/net/*/; do
  device=$(basename "$path")
  echo "$device $(cat "$path/address") $(networkctl --no-pager status "$device" | sed -n 's|.*Network File: .*/||p')"
done >/told
ip -o -4 addr | awk '{ print "address", $2, $4 }' >>/told
sync
poweroff -f
"""
_UNIT = "[Unit]\nAfter=systemd-networkd.service\n[Service]\nExecStart=/bin/sh /tell\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The disk of debian-12 with the cloud kernel, from the cache; built where that has none (a minute or more)."""
    folder = tmp_path_factory.mktemp("image")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OOBCTL_HOME", str(folder / "home"))
        settings.cache_clear()
        image = cache.take("debian-12", "cloud", caches.systems(), print)
        form = image.form(ImageKind.DISK_IMAGE)
        assert form is not None
        subprocess.run(["zstd", "-q", "-d", path_of(image, form), "-o", folder / "disk.raw"], check=True)
    settings.cache_clear()
    yield folder / "disk.raw"
    shutil.rmtree(folder, ignore_errors=True)


def debugfs(disk: Path, commands: str, *options: str) -> str:
    """On the root filesystem, which is the disk's last partition."""
    said = subprocess.run(["/sbin/sfdisk", "-J", disk], capture_output=True, check=True).stdout
    root = f"{disk}?offset={json.loads(said)['partitiontable']['partitions'][-1]['start'] * 512}"
    done = subprocess.run(
        ["/sbin/debugfs", *options, "-f", "-", root], input=commands, capture_output=True, text=True, check=True
    )
    return done.stdout


def write(disk: Path, files: dict[str, str], folder: Path) -> None:
    commands = ""
    for number, (path, text) in enumerate(files.items()):
        source = folder / f"file{number}"
        source.write_text(text)
        home, _, name = path.rpartition("/")
        commands += f"cd /{home}\nwrite {source} {name}\n"
    commands += (
        "cd /etc/systemd/system/multi-user.target.wants\nsymlink tell.service /etc/systemd/system/tell.service\n"
    )
    debugfs(disk, commands, "-w")


def booted(built: Path, network: Network, folder: Path, guard: Guard) -> tuple[dict[str, str], dict[str, str]]:
    """A boot with two cards on one hub, that powers off by itself: each device's file, and each one's address."""
    disk = folder / "disk.raw"
    subprocess.run(["cp", "--sparse=always", built, disk], check=True)
    write(disk, {**networks.files(network), "tell": _TELL, "etc/systemd/system/tell.service": _UNIT}, folder)
    command = [
        qemu.PROGRAM, "-nodefaults", "-no-user-config", "-machine", "q35", *qemu.processor(kvm=False),
        "-m", "512", "-display", "none", "-no-reboot", "-serial", f"file:{folder / 'serial'}",
        "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe",
    ]  # fmt: skip
    for number, mac in enumerate(MACS):
        command += ["-netdev", f"hubport,id=h{number},hubid=0"]
        command += ["-device", f"virtio-net-pci,netdev=h{number},mac={mac},romfile="]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        guard.end_group(process.pid)
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
    lines = [line.split() for line in debugfs(disk, "cat /told").splitlines()]
    files = {line[0]: line[2] for line in lines if len(line) == 3 and line[2].endswith(".network")}
    return files, {line[1]: line[2] for line in lines if line[0] == "address" and line[1] != "lo"}


def test_a_vlan_over_one_card_has_the_address_and_its_card_only_carries_it(
    built: Path, tmp_path: Path, guard: Guard
) -> None:
    files, addresses = booted(built, Network(macs=MACS[:1], vlan=120, addresses=[ADDRESS]), tmp_path, guard)
    assert addresses == {"vlan120": ADDRESS}
    assert files["vlan120"] == "25-vlan120.network"
    assert [device for device, file in files.items() if file == "20-oobctl.network"] == ["enp0s1"]


def test_cards_of_a_bond_stay_its_cards_though_all_show_its_mac_address(
    built: Path, tmp_path: Path, guard: Guard
) -> None:
    network = Network(macs=MACS, vlan=120, addresses=[ADDRESS], bond_mode="active-backup")
    files, addresses = booted(built, network, tmp_path, guard)
    assert addresses == {"vlan120": ADDRESS}
    assert files == {
        "bond0": "20-oobctl.network", "enp0s1": "10-bond0-cards.network", "enp0s2": "10-bond0-cards.network",
        "vlan120": "25-vlan120.network",
    }  # fmt: skip
