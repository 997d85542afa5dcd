"""An image comes in as what it was said to be, measured, or nothing of it is kept."""

import hashlib
import io
import struct
import subprocess
import tarfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.config import settings
from oobctl.constants import Firmware, ImageKind
from oobctl.errors import ConfigurationError, InvalidParameter, WrongState
from oobctl.images.systems import SystemImage, find, measuring, partition_table, path_of
from oobctl.images.systems.importing import Description, import_file
from oobctl.images.systems.verify import verify

SECTOR = 512
SECTORS = 4096
ESP = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b").bytes_le
BIOS_BOOT = UUID("21686148-6449-6e6f-744e-656564454649").bytes_le
OTHER = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le
LEGACY_BOOTABLE = 4


def mbr(sectors: int = SECTORS - 64, kind: int = 0x83) -> bytes:
    """A whole disk of SECTORS with one partition from sector 64 on."""
    entry = struct.pack("<B3sB3sII", 0, b"", kind, b"", 64, sectors)
    return (b"\xfa".ljust(446, b"\0") + entry.ljust(64, b"\0") + b"\x55\xaa").ljust(SECTORS * SECTOR, b"\0")


def gpt(last: int = SECTORS - 34, kind: bytes = BIOS_BOOT, attributes: int = 0) -> bytes:
    header = (b"EFI PART" + bytes(64) + struct.pack("<QII", 2, 128, 128)).ljust(SECTOR, b"\0")
    entry = kind + bytes(16) + struct.pack("<QQQ", 64, last, attributes)
    return mbr(SECTORS - 1, 0xEE)[:SECTOR] + header + entry.ljust((SECTORS - 2) * SECTOR, b"\0")


def without_boot_code(disk: bytes) -> bytes:
    return bytes(446) + disk[446:]


def root(*names: str, size: int = 5000) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in names or ("./etc/os-release", "./usr/bin/true"):
            member = tarfile.TarInfo(name)
            member.size = size
            tar.addfile(member, io.BytesIO(bytes(size)))
    return target.getvalue()


