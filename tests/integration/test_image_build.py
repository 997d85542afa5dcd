"""A built image is what it promises: small, nobody's yet, and it boots under BIOS and UEFI up to the log-in prompt."""

import json
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from oobctl.config import settings
from oobctl.constants import Firmware, ImageKind
from oobctl.images import caches
from oobctl.images.systems import SystemImage, path_of
from oobctl.images.systems.building import cache, mirrors
from oobctl.images.systems.verify import verify
from oobctl.lab import qemu
from tests.guard import Guard

pytestmark = pytest.mark.timeout(1800)  # the first test may build the image

PATIENCE_SECONDS = 600.0  # a boot without KVM on a busy computer
SECTOR = 512
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


@dataclass(frozen=True)
class Unpacked:
    """Both forms of one image as they come out of zstd."""

    image: SystemImage
    disk: Path
    archive: Path


def partitions(disk: Path) -> list[dict[str, Any]]:
    said = subprocess.run(["/sbin/sfdisk", "-J", disk], capture_output=True, check=True).stdout
    found: list[dict[str, Any]] = json.loads(said)["partitiontable"]["partitions"]
    return found


def root_of(disk: Path) -> str:
    """The root filesystem inside of a disk, as e2fsprogs takes it."""
    return f"{disk}?offset={partitions(disk)[-1]['start'] * SECTOR}"


def text_of(disk: Path, file: str) -> str:
    """A file of the root filesystem; empty where there is none."""
    said = subprocess.run(
        ["/sbin/debugfs", "-R", f"cat {file}", root_of(disk)], capture_output=True, text=True, check=True
    )
    return said.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unpacked]:
    """debian-12 with the cloud kernel, from the cache; built where that has none (a minute or more)."""
    folder = tmp_path_factory.mktemp("image")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OOBCTL_HOME", str(folder / "home"))
        settings.cache_clear()
        image = verify(cache.take("debian-12", "cloud", caches.systems(), print).name)
        found = Unpacked(image, folder / "disk.raw", folder / "root.tar")
        for kind, target in ((ImageKind.DISK_IMAGE, found.disk), (ImageKind.ROOT_ARCHIVE, found.archive)):
            form = image.form(kind)
            assert form is not None
            subprocess.run(["zstd", "-q", "-d", path_of(image, form), "-o", target], check=True)
    settings.cache_clear()
    yield found
    shutil.rmtree(folder, ignore_errors=True)


def test_each_form_unpacks_to_the_bytes_that_its_entry_says(unpacked: Unpacked) -> None:
    disk, archive = (unpacked.image.form(kind) for kind in ImageKind)
    assert disk is not None
    assert archive is not None
    assert unpacked.disk.stat().st_size == disk.content_size == disk.least_disk_bytes
    assert unpacked.archive.stat().st_size == archive.content_size < archive.least_disk_bytes
    assert disk.size < 160 << 20


def test_the_disk_has_a_partition_for_each_firmware_and_root_is_the_last(unpacked: Unpacked) -> None:
    found = partitions(unpacked.disk)
    assert [part["name"] for part in found] == ["BIOS boot", "EFI", "root"]
    assert found[-1]["start"] == max(part["start"] for part in found)
    assert all(part["start"] % 2048 == 0 for part in found[1:])
    probe = ["/sbin/blkid", "-p", "-o", "value", "-s", "LABEL", "-O"]
    labels = [
        subprocess.run([*probe, str(part["start"] * SECTOR), unpacked.disk], capture_output=True, text=True, check=True)
        for part in found[1:]
    ]
    assert [said.stdout.strip() for said in labels] == ["EFI", "root"]


