"""Partitions that somebody keeps are kept, byte for byte, and what was put beside them starts."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oobctl.config import settings
from oobctl.constants import ImageKind
from oobctl.images import caches
from oobctl.images.systems import path_of
from oobctl.images.systems.building import cache
from tests.integration import installer_old_disk as old_disk
from tests.integration.installer_boots import Run, Starting
from tests.integration.installer_guest import MAC, Guest, packed, read_file, root_archive
from tests.integration.installer_old_disk import KEPT, OLD_ROOT
from tests.integration.installer_service import Job, orders

pytestmark = pytest.mark.timeout(1800)
FULL = (
    pytest.mark.prove,
    pytest.mark.skipif(os.environ.get("OOBCTL_PROVE") != "1", reason="the full table is run by make prove"),
)
DISK = (old_disk.DISK_MB << 20, "SER 0")
PATIENCE_SECONDS = 600.0  # a boot without KVM on a busy computer
FILES = {"etc/hostname": (0o644, b"beside\n")}


@dataclass(frozen=True)
class Archive:
    content: bytes
    size: int


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starting]:
    with Starting(tmp_path_factory.mktemp("guests")) as found:
        yield found


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OOBCTL_HOME", str(tmp_path_factory.mktemp("home")))
        settings.cache_clear()
        image = cache.take("debian-12", "cloud", caches.systems(), print)
        form = image.form(ImageKind.ROOT_ARCHIVE)
        assert form is not None
        yield Archive(path_of(image, form).read_bytes(), form.content_size)
    settings.cache_clear()


def asked(archive: Archive, *, replace: str = OLD_ROOT, keep: tuple[str, ...] = KEPT) -> Job:
    lines = {"form": "root-archive", "layout": "keep", "replace": replace, "console": "ttyS0,115200"}
    told = orders(archive.content, content_size=archive.size, disks=[DISK], mac=MAC, keep=keep, **lines)
    return Job(told, archive.content, FILES)


def starts(guest: Guest) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "beside login: " not in guest.said() and time.monotonic() < deadline and guest.process.poll() is None:
        time.sleep(0.3)
    guest.end()
    return "beside login: " in guest.said()


@pytest.mark.parametrize("uefi", [False, pytest.param(True, marks=FULL)], ids=["bios", "uefi"])
def test_a_system_replaces_one_partition_starts_and_leaves_all_others_as_they_were(
    starting: Starting, debian: Archive, tmp_path: Path, uefi: bool
) -> None:
    disk = old_disk.make(tmp_path / "disk")
    table, sums = old_disk.table_of(disk), [old_disk.sum_of(disk, number) for number in (3, 5)]
    name = "uefi" if uefi else "bios"
    run = starting.run(name, asked(debian), disks=[disk], uefi=uefi)
    assert run.service.phases()[-1] == "configured", (run.service.reason(), run.serial[-3000:])
    assert read_file(disk, "/etc/hostname", old_disk.start_of(disk, 4)) == b"beside\n"
    assert [old_disk.sum_of(disk, number) for number in (3, 5)] == sums
    guest = Guest(starting.folder / name, None, disks=[disk], uefi=uefi)
    starting.guests.append(guest)
    assert starts(guest), guest.said()[-3000:]
    assert [old_disk.sum_of(disk, number) for number in (3, 5)] == sums
    assert old_disk.table_of(disk) == table
    for path in ("EFI/other/loader.efi", "EFI/BOOT/BOOTX64.EFI"):
        assert old_disk.in_esp(disk, path) == b"another system's loader"
    assert (old_disk.in_esp(disk, "EFI/oobctl/grubx64.efi") != b"") == uefi


# --- what must not be ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny() -> Archive:
    content = packed(root_archive({"etc/hostname": b"from the archive\n"}))
    return Archive(content, 4 << 20)


def refused(starting: Starting, name: str, job: Job, disk: Path) -> Run:
    before = disk.read_bytes()
    run = starting.run(name, job, disks=[disk])
    assert run.service.phases() == ["refused"]
    assert run.service.begun == 0
    assert disk.read_bytes() == before
    return run


def test_a_partition_that_is_not_there_is_refused_with_those_that_are(
    starting: Starting, tiny: Archive, tmp_path: Path
) -> None:
    run = refused(starting, "none", asked(tiny, keep=("LABEL=home",)), old_disk.make(tmp_path / "disk"))
    reason = run.service.reason()
    assert reason.startswith("No partition of the disk is LABEL=home. There are: 1: 0 MB")
    assert f"4: 1600 MB ext4 UUID={old_disk.OLD_ROOT_UUID} LABEL=root PARTUUID=" in reason
    assert "5: 8 MB PARTUUID=aaaaaaaa-0000-4000-8000-000000000005 PARTLABEL=raw" in reason


def test_an_archive_that_fails_half_way_leaves_the_others_as_they_were_and_no_half_of_a_system(
    starting: Starting, tiny: Archive, tmp_path: Path
) -> None:
    disk = old_disk.make(tmp_path / "disk")
    table, sums = old_disk.table_of(disk), [old_disk.sum_of(disk, number) for number in (1, 2, 3, 5)]
    job = asked(tiny)
    job.orders += f"image_sha256 {'0' * 64}\n"  # what is said last counts
    run = starting.run_until_failed("sum", job, disks=[disk])
    assert run.service.phases()[-1] == "failed"
    assert [old_disk.sum_of(disk, number) for number in (1, 2, 3, 5)] == sums
    assert old_disk.table_of(disk) == table
    with disk.open("rb") as file:
        file.seek(old_disk.start_of(disk, 4) + 1024 + 56)
        assert file.read(2) != b"\x53\xef"  # ext4's magic
