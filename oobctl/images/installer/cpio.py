"""Writes cpio archives in the newc format, which a kernel unpacks as its first file system; needs no root rights."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file, folder or link of the archive; `mode` as in stat."""

    mode: int
    data: bytes = b""


def folder(mode: int = 0o755) -> Entry:
    return Entry(stat.S_IFDIR | mode)


def program(data: bytes) -> Entry:
    return Entry(stat.S_IFREG | 0o755, data)


def text(data: str) -> Entry:
    return Entry(stat.S_IFREG | 0o644, data.encode())


def secret(data: bytes) -> Entry:
    return Entry(stat.S_IFREG | 0o600, data)


def link(target: str) -> Entry:
    return Entry(stat.S_IFLNK | 0o777, target.encode())


def pack(entries: Mapping[str, Entry]) -> bytes:
    """The archive, not compressed; parents come before their children (the kernel's early-userspace buffer format)."""
    parts = [_record(number, name, entry) for number, (name, entry) in enumerate(entries.items(), 1)]
    parts.append(_record(0, "TRAILER!!!", Entry(0)))
    return b"".join(parts)


def _record(number: int, name: str, entry: Entry) -> bytes:
    raw_name = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device major and minor, the same of a special file, name length, check
    numbers = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(raw_name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in numbers) + raw_name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
