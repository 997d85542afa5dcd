"""The installer on virtual machines: it writes what it was told to, and nothing where it may not."""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oobctl.images.installer import ensure_ramdisk
from tests.integration.installer_boots import DISK_MB, KEY, Run, Starting
from tests.integration.installer_guest import (
    MAC,
    OLD,
    UUID,
    UUID_SWAPPED,
    debugfs,
    old_disk,
    packed,
    raid_data,
    read_file,
    root_archive,
    system_image,
)
from tests.integration.installer_service import Authority, Job, orders

PIECE = 32 << 20  # as image.sh has it
DISK = (DISK_MB << 20, "SER 0")
SECRET = "a-secret-of-the-jobs-files"
CONFIGURE = """#!/bin/busybox sh
echo "form $OOBCTL_FORM, firmware $OOBCTL_FIRMWARE, disks $OOBCTL_DISKS"
/bin/busybox test -e /proc/self && /bin/busybox test -e /dev/vda && echo configured >/configured
/bin/busybox sleep 1000 & # what it leaves running holds nothing up
"""
FILES = {
    "etc/oobctl/configure": (0o755, CONFIGURE.encode()),
    "etc/secret": (0o640, SECRET.encode()),
    "srv/owned": (0o644, b"by 1234"),
}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return system_image(tmp_path_factory.mktemp("content"), {"etc/hostname": "from the image\n"})


@pytest.fixture(scope="module")
def image(content: bytes) -> bytes:
    return packed(content)


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starting]:
    with Starting(tmp_path_factory.mktemp("guests")) as found:
        yield found


def untouched(disk: Path) -> bool:
    return disk.read_bytes() == OLD * (DISK_MB * 256)


# --- one installation by BIOS, in which the service goes away in the middle ------------------------------------------


@pytest.fixture(scope="module")
def by_bios(starting: Starting, content: bytes, image: bytes) -> Run:
    """Of more than one piece: zstd passes over a frame that is marked as none of its own."""
    size = PIECE + (1 << 20)
    long = bytes.fromhex("502a4d18") + size.to_bytes(4, "little") + os.urandom(size) + image
    told = orders(long, content_size=len(content), disks=[DISK], mac=MAC, uuid=UUID_SWAPPED)
    return starting.run("bios", Job(told, long, FILES, cut_at=300_000))


def test_a_disk_image_is_written_by_bios_and_the_service_told_each_phase(by_bios: Run) -> None:
    assert by_bios.service.phases() == ["started", "writing", "written", "configuring", "configured"]
    assert by_bios.service.begun == 1
    assert read_file(by_bios.disks[0], "/etc/hostname") == b"from the image\n"


def test_the_first_partition_holds_the_rest_of_the_disk_afterwards(by_bios: Run) -> None:
    disk = by_bios.disks[0].read_bytes()
    assert disk[-512:].startswith(b"EFI PART")
    entry = disk[1024:1152]
    assert int.from_bytes(entry[40:48], "little") * 512 > len(disk) - (2 << 20)
    superblock = disk[(1 << 20) + 1024 :]
    assert int.from_bytes(superblock[4:8], "little") << 10 > len(disk) - (4 << 20)


def test_the_jobs_files_are_on_the_disk_with_their_owners(by_bios: Run) -> None:
    assert read_file(by_bios.disks[0], "/etc/secret") == SECRET.encode()
    assert read_file(by_bios.disks[0], "/srv/owned") == b"by 1234"


def test_the_systems_configure_runs_in_it_and_its_words_are_reported(by_bios: Run) -> None:
    assert read_file(by_bios.disks[0], "/configured") == b"configured\n"
    assert "form disk-image, firmware BIOS, disks vda" in by_bios.log()


def test_a_download_that_is_cut_off_goes_on_from_there_and_never_from_the_start(by_bios: Run) -> None:
    last = len(by_bios.service.job.image) - 1
    first, then, rest = by_bios.service.ranges
    assert first == f"bytes=0-{PIECE - 1}"
    assert then == f"bytes=300000-{300_000 + PIECE - 1}"
    assert rest == f"bytes={300_000 + PIECE}-{last}"
    assert "The download was cut off at 300000" in by_bios.log()


