"""A job's own CD image, made while it is served: the installer's, with the job's files in a place kept for them."""

import re
from collections.abc import Mapping
from pathlib import Path

from oobctl.errors import InvalidParameter
from oobctl.images.installer import cpio, iso9660
from oobctl.images.installer.medium import JOB_BYTES, JOB_FILE

_NAME = re.compile(r"[a-z][a-z0-9.-]{0,63}")


def job_archive(files: Mapping[str, bytes]) -> bytes:
    """The files as a cpio archive that the kernel unpacks to /oobctl, for root alone. Its bytes are a multiple of 512.

    Raises InvalidParameter where a name is none, or all together are over 64 KB.
    """
    entries = {"oobctl": cpio.folder(0o700)}
    for name, data in files.items():
        if not _NAME.fullmatch(name):
            raise InvalidParameter(f"{name[:80]!r} is no name of a job's file: a-z, 0-9, '.' and '-'.", field="files")
        entries[f"oobctl/{name}"] = cpio.secret(data)
    archive = cpio.pack(entries)
    archive += bytes(-len(archive) % 512)
    if len(archive) > JOB_BYTES:
        raise InvalidParameter(
            f"The job's files are {len(archive)} bytes with their names, and may be {JOB_BYTES}: "
            + ", ".join(f"{name} {len(data)}" for name, data in files.items()) + ".",
            field="files",
        )  # fmt: skip
    return archive


class JobIso:
    """The image as a server sees it: the base's bytes with the job laid over them. Nothing is written to disk.

    Raises InvalidParameter where the job does not fit, ConfigurationError where the base has no place for one.
    """

    def __init__(self, base: Path, job: bytes) -> None:
        self._start, self._room = iso9660.find(base, JOB_FILE)
        if len(job) > self._room:
            raise InvalidParameter(f"The job is {len(job)} bytes, and {self._room} fit.", field="job")
        self._job = job
        self._base = base
        self.size = base.stat().st_size

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on; fewer at the end. Raises OSError where the base is gone."""
        with self._base.open("rb") as file:
            file.seek(offset)
            found = bytearray(file.read(max(length, 0)))
        begin = max(offset, self._start)
        end = min(offset + len(found), self._start + self._room)
        if begin < end:
            filled = self._job[begin - self._start : end - self._start]
            found[begin - offset : end - offset] = filled + bytes(end - begin - len(filled))
        return bytes(found)
