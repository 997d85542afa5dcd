"""The beginning of a disk image: whether it is one, by its partition table, and whether its end is missing."""

import struct

from oobctl.errors import InvalidParameter

BEGINNING = 1 << 20
"""So many bytes of the beginning are looked at."""

_SECTOR = 512
_SIGNATURE_AT, _SIGNATURE = 510, b"\x55\xaa"
_TABLE_AT, _ENTRY, _ENTRIES = 446, 16, 4
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


def _end(beginning: bytes) -> int:
    """Where the last partition ends, in bytes; 0 where there is none."""
    entries = [beginning[at : at + _ENTRY] for at in range(_TABLE_AT, _TABLE_AT + _ENTRIES * _ENTRY, _ENTRY)]
    if any(entry[4] == _PROTECTIVE for entry in entries):
        return _gpt_end(beginning)
    last = 0
    for entry in entries:
        start, sectors = struct.unpack_from("<II", entry, 8)
        last = max(last, start + sectors if entry[4] and sectors else 0)
    return last * _SECTOR


def _gpt_end(beginning: bytes) -> int:
    """UEFI 2.10, 5.3: the header in the second sector, entries of at least 128 bytes from the sector that it names."""
    header = beginning[_SECTOR : 2 * _SECTOR]
    if len(header) < _SECTOR or header[:8] != b"EFI PART":
        raise _wrong("Its GPT is damaged: there is no header in its second sector")
    at, count, length = struct.unpack_from("<QII", header, 72)
    if length < 128 or count > 1024:
        raise _wrong("Its GPT is damaged: its header names entries that cannot be")
    last = 0
    for number in range(count):
        entry = beginning[at * _SECTOR + number * length :][:128]
        if len(entry) == 128 and any(entry[:16]):
            last = max(last, (int(struct.unpack_from("<Q", entry, 40)[0]) + 1) * _SECTOR)
    return last


def _wrong(what: str) -> InvalidParameter:
    return InvalidParameter(f"{what}.", field="file")
