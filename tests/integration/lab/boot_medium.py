"""A small CD image that UEFI boots: El Torito with a FAT image, in which grub writes a line to the serial port."""

import struct
import subprocess
from pathlib import Path

_SECTOR = 2048
_CATALOG, _FAT = 19, 20
GREETING = "oobctl test medium has booted"
_GRUB = ("part_msdos", "fat", "normal", "serial", "terminal", "echo", "sleep", "minicmd")


def build(folder: Path) -> bytes:
    """The image's bytes, about 1 MB; needs grub and mtools as the rack does."""
    (folder / "boot.cfg").write_text(
        f"serial --unit=0 --speed=115200\nterminal_output serial\necho '{GREETING}'\nsleep 600\n"
    )
    target = ["-O", "x86_64-efi", "-c", "boot.cfg", "-p", "/", "-o", "BOOTX64.EFI"]
    _run(folder, "grub-mkimage", *target, *_GRUB)
    with (folder / "fat").open("wb") as file:
        file.truncate(2880 * 512)
    _run(folder, "mkfs.vfat", "-F", "12", "fat")
    _run(folder, "mmd", "-i", "fat", "::/EFI", "::/EFI/BOOT")
    _run(folder, "mcopy", "-i", "fat", "BOOTX64.EFI", "::/EFI/BOOT/BOOTX64.EFI")
    return _el_torito((folder / "fat").read_bytes())


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def _el_torito(fat: bytes) -> bytes:
    """ISO 9660 volume descriptors from sector 16 on, the boot catalog, the FAT image (El Torito 1.0, section 2)."""
    sectors = _FAT + -(-len(fat) // _SECTOR)
    primary = bytearray(b"\x01CD001\x01".ljust(_SECTOR, b"\0"))
    primary[40:72] = b"OOBCTL".ljust(32)
    primary[80:88] = struct.pack("<I", sectors) + struct.pack(">I", sectors)
    primary[128:132] = struct.pack("<H", _SECTOR) + struct.pack(">H", _SECTOR)
    record = b"\0CD001\x01" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", _CATALOG)
    end = b"\xffCD001\x01"
    validation = bytearray(struct.pack("<BBH24sHBB", 1, 0xEF, 0, b"OOBCTL", 0, 0x55, 0xAA))
    validation[28:30] = struct.pack("<H", -sum(struct.unpack("<16H", validation)) & 0xFFFF)
    entry = struct.pack("<BBHBBHI20s", 0x88, 0, 0, 0, 0, min(len(fat) // 512, 0xFFFF), _FAT, b"")
    descriptors = [bytes(primary), record, end, bytes(validation) + entry]
    return b"\0" * (16 * _SECTOR) + b"".join(part.ljust(_SECTOR, b"\0") for part in descriptors) + fat
