"""The requests of a launch: asked of the BMC's web server one after the other, and what is taken from the answers."""

import json
import re
from http import HTTPStatus
from typing import Any

import aiohttp
from yarl import URL

from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.launch import filling
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcRefused
from oobctl.profiles.launch import LaunchRequest

_LARGEST = 1 << 20


async def ask(
    client: aiohttp.ClientSession, endpoint: EndpointAddress, base: str, one: LaunchRequest, values: dict[str, str]
) -> None:
    """Adds what it takes to `values`. Raises BmcAuthFailed, BmcRefused, BmcBadAnswer, and what aiohttp raises."""
    content, kind = filling.body(one, values)
    headers = {"Content-Type": kind} if kind else {}
    if one.basic:
        headers["Authorization"] = aiohttp.encode_basic_auth(values["user"], values["password"], "utf-8")
    where = f"The web server of the BMC at {endpoint.address}"
    url = URL(base + filling.target(one.path, values), encoded=True)
    async with client.request(one.method, url, data=content, headers=headers, allow_redirects=False) as answer:
        if answer.status == HTTPStatus.UNAUTHORIZED and one.bears_password:
            raise BmcAuthFailed(f"{where} refused the user or the password.")
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise BmcRefused(
                f"{where} let us in, and not to its console: the user may lack the right to it.", status=answer.status
            )
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise BmcRefused(
                f"{where} has no {one.path.partition('?')[0]} now: it answered {answer.status}.", status=answer.status
            )
        said = await _read(answer, where)
        for name, source in one.take.items():
            found = _taken(source, answer, said)
            if not found or not _is_text(found):
                raise BmcBadAnswer(
                    f"{where} gave no {name} at {one.path.partition('?')[0]}. It refused the user, or the profile fits "
                    "another firmware."
                )
            values[name] = found


async def _read(answer: aiohttp.ClientResponse, where: str) -> bytes:
    said = b""
    async for piece in answer.content.iter_any():
        said += piece
        if len(said) > _LARGEST:
            raise BmcBadAnswer(f"{where} answered with more than {_LARGEST >> 20} MB.")
    return said


def _is_text(found: str) -> bool:
    """JSON can hold halves of signs, which nothing can send."""
    return not any("\ud800" <= sign <= "\udfff" for sign in found)


def _taken(source: str, answer: aiohttp.ClientResponse, said: bytes) -> str:
    """Empty where it is not there."""
    kind, _, what = source.partition(" ")
    if kind == "cookie":
        return answer.cookies[what].value if what in answer.cookies else ""
    if kind == "header":
        return answer.headers.get(what, "")
    if kind == "text":
        match = re.search(what, said.decode("utf-8", "replace"))
        return match[1] if match else ""
    return _at(said, what)


def _at(said: bytes, pointer: str) -> str:
    """A JSON pointer (RFC 6901), without its escapes."""
    try:
        found: Any = json.loads(said)
        for name in pointer.strip("/").split("/"):
            found = found[int(name)] if isinstance(found, list) else found[name]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
