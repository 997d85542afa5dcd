"""A whole disk from a root filesystem: GPT; GRUB for BIOS and UEFI; root is the last partition. No loop devices."""

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from oobctl.images.systems.building import root
from oobctl.images.systems.building.boot_code import SECTOR, embed
from oobctl.images.systems.building.programs import run
from oobctl.images.systems.measuring import measure_root

DISK = "disk.raw"
ROOT_LABEL, EFI_LABEL = "root", "EFI"
_MIB = 1 << 20
_BIOS_AT, _EFI_AT = 34 * SECTOR, _MIB
_EFI_BYTES = 64 * _MIB
_ROOT_AT = _EFI_AT + _EFI_BYTES
_BACKUP_BYTES = _MIB  # the GPT's copy at the end
_JOURNAL_MIB, _SLACK_BYTES = 64, 64 * _MIB  # a small disk's own choice of journal would be slow on a big one
_BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
_ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_LINUX_ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
_BYTES_AN_INODE = (
    16_384  # as on a big disk, which it is going to be; a small one's ratio would take a sixteenth of that
)
_ZERO = bytes(_MIB)


@dataclass(frozen=True)
class Identity:
    """What names disk and filesystems, derived from one UUID: the same in all copies, until an installer changes it."""

    of: UUID

    def uuid(self, part: str) -> str:
        return str(uuid5(self.of, part))

    @property
    def volume(self) -> str:
        """FAT's 32 bits, in hex."""
        return f"{uuid5(self.of, 'volume').int & 0xFFFF_FFFF:08x}"


def make(folder: Path, built: root.Built, identity: Identity, epoch: int) -> Path:
    """Write disk.raw into the folder, sparse, from its root.tar. Raises ConfigurationError."""
    size = _filesystem_bytes(folder / root.ARCHIVE)
    clock = {"SOURCE_DATE_EPOCH": str(epoch), "E2FSPROGS_FAKE_TIME": str(epoch)}
    _make_root(folder, size, identity, clock)
    _make_efi(folder, built.files[root.EFI_CORE], identity, clock)
    disk = folder / DISK
    with disk.open("wb") as file:
        file.truncate(_ROOT_AT + size + _BACKUP_BYTES)
    run(["sfdisk", "-q", DISK], folder, stdin=_table(size, identity))
    _lay(folder / "efi", disk, _EFI_AT)
    _lay(folder / "filesystem", disk, _ROOT_AT)
    embed(
        disk,
        built.files[root.BIOS_BOOT],
        built.files[root.BIOS_CORE],
        _BIOS_AT // SECTOR,
        (_EFI_AT - _BIOS_AT) // SECTOR,
    )
    return disk


def _filesystem_bytes(archive: Path) -> int:
    """As small as its content, its journal and some slack allow, in whole MiB; an installer grows it."""
    with archive.open("rb") as file:
        files = measure_root(file).on_disk
    whole = int(files * 1.06) + _JOURNAL_MIB * _MIB + _SLACK_BYTES  # inode tables and room to grow take a twentieth
    return -(-whole // _MIB) * _MIB


def _make_root(folder: Path, size: int, identity: Identity, clock: dict[str, str]) -> None:
    """An ext4 with the archive's files. Who is not root has fakeroot keep the owners between the two programs."""
    options = f"hash_seed={identity.uuid('hash')},resize=2147483648,lazy_itable_init=1"
    mke2fs = [
        "mke2fs", "-q", "-t", "ext4", "-L", ROOT_LABEL, "-U", identity.uuid("root"), "-E", options, "-m", "1",
        "-J", f"size={_JOURNAL_MIB}", "-b", "4096", "-i", str(_BYTES_AN_INODE),
        "-O", "^metadata_csum_seed,^orphan_file", "-d", "root", "filesystem", f"{size // 1024}k",
    ]  # fmt: skip
    script = f'mkdir root; tar -xf {root.ARCHIVE} -C root --numeric-owner --exclude="./dev/*"; "$@"; rm -rf root'
    as_root = [] if os.geteuid() == 0 else ["fakeroot", "--"]
    run([*as_root, "sh", "-eu", "-c", script, "sh", *mke2fs], folder, environment=clock)


def _make_efi(folder: Path, grub: bytes, identity: Identity, clock: dict[str, str]) -> None:
    """A FAT32 with the boot code at the path where firmware looks on media that it knows nothing of."""
    (folder / "BOOTX64.EFI").write_bytes(grub)
    make = ["mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-n", EFI_LABEL, "-i", identity.volume]
    run([*make, "-C", "efi", str(_EFI_BYTES // 1024)], folder, environment=clock)
    run(["mmd", "-i", "efi", "::/EFI", "::/EFI/BOOT"], folder, environment=clock)
    run(["mcopy", "-i", "efi", "BOOTX64.EFI", "::/EFI/BOOT/BOOTX64.EFI"], folder, environment=clock)


def _table(root_bytes: int, identity: Identity) -> str:
    """sfdisk's input; sectors. The first partition lies before the first MiB, where nothing else fits."""
    parts = (
        ("bios", "BIOS boot", _BIOS_BOOT, _BIOS_AT, _EFI_AT - _BIOS_AT),
        ("efi", EFI_LABEL, _ESP, _EFI_AT, _EFI_BYTES),
        ("root-partition", ROOT_LABEL, _LINUX_ROOT, _ROOT_AT, root_bytes),
    )
    lines = [
        f'start={at // SECTOR}, size={size // SECTOR}, type={kind}, uuid={identity.uuid(part)}, name="{name}"'
        for part, name, kind, at, size in parts
    ]
    return "\n".join(["label: gpt", f"label-id: {identity.uuid('disk')}", "first-lba: 34", *lines, ""])


def _lay(source: Path, disk: Path, offset: int) -> None:
    """Copy a file into the disk; what is zero stays a hole."""
    with source.open("rb") as file, disk.open("r+b") as target:
        at = offset
        while piece := file.read(_MIB):
            if piece != _ZERO[: len(piece)]:
                target.seek(at)
                target.write(piece)
            at += len(piece)
    source.unlink()