def test_what_this_server_is_goes_with_the_claim(by_bios: Run) -> None:
    claim = by_bios.service.claims[0]
    assert claim["key"] == [KEY]
    assert len(claim["token"][0]) == 64
    assert claim["mac"] == [MAC]
    assert claim["uuid"] == [UUID]
    assert claim["firmware"] == ["BIOS"]
    assert claim["disks"][0].split("\t")[:3] == ["vda", str(DISK[0]), DISK[1]]


def test_nothing_secret_is_shown_on_the_serial_line_or_reported(by_bios: Run) -> None:
    token = by_bios.service.claims[0]["token"][0]
    for secret in (KEY, token, SECRET):
        assert secret not in by_bios.serial
        assert secret not in by_bios.log()


def test_every_line_of_the_log_reaches_the_service(by_bios: Run) -> None:
    assert sorted(by_bios.service.lines) == list(range(1, len(by_bios.service.lines) + 1))
    assert "The installer has started." in by_bios.service.lines[1]


# --- one by UEFI -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_uefi(starting: Starting, content: bytes, image: bytes) -> Run:
    told = orders(image, content_size=len(content), disks=[DISK], mac=MAC, uuid=UUID, firmware="UEFI")
    return starting.run("uefi", Job(told, image, FILES), uefi=True)


def test_what_the_disk_held_before_does_not_show_through_the_images_zeros(by_uefi: Run, content: bytes) -> None:
    assert OLD[:32] not in by_uefi.disks[0].read_bytes()[: len(content)]
    assert OLD[:32] in by_uefi.disks[0].read_bytes()[len(content) :]  # it did hold it


def test_a_disk_image_is_written_by_uefi_and_holds_what_the_image_holds(by_uefi: Run, content: bytes) -> None:
    assert by_uefi.service.phases()[-1] == "configured"
    assert by_uefi.service.claims[0]["firmware"] == ["UEFI"]
    assert read_file(by_uefi.disks[0], "/etc/hostname") == b"from the image\n"
    assert read_file(by_uefi.disks[0], "/bin/busybox") == Path("/bin/busybox").read_bytes()
    assert read_file(by_uefi.disks[0], "/etc/secret") == SECRET.encode()


# --- what must not be ------------------------------------------------------------------------------------------------


def test_an_image_with_another_sum_is_told_and_leaves_a_disk_that_boots_nothing(
    starting: Starting, content: bytes, image: bytes
) -> None:
    told = orders(image, content_size=len(content), disks=[DISK], mac=MAC, image_sha256="0" * 64)
    run = starting.run_until_failed("sum", Job(told, image, FILES))
    assert run.service.phases()[-1] == "failed"
    assert "sha256 is " in run.service.reason()
    assert "should be 0000" in run.service.reason()
    assert "written" not in run.service.phases()
    disk = run.disks[0].read_bytes()
    assert disk[: 1 << 20] == bytes(1 << 20)
    assert disk[-(1 << 20) :] == bytes(1 << 20)


def test_a_disk_that_is_not_of_the_orders_is_never_written(starting: Starting, content: bytes, image: bytes) -> None:
    told = orders(image, content_size=len(content), disks=[(DISK[0], "SER 1")], mac=MAC)
    run = starting.run("serial", Job(told, image, FILES))
    assert run.service.phases() == ["refused"]
    assert "serial number SER 1" in run.service.reason()
    assert run.service.begun == 0
    assert untouched(run.disks[0])


def test_a_service_that_our_ca_did_not_sign_is_told_nothing(
    starting: Starting, tmp_path: Path, content: bytes, image: bytes
) -> None:
    told = orders(image, content_size=len(content), disks=[DISK], mac=MAC)
    guest, run = starting.boot("ca", Job(told, image, FILES), ca=Authority(tmp_path, "others").pem)
    for _ in range(1200):
        if "No answer from the controller yet" in guest.said():
            break
        time.sleep(0.2)
    guest.end()
    assert "certificate of '10.0.2.2'" in guest.said()
    assert run.service.claims == []
    assert untouched(run.disks[0])


def test_a_claim_that_is_refused_leaves_the_disk_and_boots_from_it(starting: Starting) -> None:
    run = starting.run("refused", Job("", claim_status=409, claim_text="Another server has claimed this job.\n"))
    assert "Another server has claimed this job." in run.serial
    assert "Booting from disk" in run.serial
    assert run.service.reports == []
    assert untouched(run.disks[0])


