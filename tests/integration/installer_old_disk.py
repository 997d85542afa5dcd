"""A disk with an old system on one partition, and what somebody wants to keep on others."""

import hashlib
import json
import random
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MIB = 1 << 20
DISK_MB = 2048
OLD_ROOT, OLD_ROOT_UUID = "PARTLABEL=old root", "6a1f9a0e-6d0c-4d1c-9a3c-0d5e3f1b2c4d"
KEPT = ("LABEL=srv", "PARTUUID=aaaaaaaa-0000-4000-8000-000000000005")
_BIOS_BOOT, _ESP = "21686148-6449-6E6F-744E-656564454649", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_TABLE = f"""label: gpt
first-lba: 34
start=34, size=2014, type={_BIOS_BOOT}, name="BIOS boot"
start=2048, size=64MiB, type={_ESP}, name="EFI"
size=64MiB, type=linux, name="srv"
size=1600MiB, type=linux, name="old root"
size=8MiB, type=linux, uuid=aaaaaaaa-0000-4000-8000-000000000005, name="raw"
"""
_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MTOOLS_SKIP_CHECK": "1"}


def make(path: Path, *, table: str = _TABLE) -> Path:
    """Partitions: BIOS boot, EFI (with another system's loader), srv, the old root, and bytes without any format."""
    with path.open("wb") as file:
        file.truncate(DISK_MB * MIB)
    _run(["sfdisk", "-q", str(path)], table)
    with TemporaryDirectory(dir=path.parent) as made:
        content = Path(made) / "content"
        for number, build in ((2, _esp), (3, _srv), (4, _root), (5, _raw)):
            build(content, size_of(path, number))
            _lay(content, path, _partition(path, number)["start"] * 512)
            content.unlink()
    return path


def _esp(path: Path, size: int) -> None:
    _run(["mkfs.vfat", "-F", "32", "-n", "EFI", "-C", str(path), str(size // 1024)])
    loader = path.with_name("loader")
    loader.write_bytes(b"another system's loader")
    for folder in ("::/EFI", "::/EFI/other", "::/EFI/BOOT"):
        _run(["mmd", "-i", str(path), folder])
    for name in ("other/loader.efi", "BOOT/BOOTX64.EFI"):
        _run(["mcopy", "-i", str(path), str(loader), f"::/EFI/{name}"])


def _srv(path: Path, size: int) -> None:
    """As a server leaves it that was switched off: who mounts it plays its journal back, even to read it."""
    files = path.with_name("files")
    files.mkdir()
    (files / "data").write_bytes(random.Random(1).randbytes(MIB))
    _run(["mke2fs", "-q", "-t", "ext4", "-L", "srv", "-d", str(files), str(path), f"{size // 1024}k"])
    _run(["debugfs", "-w", "-R", "feature needs_recovery", str(path)])


def _root(path: Path, size: int) -> None:
    _run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-U", OLD_ROOT_UUID, str(path), f"{size // 1024}k"])


def _raw(path: Path, size: int) -> None:
    path.write_bytes(random.Random(2).randbytes(size))


def _partition(disk: Path, number: int) -> dict[str, Any]:
    said = subprocess.run(["sfdisk", "-J", str(disk)], capture_output=True, check=True, env=_PATH).stdout
    found: dict[str, Any] = json.loads(said)["partitiontable"]["partitions"][number - 1]
    return found


def size_of(disk: Path, number: int) -> int:
    return int(_partition(disk, number)["size"]) * 512


def start_of(disk: Path, number: int) -> int:
    return int(_partition(disk, number)["start"]) * 512


def sum_of(disk: Path, number: int) -> str:
    """The SHA-256 of a partition's bytes."""
    with disk.open("rb") as file:
        file.seek(start_of(disk, number))
        return hashlib.sha256(file.read(size_of(disk, number))).hexdigest()


def table_of(disk: Path) -> str:
    return subprocess.run(["sfdisk", "-d", str(disk)], capture_output=True, text=True, check=True, env=_PATH).stdout


def in_esp(disk: Path, name: str) -> bytes:
    """A file of the EFI system partition; empty where it is not there."""
    place = f"{disk}@@{start_of(disk, 2)}"
    return subprocess.run(["mtype", "-i", place, f"::/{name}"], capture_output=True, check=False, env=_PATH).stdout


def _lay(content: Path, disk: Path, at: int) -> None:
    with content.open("rb") as source, disk.open("r+b") as target:
        target.seek(at)
        while piece := source.read(MIB):
            if any(piece):
                target.write(piece)
            else:
                target.seek(len(piece), 1)


def _run(command: list[str], text: str = "") -> None:
    subprocess.run(command, input=text, text=True, check=True, capture_output=True, env=_PATH)
