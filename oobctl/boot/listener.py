"""A listener that no client can hold up: so many connections an address, and none that stands still."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from oobctl.errors import ConfigurationError
from oobctl.repeated import Repeated

log = structlog.get_logger()

HEAD_SECONDS = 20.0
"""For so long a connection may be there without a whole request; aiohttp's keep-alive limit sees to it."""
BODY_SECONDS = 20.0
STILL_SECONDS = 120.0  # the kernel ends a connection whose client takes nothing of what is sent for so long
MOST_OF_ONE = 64  # connections of one address: BMCs and installers behind a NAT share theirs
MOST = 1024

_full = Repeated(600.0)


class Door:
    """Who is connected, over all listeners of the process."""

    def __init__(self) -> None:
        self._there: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Whether one more of that address may; `leave` undoes it."""
        if self._there[address] >= MOST_OF_ONE or self._there.total() >= MOST:
            return False
        self._there[address] += 1
        return True

    def leave(self, address: str) -> None:
        self._there[address] -= 1
        if not self._there[address]:
            del self._there[address]


class _Guard(asyncio.Protocol):
    """Between a connection and what serves it."""

    def __init__(self, door: Door, served: asyncio.Protocol) -> None:
        self._door, self._served = door, served
        self._address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        address = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._door.enter(address):
            if _full.due(address) is not None:
                log.warning("too many connections: more are closed at once", by=address)
            transport.abort()
            return
        self._address = address
        if (own := transport.get_extra_info("socket")) is not None:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STILL_SECONDS * 1000))
        self._served.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address is not None:
            self._door.leave(self._address)
            self._served.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._address is not None:
            self._served.data_received(data)

    def eof_received(self) -> bool | None:
        return self._served.eof_received() if self._address is not None else None

    def pause_writing(self) -> None:
        self._served.pause_writing()

    def resume_writing(self) -> None:
        self._served.resume_writing()


@dataclass(frozen=True)
class Place:
    """where: ADDRESS:PORT. what listens there, and the setting that says so, for whoever has to change it."""

    where: str
    what: str
    setting: str
    secure: ssl.SSLContext | None = None


async def listen(door: Door, serve: Callable[[], asyncio.Protocol], place: Place) -> asyncio.Server:
    """Listen there. Raises ConfigurationError, which names the setting, where that cannot be."""
    address, _, port = place.where.rpartition(":")
    handshake = HEAD_SECONDS if place.secure is not None else None
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: _Guard(door, serve()),
            address.strip("[]"),
            int(port),
            ssl=place.secure,
            ssl_handshake_timeout=handshake,
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{place.what} cannot listen at {place.where!r}: {getattr(error, 'strerror', error)}. "
            f"Set {place.setting} to a free ADDRESS:PORT."
        ) from error