# --- root archives ---------------------------------------------------------------------------------------------------

ROOT_MB = 1024
ROOT_START = 258 << 20  # 1 MB, 1 MB for BIOS, 256 MB for UEFI


@pytest.fixture(scope="module")
def root() -> bytes:
    """A root archive that is no more than what the test needs: it has no boot loader."""
    return packed(root_archive({"etc/hostname": b"from the archive\n"}))


@pytest.fixture(scope="module")
def on_raid(starting: Starting, root: bytes) -> Run:
    disks = [(ROOT_MB << 20, "SER 0"), (ROOT_MB << 20, "SER 1")]
    told = orders(root, content_size=4 << 20, disks=disks, mac=MAC, form="root-archive", layout="raid1")
    return starting.run("raid", Job(told, root, FILES), disks=2, disk_mb=ROOT_MB)


def test_a_root_archive_on_raid1_is_on_both_disks_alike(on_raid: Run) -> None:
    assert on_raid.service.phases()[-1] == "configured", on_raid.service.reason()
    for disk in on_raid.disks:
        data_start = raid_data(disk, ROOT_START)
        assert read_file(disk, "/etc/hostname", data_start) == b"from the archive\n"
        assert read_file(disk, "/etc/secret", data_start) == SECRET.encode()
        assert b"/boot/efi vfat" in read_file(disk, "/etc/fstab", data_start)


def test_a_root_archive_keeps_owners_and_extended_attributes(on_raid: Run) -> None:
    data_start = raid_data(on_raid.disks[0], ROOT_START)
    assert "user.kept" in debugfs(on_raid.disks[0], "ea_list /etc/hostname", data_start)
    assert "User:  1234" in debugfs(on_raid.disks[0], "stat /srv/owned", data_start)


def test_a_root_without_a_boot_loader_is_said_and_not_hidden(on_raid: Run) -> None:
    assert "no boot loader is installed" in on_raid.log()


ON_LVM = ROOT_START + (1 << 20)  # LVM's own first MB


def onto_lvm(serial: str, root: bytes) -> Job:
    disk = (ROOT_MB << 20, serial)
    told = orders(root, content_size=4 << 20, disks=[disk], mac=MAC, form="root-archive", layout="lvm", firmware="UEFI")
    return Job(told, root, FILES)


@pytest.fixture(scope="module")
def on_lvm(starting: Starting, root: bytes) -> Run:
    return starting.run("lvm", onto_lvm("SER 0", root), uefi=True, disk_mb=ROOT_MB)


def test_a_root_archive_goes_onto_lvm(on_lvm: Run) -> None:
    assert on_lvm.service.phases()[-1] == "configured", on_lvm.service.reason()
    assert read_file(on_lvm.disks[0], "/etc/hostname", ON_LVM) == b"from the archive\n"
    assert read_file(on_lvm.disks[0], "/configured", ON_LVM) == b"configured\n"


def test_lvm_goes_beside_an_earlier_installations_on_another_disk(
    starting: Starting, on_lvm: Run, root: bytes, tmp_path: Path
) -> None:
    """Two volume groups of one name are none that a system can start from, and LVM makes no second one."""
    before = hashlib.sha256(on_lvm.disks[0].read_bytes()).digest()
    disks = [on_lvm.disks[0], old_disk(tmp_path / "second", ROOT_MB)]
    run = starting.run("lvm-again", onto_lvm("SER 1", root), uefi=True, disks=disks)
    assert run.service.phases()[-1] == "configured", run.service.reason()
    assert read_file(disks[1], "/etc/hostname", ON_LVM) == b"from the archive\n"
    assert hashlib.sha256(disks[0].read_bytes()).digest() == before
    groups = [re.findall(rb"(system\d*) \{\nid", disk.read_bytes()[ROOT_START:ON_LVM]) for disk in disks]
    assert [set(found) for found in groups] == [{b"system"}, {b"system2"}]


def test_what_comes_behind_the_ramdisk_begins_where_kernels_look_for_it() -> None:
    """UEFI's iPXE puts the job's archive right behind it; an archive begins at a multiple of 4 bytes (initramfs)."""
    assert ensure_ramdisk(print).ramdisk.stat().st_size % 4 == 0