def test_the_root_filesystem_is_without_fault(unpacked: Unpacked) -> None:
    checked = subprocess.run(["/sbin/e2fsck", "-f", "-n", root_of(unpacked.disk)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_a_root_archive_is_nobodys_yet(unpacked: Unpacked) -> None:
    with tarfile.open(unpacked.archive) as tar:
        members = {member.name.removeprefix("./"): member for member in tar}
        read = {
            name: file.read().decode()
            for name in ("etc/machine-id", "etc/shadow")
            if (file := tar.extractfile(members[name])) is not None
        }
    names = set(members)
    assert not [name for name in names if name.startswith("etc/ssh/ssh_host_")]
    assert read["etc/machine-id"] == ""
    passwords = {line.split(":")[0]: line.split(":")[1] for line in read["etc/shadow"].splitlines()}
    assert all(password[:1] in {"*", "!"} for password in passwords.values()), passwords
    assert not {"etc/hostname", "etc/dpkg/dpkg.cfg.d/99mmdebstrap", "etc/apt/sources.list"} & names
    emptied = ("var/lib/apt/lists/", "var/cache/apt/", "var/log/", "tmp/", "root/.ssh/")
    assert [name for name in names if name.startswith(emptied) and members[name].size] == []
    assert {"usr/sbin/grub-install", "usr/sbin/mdadm", "usr/sbin/lvm", "usr/bin/cloud-init"} <= names
    assert "etc/cloud/cloud-init.disabled" in names


def test_packages_come_from_the_mirrors_of_who_built_it(unpacked: Unpacked) -> None:
    sources = text_of(unpacked.disk, "/etc/apt/sources.list.d/debian.list")
    here = mirrors.of_apt()
    assert {line.split()[1] for line in sources.splitlines()} == {here.main, here.security}
    assert [line.split()[2] for line in sources.splitlines()] == ["bookworm", "bookworm-updates", "bookworm-security"]


@dataclass(frozen=True)
class Booted:
    serial: Path
    qmp: Path
    ssh: int

    def said(self) -> str:
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""


@contextmanager
def booted(disk: Path, firmware: Firmware, folder: Path, guard: Guard) -> Iterator[Booted]:
    """A virtual machine with 512 MB and the disk; its network card gets an address, and ours reach its SSH."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = Booted(folder / "serial", folder / "qmp", port)
    command = [
        qemu.PROGRAM, "-nodefaults", "-no-user-config", "-machine", "q35", *qemu.processor(kvm=False),
        "-m", "512", "-display", "none", "-serial", f"file:{found.serial}",
        "-qmp", f"unix:{found.qmp},server=on,wait=off",
        "-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=net0",
        "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe", *_firmware(firmware, folder),
    ]  # fmt: skip
    with subprocess.Popen(command, start_new_session=True) as process:
        guard.end_group(process.pid)
        try:
            yield found
            press_power_button(found.qmp)
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


def _firmware(firmware: Firmware, folder: Path) -> list[str]:
    if firmware is Firmware.BIOS:
        return []
    variables = shutil.copyfile(qemu.OVMF_VARIABLES, folder / "variables.fd")
    return [
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={qemu.OVMF_CODE}",
        "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
    ]  # fmt: skip


def press_power_button(qmp: Path) -> None:
    with socket.socket(socket.AF_UNIX) as control, control.makefile("rw") as lines:
        control.connect(str(qmp))
        lines.readline()  # who QEMU is
        for command in ("qmp_capabilities", "system_powerdown"):
            lines.write(json.dumps({"execute": command}) + "\n")
            lines.flush()
            while "return" not in json.loads(lines.readline()):
                pass  # an event


def eventually(check: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not check():
        assert time.monotonic() < deadline, what()[-3000:]
        time.sleep(0.3)


def ssh_banner(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(64)
    except OSError:
        return b""


@pytest.mark.parametrize("firmware", list(Firmware))
def test_a_disk_boots_to_the_log_in_prompt_with_keys_and_an_identity_of_its_own(
    unpacked: Unpacked, firmware: Firmware, tmp_path: Path, guard: Guard
) -> None:
    disk = tmp_path / "disk.raw"
    subprocess.run(["cp", "--sparse=always", unpacked.disk, disk], check=True)
    with booted(disk, firmware, tmp_path, guard) as found:
        eventually(lambda: "localhost login: " in found.said(), found.said)
        assert "Linux version" in found.said()
        eventually(lambda: ssh_banner(found.ssh).startswith(b"SSH-2.0-"), found.said)
    assert text_of(disk, HOST_KEY).startswith("ssh-ed25519 ")
    assert text_of(unpacked.disk, HOST_KEY) == ""
    assert len(text_of(disk, "/etc/machine-id").strip()) == 32
    assert ("efivarfs" in found.said() or "EFI v2" in found.said()) == (firmware is Firmware.UEFI)
