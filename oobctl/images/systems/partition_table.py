"""The beginning of a disk image: whether it is one, by its partition table; what starts it; whether it is whole."""

import struct
from dataclasses import dataclass
from uuid import UUID

from oobctl.constants import Firmware
from oobctl.errors import InvalidParameter

BEGINNING = 1 << 20
"""So many bytes of the beginning are looked at."""

_SECTOR = 512
_SIGNATURE_AT, _SIGNATURE = 510, b"\x55\xaa"
_TABLE_AT, _ENTRY, _ENTRIES = 446, 16, 4
_BOOT_CODE = 440  # bytes, at the very beginning
_SYSTEM = 0xEF  # UEFI's boot files, in an MBR; in a GPT:
_SYSTEM_GUID = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b").bytes_le
_FAT = (0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E)  # many a UEFI looks into these of an MBR too
_BIOS_GUIDS = {
    UUID("21686148-6449-6e6f-744e-656564454649").bytes_le,  # BIOS boot: GRUB's
    UUID("83bd6b9d-7f41-11dc-be0b-001560b84f0f").bytes_le,  # FreeBSD's
}
_LEGACY_BOOTABLE = 4  # of a GPT entry's attributes: boot code looks for it
_PROTECTIVE = 0xEE  # the only partition of an MBR before a GPT
_ISO_AT, _ISO = 32769, b"CD001"
_OTHERS = (
    (b"QFI\xfb", "a qcow2 image", "Convert it with: qemu-img convert -O raw IMAGE disk.raw"),
    (b"KDMV", "a VMDK image", "Convert it with: qemu-img convert -O raw IMAGE disk.raw"),
    (b"vhdxfile", "a VHDX image", "Convert it with: qemu-img convert -O raw IMAGE disk.raw"),
    (b"conectix", "a VHD image", "Convert it with: qemu-img convert -O raw IMAGE disk.raw"),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it first"),
    (b"\xfd7zXZ\x00", "compressed with xz", "Unpack it first"),
    (b"BZh", "compressed with bzip2", "Unpack it first"),
    (b"PK\x03\x04", "a ZIP archive", "Unpack it first"),
)


def check(beginning: bytes, size: int) -> None:
    """beginning: the first BEGINNING bytes, or all. size: of the whole, in bytes.

    Raises InvalidParameter where it is no whole disk with partitions, saying what it is and what to do.
    """
    for magic, what, advice in _OTHERS:
        if beginning.startswith(magic):
            raise _wrong(f"It is {what}, and no raw disk image. {advice}")
    if beginning[_ISO_AT : _ISO_AT + len(_ISO)] == _ISO:
        raise _wrong("It is an ISO image of a CD. For a virtual drive add it with: oobctl image add FILE")
    if beginning[_SIGNATURE_AT : _SIGNATURE_AT + 2] != _SIGNATURE:
        raise _wrong("It is no raw disk image: there is no partition table (neither GPT nor MBR) at its beginning")
    end = _end(beginning)
    if end == 0:
        raise _wrong("Its partition table names no partition: it is no image of an operating system")
    if end > size:
        raise _wrong(f"Its end is missing: its last partition ends at {end} bytes, and there are {size}")


@dataclass(frozen=True)
class Starts:
    """By what a disk shows: as what it surely starts; and as what it cannot, with the reason.

    What is in neither, who brings the image may know: boot code of UEFI-only disks is there to say that it is none.
    """

    surely: tuple[Firmware, ...]
    never: dict[Firmware, str]


def starts(beginning: bytes) -> Starts:
    """Of one that was checked (UEFI 2.10, 5.2 and 5.3; Microsoft's and BIOS boot partitions' kinds)."""
    code, entries = any(beginning[:_BOOT_CODE]), _entries(beginning)
    kinds = {entry[4] for entry in entries}
    if _is_gpt(entries):
        parts = _gpt_entries(beginning)
        system = any(entry[:16] == _SYSTEM_GUID for entry in parts)
        by_bios = any(entry[:16] in _BIOS_GUIDS or entry[48] & _LEGACY_BOOTABLE for entry in parts)
        bios, uefi = code and (by_bios or bool(kinds - {0, _PROTECTIVE})), system
    else:
        bios, uefi, system = code, _SYSTEM in kinds, bool(kinds & {_SYSTEM, *_FAT})
    never = {} if code else {Firmware.BIOS: "its first sector has no boot code"}
    never |= {} if system else {Firmware.UEFI: "it has no EFI system partition"}
    surely = {Firmware.BIOS: bios, Firmware.UEFI: uefi}
    return Starts(tuple(firmware for firmware in Firmware if surely[firmware]), never)


def _entries(beginning: bytes) -> list[bytes]:
    """An MBR's."""
    return [beginning[at : at + _ENTRY] for at in range(_TABLE_AT, _TABLE_AT + _ENTRIES * _ENTRY, _ENTRY)]


def _is_gpt(entries: list[bytes]) -> bool:
    return any(entry[4] == _PROTECTIVE for entry in entries)


def _end(beginning: bytes) -> int:
    """Where the last partition ends, in bytes; 0 where there is none."""
    entries = _entries(beginning)
    if _is_gpt(entries):
        ends = [int(struct.unpack_from("<Q", entry, 40)[0]) + 1 for entry in _gpt_entries(beginning)]
        return max(ends, default=0) * _SECTOR
    last = 0
    for entry in entries:
        start, sectors = struct.unpack_from("<II", entry, 8)
        last = max(last, start + sectors if entry[4] and sectors else 0)
    return last * _SECTOR


def _gpt_entries(beginning: bytes) -> list[bytes]:
    """Of partitions that there are.

    UEFI 2.10, 5.3: the header in the second sector, entries of at least 128 bytes from the sector that it names.
    """
    header = beginning[_SECTOR : 2 * _SECTOR]
    if len(header) < _SECTOR or header[:8] != b"EFI PART":
        raise _wrong("Its GPT is damaged: there is no header in its second sector")
    at, count, length = struct.unpack_from("<QII", header, 72)
    if length < 128 or count > 1024:
        raise _wrong("Its GPT is damaged: its header names entries that cannot be")
    begin = at * _SECTOR
    found = [beginning[begin + number * length :][:128] for number in range(count)]
    return [entry for entry in found if len(entry) == 128 and any(entry[:16])]


def _wrong(what: str) -> InvalidParameter:
    return InvalidParameter(f"{what}.", field="file")