def zstd(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-q", "-c"], input=content, capture_output=True, check=True).stdout


def take_in(folder: Path, content: bytes, *, sha256: str | None = None, **said: Any) -> SystemImage:
    file = folder / "given.file"
    file.write_bytes(content)
    known = {"name": "custom", "kind": ImageKind.DISK_IMAGE, "title": "Custom", "version": "1"}
    return import_file(str(file), sha256 or hashlib.sha256(content).hexdigest(), Description(**known | said))


def nothing_is_kept() -> bool:
    return not settings().systems.exists() or list(settings().systems.iterdir()) == []


@pytest.mark.parametrize("disk", [mbr(), gpt()])
def test_a_raw_disk_image_is_compressed_on_the_way_in_and_measured(home: Path, tmp_path: Path, disk: bytes) -> None:
    image = take_in(tmp_path, disk)
    (form,) = image.forms
    assert (form.content_size, form.least_disk_bytes) == (len(disk), len(disk))
    packed = path_of(image, form).read_bytes()
    assert subprocess.run(["zstd", "-q", "-d", "-c"], input=packed, capture_output=True, check=True).stdout == disk
    assert verify("custom") == find("custom") == image


def test_a_compressed_disk_image_is_kept_as_it_is(home: Path, tmp_path: Path) -> None:
    packed = zstd(gpt())
    (form,) = take_in(tmp_path, packed).forms
    assert (form.sha256, form.size) == (hashlib.sha256(packed).hexdigest(), len(packed))
    assert form.content_size == SECTORS * SECTOR


def test_a_root_archive_is_measured_by_the_files_in_it(home: Path, tmp_path: Path) -> None:
    (form,) = take_in(tmp_path, zstd(root(size=1 << 20)), kind=ImageKind.ROOT_ARCHIVE).forms
    assert form.content_size == len(root(size=1 << 20))
    assert 2 << 20 < form.least_disk_bytes < 1 << 30


def test_what_was_said_of_an_image_is_in_its_entry(home: Path, tmp_path: Path) -> None:
    image = take_in(
        tmp_path, mbr(), firmware=(Firmware.BIOS,), configured_by="cloud-init", account="a1", family="rocky"
    )
    assert image.firmware == (Firmware.BIOS,)
    assert (image.configured_by, image.account, image.family) == ("cloud-init", "a1", "rocky")


@pytest.mark.parametrize(
    ("disk", "found"),
    [
        (gpt(), ("BIOS",)),
        (gpt(kind=ESP), ("UEFI",)),  # such code may only say that it is none
        (gpt(kind=ESP, attributes=LEGACY_BOOTABLE), ("BIOS", "UEFI")),
        (without_boot_code(gpt(kind=ESP)), ("UEFI",)),
        (mbr(), ("BIOS",)),
        (mbr(kind=0xEF), ("BIOS", "UEFI")),
    ],
)
def test_under_what_a_disk_starts_is_seen_by_what_is_on_it(
    home: Path, tmp_path: Path, disk: bytes, found: tuple[str, ...]
) -> None:
    assert take_in(tmp_path, disk).firmware == found


@pytest.mark.parametrize(
    ("disk", "said", "words"),
    [
        (gpt(), (Firmware.UEFI,), "no EFI system partition"),
        (without_boot_code(gpt(kind=ESP)), tuple(Firmware), "no boot code"),
        (without_boot_code(gpt()), (), "Nothing starts on it: its first sector has no boot code and it has no EFI"),
        (gpt(kind=OTHER), (), "Say --firmware"),
    ],
)
def test_a_disk_that_would_not_start_is_not_taken(
    home: Path, tmp_path: Path, disk: bytes, said: tuple[Firmware, ...], words: str
) -> None:
    with pytest.raises(InvalidParameter, match=words):
        take_in(tmp_path, disk, firmware=said)
    assert nothing_is_kept()


@pytest.mark.parametrize("disk", [gpt(kind=ESP), mbr(kind=0x0C)])
def test_what_its_partitions_do_not_rule_out_is_believed(home: Path, tmp_path: Path, disk: bytes) -> None:
    assert take_in(tmp_path, disk, firmware=tuple(Firmware)).firmware == tuple(Firmware)


def test_another_file_than_the_one_that_was_meant_is_not_taken(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter) as caught:
        take_in(tmp_path, mbr(), sha256="a" * 64)
    assert "a" * 64 in caught.value.message
    assert hashlib.sha256(mbr()).hexdigest() in caught.value.message
    assert caught.value.details == {"field": "sha256"}
    assert nothing_is_kept()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"QFI\xfb" + bytes(9000), "qemu-img convert"),
        (b"\x1f\x8b" + bytes(9000), "compressed with gzip"),
        (bytes(32769) + b"CD001" + bytes(9000), "oobctl image add"),
        (bytes(9000), "no partition table"),
        (b"", "no partition table"),
        (mbr()[:-SECTOR], "Its end is missing"),
        (gpt(SECTORS + 5), "Its end is missing"),
        (mbr(kind=0), "names no partition"),
        (mbr(SECTORS - 1, 0xEE), "GPT is damaged"),
        (zstd(gpt() * 20)[:-6], "zstd cannot unpack it"),
        (zstd(b"QFI\xfb" + bytes(9_000_000)), "qemu-img convert"),
        (zstd(root()), "no partition table"),
    ],
)  # fmt: skip
def test_what_is_no_disk_image_is_not_taken_and_it_is_said_what_it_is(
    home: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(InvalidParameter, match=words):
        take_in(tmp_path, content)
    assert nothing_is_kept()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (root(), "compressed with zstd, and this is not"),
        (zstd(root()[:4000]), "its end is missing"),
        (zstd(root("./etc/os-release")), "etc and usr"),
        (zstd(root("./etc/x", "./usr/x", "../x")), "leads elsewhere"),
        (zstd(root("./etc/x", "./usr/x", "/x")), "leads elsewhere"),
        (zstd(b"no tar" * 1000), "no tar archive"),
        (zstd(gpt()), "no tar archive|etc and usr"),
    ],
)
def test_what_is_no_root_archive_is_not_taken(home: Path, tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        take_in(tmp_path, content, kind=ImageKind.ROOT_ARCHIVE)
    assert nothing_is_kept()


def test_a_name_that_is_taken_is_refused_before_anything_is_read(home: Path, tmp_path: Path) -> None:
    image = take_in(tmp_path, mbr())
    with pytest.raises(WrongState):
        take_in(tmp_path, gpt())
    assert verify("custom") == image


@pytest.mark.parametrize(
    ("said", "field"),
    [({"name": "Not This"}, "name"), ({"title": ""}, "title"), ({"sha256": "abc"}, "sha256")],
)  # fmt: skip
def test_what_cannot_be_said_of_an_image_names_the_field(
    home: Path, tmp_path: Path, said: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        take_in(tmp_path, mbr(), **said)
    assert caught.value.details == {"field": field}
    assert nothing_is_kept()


def test_a_file_that_is_larger_than_allowed_or_not_there_is_said(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OOBCTL_IMPORT_MB", "1")
    settings.cache_clear()
    with pytest.raises(InvalidParameter, match="OOBCTL_IMPORT_MB"):
        take_in(tmp_path, gpt())
    said = Description("custom", ImageKind.DISK_IMAGE, "Custom", "1")
    with pytest.raises(ConfigurationError, match="No such file"):
        import_file(str(tmp_path / "missing"), "a" * 64, said)
    with pytest.raises(InvalidParameter, match="Only https"):
        import_file("http://127.0.0.1/disk", "a" * 64, said)
    assert nothing_is_kept()


@given(st.binary(max_size=2048), st.integers(0, 1 << 40), st.booleans())
def test_whatever_a_disk_begins_with_it_is_checked_or_refused(content: bytes, size: int, signed: bool) -> None:
    beginning = bytearray(content.ljust(1024, b"\0"))
    if signed:
        beginning[510:512], beginning[450], beginning[512:520] = b"\x55\xaa", 0xEE, b"EFI PART"
    try:
        partition_table.check(bytes(beginning), size)
    except InvalidParameter:
        return
    assert bytes(beginning[510:512]) == b"\x55\xaa"


def test_an_archive_with_a_header_that_would_fill_the_memory_is_refused() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("etc"))
        long = tarfile.TarInfo("usr")
        long.pax_headers = {"comment": "x" * (2 << 20)}
        tar.addfile(long)
    packed.seek(0)
    with pytest.raises(InvalidParameter, match="extended header"):
        measuring.measure_root(packed)
