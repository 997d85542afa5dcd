"""Writes an initramfs (a cpio archive in the newc format) without root rights and without other programs."""

import gzip
import stat
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file, folder or link of the archive; `mode` as in stat."""

    mode: int
    data: bytes = b""


def folder() -> Entry:
    return Entry(stat.S_IFDIR | 0o755)


def program(data: bytes) -> Entry:
    return Entry(stat.S_IFREG | 0o755, data)


def text(data: str) -> Entry:
    return Entry(stat.S_IFREG | 0o644, data.encode())


def link(target: str) -> Entry:
    return Entry(stat.S_IFLNK | 0o777, target.encode())


def pack(entries: Mapping[str, Entry]) -> bytes:
    """The archive, compressed; parents come before their children. See the kernel's early-userspace buffer format."""
    parts = [_record(number, name, entry) for number, (name, entry) in enumerate(entries.items(), 1)]
    parts.append(_record(0, "TRAILER!!!", Entry(0)))
    return gzip.compress(b"".join(parts), compresslevel=9, mtime=0)


def _record(number: int, name: str, entry: Entry) -> bytes:
    raw_name = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device major and minor, the same of a special file, name length, check
    numbers = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(raw_name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in numbers) + raw_name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
