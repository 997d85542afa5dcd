"""A recording's file: chunks, each sealed for itself, so that one in the middle is read without those before it.

The file begins with MAGIC, a length (4 bytes, big-endian) and a header of JSON: `id`, `kind`, `began_at`, and `key`, in
base64: the key of this one file, sealed to the site. Then chunks follow: a head (_HEAD), and so many bytes as it says,
XChaCha20-Poly1305 of the content under the file's key. The chunk's number is the nonce; the recording's id, the number
and the head are authenticated with it: no chunk can be moved, left out or taken from another file. One whose head has
LAST stands at the end of a file that was closed; a gateway that was killed leaves a file without it, of which all whole
chunks are good. Without compression and one after the other, the contents that are no EVENTS are a file of a usual form
(fbs.py, asciicast.py), and the heads are its index.
"""

import base64
import binascii
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Any, BinaryIO, Self

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey
from nacl.utils import random

from oobctl import vault
from oobctl.errors import DamagedRecording

MAGIC = b"oobctl-recording-1\n"
SUFFIX = ".recording"
_LENGTH = struct.Struct(">I")
_HEAD = struct.Struct(">IBIIHH")  # bytes that follow, flags, from and until (milliseconds), width, height
_LONGEST_HEADER = 1 << 16
_LONGEST_CHUNK = 256 << 20  # of what it holds, too: an update of the largest screen, uncompressed
_NONCE_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_KEY_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES


class Flag(IntFlag):
    """Of a chunk."""

    PLAIN = 0
    WHOLE = 1  # begins with a whole picture: what was before is not needed to show it
    EVENTS = 2  # no stream, but lines of JSON about it
    LAST = 4  # the file was closed with it
    DEFLATED = 8


@dataclass(frozen=True)
class Chunk:
    """What was shown from `start` until `end` (milliseconds since the beginning), on a screen of that size."""

    content: bytes
    start: int
    end: int
    flags: Flag = Flag.PLAIN
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Entry:
    """Where a chunk stands: its number, and what its head says."""

    number: int
    offset: int
    length: int
    flags: Flag
    start: int
    end: int
    size: tuple[int, int]


class Writer:
    """A new file, readable for us alone. Not for two threads at once."""

    def __init__(self, path: Path, told: dict[str, str], public_key: bytes) -> None:
        """told: the header without the key. Raises OSError."""
        self._id, self._key, self._number = told["id"], random(_KEY_BYTES), 0
        self._hash = hashlib.sha256()
        self.size = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", 0)
        sealed = base64.b64encode(vault.seal_key(public_key, self._id, self._key)).decode()
        header = json.dumps({**told, "key": sealed}).encode()
        try:
            self._put(MAGIC + _LENGTH.pack(len(header)) + header)
        except OSError:
            self._file.close()
            path.unlink(missing_ok=True)
            raise

    @property
    def chunks(self) -> int:
        return self._number

    def write(self, chunk: Chunk) -> None:
        """Raises OSError, after which the file is not written on."""
        content, flags = chunk.content, chunk.flags
        smaller = zlib.compress(content, 1)
        if len(smaller) < len(content):
            content, flags = smaller, flags | Flag.DEFLATED
        length = len(content) + bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES
        head = _HEAD.pack(length, flags, chunk.start, chunk.end, *chunk.size)
        more = _authenticated(self._id, self._number, head)
        sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(content, more, _nonce(self._number), self._key)
        self._put(head + sealed)
        self._number += 1

    def close(self, at: int) -> str:
        """Mark the end; returns the SHA-256 of the file, in hex. Raises OSError."""
        self.write(Chunk(b"", at, at, Flag.LAST))
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """Leave the file as it is."""
        self._file.close()

    def _put(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]
        self._hash.update(content)
        self.size += len(content)


class Reader:
    """A file, for a site that has its key. Not for two threads at once."""

    def __init__(self, path: Path, key: PrivateKey) -> None:
        """Raises DamagedRecording, and ConfigurationError where it was sealed to another key; OSError."""
        self._file: BinaryIO = path.open("rb")
        try:
            self.header = _header(self._file)
            self._first = self._file.tell()
            self._key = vault.unseal_key(key, self.header["id"], _sealed_key(self.header))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def entries(self) -> Iterator[Entry]:
        """The heads of all chunks that are there as a whole; they are proven when a chunk is read."""
        end = self._file.seek(0, os.SEEK_END)
        offset, number = self._first, 0
        while offset + _HEAD.size <= end:
            self._file.seek(offset)
            length, flags, start, until, width, height = _HEAD.unpack(self._file.read(_HEAD.size))
            if offset + _HEAD.size + length > end:
                return
            yield Entry(number, offset, length, Flag(flags), start, until, (width, height))
            offset += _HEAD.size + length
            number += 1

    def read(self, entry: Entry) -> bytes:
        """Raises DamagedRecording."""
        if entry.length > _LONGEST_CHUNK:
            raise DamagedRecording(f"Chunk {entry.number} of the recording says that it has {entry.length} bytes.")
        self._file.seek(entry.offset)
        head, sealed = self._file.read(_HEAD.size), self._file.read(entry.length)
        more = _authenticated(self.header["id"], entry.number, head)
        try:
            content = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, more, _nonce(entry.number), self._key)
        except (CryptoError, ValueError) as error:
            raise DamagedRecording(f"Chunk {entry.number} of the recording is not what was written.") from error
        if not entry.flags & Flag.DEFLATED:
            return content
        inflating = zlib.decompressobj()
        content = inflating.decompress(content, _LONGEST_CHUNK)
        if inflating.unconsumed_tail:
            raise DamagedRecording(f"Chunk {entry.number} of the recording is larger than any screen.")
        return content


def sha256_of(path: Path) -> str:
    """Of a file, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _nonce(number: int) -> bytes:
    """No two chunks of a file have one; no two files have a key."""
    return number.to_bytes(_NONCE_BYTES, "little")


def _authenticated(recording_id: str, number: int, head: bytes) -> bytes:
    return recording_id.encode() + _LENGTH.pack(number) + head


def _header(file: BinaryIO) -> dict[str, Any]:
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedRecording("The file is no recording of oobctl's.")
    length = file.read(_LENGTH.size)
    size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else _LONGEST_HEADER + 1
    try:
        found = json.loads(file.read(size)) if size <= _LONGEST_HEADER else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in ("id", "kind", "key")):
        raise DamagedRecording("The recording's header is damaged.")
    return found


def _sealed_key(header: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(header["key"], validate=True)
    except binascii.Error as error:
        raise DamagedRecording("The recording's key is damaged.") from error
