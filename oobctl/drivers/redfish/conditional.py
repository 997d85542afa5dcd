"""Asking a BMC only for what has changed (RFC 9110, section 13.1.2), and finding out where its ETags do not tell."""

import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

_MOST_BYTES = 128 * 1024  # compressed, per BMC
_DIGEST_BYTES = 16
_WHOLE_EACH = 8  # so often in a row "not modified" is taken on trust; then the whole is read and compared
_WHOLE_FIRST = 3  # so often each resource is read whole at first: a reading that moves shows whether its ETag does
_PROOFS = 3  # so many times a resource has to be seen to change together with its ETag before any is trusted

AS_IT_IS = {"Cache-Control": "no-cache"}
"""With a GET for what must be of now: the standard lets ETags stay while readings change."""


@dataclass
class _Kept:
    etag: str
    headers: Mapping[str, str]
    packed: bytes
    digest: bytes  # of what is packed
    whole: int  # how often it was read whole
    trusted: int = 0


class Conditional:
    """What one BMC answered to GETs, by path. Resources that it says are as they were need not be sent again.

    The standard lets a BMC keep an ETag while readings in the resource change (DSP0266, section 6.5). So ETags are used
    only after they were seen to change with what they stand for, and never again once one did not.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._proofs = 0
        self._refuted = False

    def headers(self, path: str) -> dict[str, str]:
        """What to send with a GET of this path."""
        kept = self._kept.get(path)
        if kept is None or self._proofs < _PROOFS or kept.whole < _WHOLE_FIRST or kept.trusted >= _WHOLE_EACH:
            return {}
        return {"If-None-Match": kept.etag}

    def answer(
        self, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """The answer as it is to be read: of a resource that has not changed, what it was."""
        kept = self._kept.get(path)
        if status == 304 and kept is not None:
            kept.trusted += 1
            self._kept.move_to_end(path)
            return 200, kept.headers, zlib.decompress(kept.packed)
        etag = headers.get("etag")
        if status != 200 or not etag or self._refuted:
            self._drop(path)
            return status, headers, body
        digest = blake2b(body, digest_size=_DIGEST_BYTES).digest()
        if kept is not None and kept.digest == digest:
            kept.etag, kept.headers, kept.whole, kept.trusted = etag, headers, kept.whole + 1, 0
            self._kept.move_to_end(path)
            return status, headers, body
        if kept is not None and etag == kept.etag:
            self._refute()
            return status, headers, body
        self._proofs += kept is not None
        self._drop(path)
        self._keep(path, _Kept(etag, headers, zlib.compress(body, 1), digest, kept.whole + 1 if kept else 1))
        return status, headers, body

    def _refute(self) -> None:
        self._refuted, self._proofs, self._bytes = True, 0, 0
        self._kept.clear()

    def _keep(self, path: str, kept: _Kept) -> None:
        self._kept[path] = kept
        self._bytes += len(kept.packed)
        while self._bytes > _MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, path: str) -> None:
        gone = self._kept.pop(path, None)
        self._bytes -= len(gone.packed) if gone is not None else 0
