"""A listener that no client can hold up: so many connections an address, and none that stands still."""

import asyncio
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

import structlog

from oobctl.errors import ConfigurationError
from oobctl.images.askers import plain
from oobctl.repeated import Repeated

log = structlog.get_logger()

HEAD_SECONDS = 20.0
"""For so long a connection may be there without a whole request; aiohttp's keep-alive limit sees to it."""
BODY_SECONDS = 20.0
STILL_SECONDS = 120.0  # the kernel ends a connection whose client takes nothing of what is sent for so long
MOST_OF_ONE = 64  # connections of one address: BMCs and installers behind a NAT share theirs
MOST = 1024  # of all addresses, at one listener
_FILES = 2 * MOST + 512

_full = Repeated(600.0)


class Door:
    """Who is connected at one listener. Of IPv6 a network of /64 counts as one: a client has all of its addresses."""

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


def _one(address: str) -> str:
    """Whom an address is counted as."""
    try:
        found = plain(address)
    except ValueError:  # it has gone already
        return address
    return str(IPv6Network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)


class _Guard(asyncio.Protocol):
    """Between a connection and what serves it: it is counted from its first packet, before any handshake."""

    def __init__(self, door: Door, served: asyncio.Protocol, secure: ssl.SSLContext | None) -> None:
        self._door, self._served, self._secure = door, served, secure
        self._address: str | None = None
        self._is_served = False
        self._early = b""  # what came with the end of the handshake
        self._shaking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        address = _one(str((transport.get_extra_info("peername") or ("",))[0]))
        if not self._door.enter(address):
            if _full.due(address) is not None:
                log.warning("too many connections: more are closed at once", by=address)
            transport.abort()
            return
        self._address = address
        if (own := transport.get_extra_info("socket")) is not None:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STILL_SECONDS * 1000))
        if self._secure is None:
            self._serve(transport)
            return
        transport.pause_reading()  # until there is a handshake to read
        self._shaking = asyncio.get_running_loop().create_task(self._shake_hands(transport, self._secure))

    async def _shake_hands(self, transport: asyncio.Transport, secure: ssl.SSLContext) -> None:
        try:
            found = await asyncio.get_running_loop().start_tls(
                transport, self, secure, server_side=True, ssl_handshake_timeout=HEAD_SECONDS
            )
        except (OSError, asyncio.CancelledError):  # of TLS too; where nothing was served nobody else says that it ended
            transport.abort()
            self._leave()
            return
        if found is None:
            self._leave()
            return
        self._serve(found)

    def _serve(self, transport: asyncio.Transport) -> None:
        self._is_served = True
        self._served.connection_made(transport)
        if self._early:
            self._served.data_received(self._early)
            self._early = b""

    def _leave(self) -> None:
        if self._address is not None:
            self._door.leave(self._address)
            self._address = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._is_served:
            self._served.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_served:
            self._served.data_received(data)
        else:
            self._early += data

    def eof_received(self) -> bool | None:
        return self._served.eof_received() if self._is_served else None

    def pause_writing(self) -> None:
        if self._is_served:
            self._served.pause_writing()

    def resume_writing(self) -> None:
        if self._is_served:
            self._served.resume_writing()


def allow_many_files() -> None:
    """So many connections need as many files: a service manager's usual limit is fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@dataclass(frozen=True)
class Place:
    """where: ADDRESS:PORT. what listens there, and the setting that says so, for whoever has to change it."""

    where: str
    what: str
    setting: str
    secure: ssl.SSLContext | None = None


async def listen(serve: Callable[[], asyncio.Protocol], place: Place) -> asyncio.Server:
    """Listen there. Raises ConfigurationError, which names the setting, where that cannot be."""
    address, _, port = place.where.rpartition(":")
    door = Door()
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: _Guard(door, serve(), place.secure), address.strip("[]"), int(port)
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{place.what} cannot listen at {place.where!r}: {getattr(error, 'strerror', error)}. "
            f"Set {place.setting} to a free ADDRESS:PORT."
        ) from error
