"""GRUB's boot code for a BIOS, put onto a disk image without mounting anything.

Offsets are those of GRUB's own sources: include/grub/i386/pc/boot.h, grub-core/boot/i386/pc/diskboot.S.
"""

import struct
from pathlib import Path

from oobctl.errors import ConfigurationError

SECTOR = 512
_CODE_BYTES = 440  # of the first sector; the disk's signature and the partition table follow
_KERNEL_SECTOR_AT = 0x5C  # where boot.img keeps the sector that it loads
_DRIVE_CHECK_AT, _NO_CHECK = 0x66, b"\x90\x90"  # a jump over a work-around for floppies; grub-setup does the same
_NEXT_SECTOR_AT = 0x1F4  # where core.img's first sector keeps the sector of the rest


def embed(disk: Path, boot: bytes, core: bytes, first_sector: int, sectors: int) -> None:
    """Write boot.img into the disk's first sector and core.img into a partition for it.

    Raises ConfigurationError where core.img does not fit.
    """
    if len(core) > sectors * SECTOR:
        raise ConfigurationError(
            f"Building the image failed: GRUB's core of {len(core)} bytes does not fit into {sectors * SECTOR}."
        )
    rest = bytearray(core)
    struct.pack_into("<Q", rest, _NEXT_SECTOR_AT, first_sector + 1)
    with disk.open("r+b") as file:
        first = bytearray(file.read(SECTOR))
        first[:_CODE_BYTES] = boot[:_CODE_BYTES]
        struct.pack_into("<Q", first, _KERNEL_SECTOR_AT, first_sector)
        first[_DRIVE_CHECK_AT : _DRIVE_CHECK_AT + len(_NO_CHECK)] = _NO_CHECK
        file.seek(0)
        file.write(first)
        file.seek(first_sector * SECTOR)
        file.write(rest)
