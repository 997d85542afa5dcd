"""Answering GET and HEAD, in ranges, of content that is no file (RFC 9110, section 14)."""

import asyncio
from typing import Protocol

from aiohttp import web

_BLOCK = 1 << 18


class Content(Protocol):
    """size: bytes. read gives exactly so many from there, or what is left."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


async def send(request: web.Request, content: Content) -> web.StreamResponse:
    """The content, or the one range of it that was asked for; 416 for one that is not there."""
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    try:
        wanted = request.http_range
    except ValueError:  # several ranges, or none that anybody can read: the whole is an answer to that
        wanted = slice(None, None, 1)
    start, stop, _ = wanted.indices(content.size)
    if (wanted.start, wanted.stop) == (None, None):
        answer = web.StreamResponse(headers=headers)
    elif start >= stop:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{content.size}"})
    else:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
        answer = web.StreamResponse(status=206, headers=headers)
    answer.content_length = stop - start
    await answer.prepare(request)
    if request.method != "HEAD":
        for offset in range(start, stop, _BLOCK):
            part = await asyncio.to_thread(content.read, offset, min(_BLOCK, stop - offset))
            await answer.write(part)
    await answer.write_eof()
    return answer
