"""RFB's handshake with a BMC: version, the password, size of the screen (RFC 6143, sections 7.1 to 7.3)."""

import asyncio
import struct
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcRefused

_VERSION = struct.Struct("12s")
_NONE, _PASSWORD = 1, 2  # security types (RFC 6143, section 7.2)
_OK, _FAILED, _TOO_MANY = 0, 1, 2  # SecurityResult
_MOST_WORDS = 300
_SHARED = b"\x01"
_INIT = struct.Struct(">HH16sI")
_MOST_NAME = 4096


@dataclass(frozen=True)
class Size:
    """Of a screen, in pixels."""

    width: int
    height: int


async def shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, password: str, where: str) -> Size:
    """Log in and ask for a shared screen. `where` names the BMC in messages.

    Raises BmcAuthFailed, BmcRefused with its own words, BmcBadAnswer where it speaks no RFB, and what reading raises
    (asyncio.IncompleteReadError, OSError).
    """
    version = await _version(reader, writer, where)
    kind = await _security(reader, writer, version, where)
    if kind == _PASSWORD:
        writer.write(answer_to(await reader.readexactly(16), password))
    if kind == _PASSWORD or version == 8:
        await _result(reader, version, where)
    writer.write(_SHARED)
    width, height, _format, length = _INIT.unpack(await reader.readexactly(_INIT.size))
    if length > _MOST_NAME:
        raise BmcBadAnswer(f"{where} named its screen in {length} bytes, which no VNC server does.")
    await reader.readexactly(length)  # its name tells of the BMC, and goes no further
    return Size(width, height)


async def _version(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> int:
    """The minor version that both speak: 3, 7 or 8."""
    said = await reader.readexactly(_VERSION.size)
    if not said.startswith(b"RFB 003.") or not said[8:11].isdigit():
        raise BmcBadAnswer(f"{where} speaks no VNC: it began with {said[:12]!r}. Check the port of the endpoint.")
    minor = int(said[8:11])
    chosen = 8 if minor >= 8 else 7 if minor == 7 else 3
    writer.write(b"RFB 003.%03d\n" % chosen)
    return chosen


async def _security(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: int, where: str) -> int:
    if version == 3:  # the server decides
        kind = int.from_bytes(await reader.readexactly(4), "big")
        offered = [kind] if kind else []
    else:
        offered = list(await reader.readexactly((await reader.readexactly(1))[0]))
    if not offered:
        raise BmcRefused(f"{where} lets nobody at its screen now: {await _words(reader)}")
    kind = next((one for one in (_PASSWORD, _NONE) if one in offered), 0)
    if not kind:
        said = ", ".join(str(one) for one in offered)
        raise BmcRefused(f"{where} wants its VNC password in a way that oobctl does not know (security types {said}).")
    if version > 3:
        writer.write(bytes([kind]))
    return kind


async def _result(reader: asyncio.StreamReader, version: int, where: str) -> None:
    result = int.from_bytes(await reader.readexactly(4), "big")
    if result == _OK:
        return
    said = await _words(reader) if version == 8 else ""
    if result == _TOO_MANY or "too many" in said.lower():
        raise BmcRefused(f"{where} takes no VNC password for a while, after too many wrong ones. {said}".strip())
    raise BmcAuthFailed(f"{where} refused the VNC password. {said}".strip())


async def _words(reader: asyncio.StreamReader) -> str:
    """Why it refused, in its own words."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    content = await reader.readexactly(min(length, _MOST_WORDS))
    text = "".join(sign if sign.isprintable() else " " for sign in content.decode("utf-8", "replace"))
    return f"It said: {text.strip()}" if text.strip() else ""


def answer_to(challenge: bytes, password: str) -> bytes:
    """VNC authentication (RFC 6143, section 7.2.2): DES with the password's first 8 bytes, their bits in reverse."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode("latin-1", "replace")[:8].ljust(8, b"\0"))
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305 - three times one key is DES
    return encryptor.update(challenge) + encryptor.finalize()
