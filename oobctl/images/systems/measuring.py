"""What an image's content says of itself: whether it is one, its bytes, and the least disk that takes it."""

import tarfile
from dataclasses import dataclass
from typing import IO

from oobctl.errors import InvalidParameter
from oobctl.images.systems import partition_table

_PIECE = 1 << 20
_BLOCK, _INODE = 4096, 256
_AROUND_A_ROOT = 256 << 20  # boot partitions, a journal, and some room
MOST_BYTES = 256 << 30
"""A few KB of zstd can unpack to anything: what is longer is no image of an operating system."""


@dataclass(frozen=True)
class Content:
    """In bytes. size: of the stream. on_disk: what it takes there. least_disk: of a disk for it.

    starts: as what a disk image does; None: an archive, whose boot loader is put there.
    """

    size: int
    on_disk: int
    least_disk: int
    starts: partition_table.Starts | None = None


class _Counted:
    """A stream that counts what was read of it. Raises InvalidParameter after MOST_BYTES."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int = _PIECE) -> bytes:
        piece = self._stream.read(size)
        self.size += len(piece)
        if self.size > MOST_BYTES:
            raise InvalidParameter(f"It unpacks to more than {MOST_BYTES >> 30} GB: that is no image.", field="file")
        return piece

    def drain(self) -> None:
        while self.read():
            pass


def measure_disk(stream: IO[bytes]) -> Content:
    """Read a raw disk image to its end. Raises InvalidParameter where it is none, or its end is missing."""
    counted = _Counted(stream)
    beginning = b""
    while len(beginning) < partition_table.BEGINNING and (piece := counted.read()):
        beginning += piece
    counted.drain()
    partition_table.check(beginning, counted.size)
    return Content(counted.size, counted.size, counted.size, partition_table.starts(beginning))


_LONGEST_HEADER = 1 << 20
_EXTENDED = {
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
}  # fmt: skip


class _Member(tarfile.TarInfo):
    """One whose extended header is no way to take memory: tarfile reads it whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTENDED and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"it has an extended header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]  # tarfile: made to be overridden


def measure_root(stream: IO[bytes]) -> Content:
    """Read a tar of a root filesystem to its end. Raises InvalidParameter where it is none, or its end is missing."""
    counted = _Counted(stream)
    lacks = {"etc", "usr"}
    on_disk = 0
    try:
        with tarfile.open(fileobj=counted, mode="r|", tarinfo=_Member) as tar:  # type: ignore[call-overload]  # reading is all it asks
            for member in tar:
                on_disk += -(-member.size // _BLOCK) * _BLOCK + _INODE
                on_disk += _BLOCK if member.isdir() else 0
                lacks.discard(_checked(member.name).partition("/")[0])
                tar.members = []  # it would keep each: a root has ten thousands
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise InvalidParameter(f"It is no tar archive, or its end is missing: {error}.", field="file") from error
    counted.drain()
    if lacks:
        raise InvalidParameter(
            "It is no archive of a root filesystem: etc and usr are not at its top. Pack it with: tar -C ROOT -c .",
            field="file",
        )
    return Content(counted.size, on_disk, int(on_disk * 1.1) + _AROUND_A_ROOT)


def _checked(name: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise InvalidParameter(f"The archive has a name that leads elsewhere: {name[:120]!r}.", field="file")
    return "/".join(part for part in parts if part not in {"", "."})
