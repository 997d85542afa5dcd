"""Opening a server's screen: a slot, the password, and the check that it is the server that was enrolled."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol as Interface

from oobctl.constants import Protocol, TlsMode
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.login import Login
from oobctl.drivers.opening import open_checked
from oobctl.drivers.redfish.tls import fingerprint, required_pin, trust
from oobctl.drivers.rfb.handshake import Size, shake_hands
from oobctl.drivers.rfb.websocket import open_websocket
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import check_alone, rows_of, screen_login
from oobctl.errors import (
    BmcAuthFailed,
    BmcBadAnswer,
    BmcIdentityChanged,
    BmcUnreachable,
    StoreUnavailable,
)

_BUFFER = 1 << 18


class Way(Interface):
    """How RFB gets to the BMC. `name`: of it, at the BMC."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def name(self) -> str: ...

    async def close(self) -> None:
        """Never raises."""
        ...


@dataclass
class Tcp:
    """Way. A connection of its own."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def name(self) -> str:
        return str(self.writer.get_extra_info("sockname")[1])

    async def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class ScreenConnection:
    """An open screen: RFB's messages come from `reader` and go to `writer`. `close` when done with it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    size: Size
    slot: Slot
    way: Way

    async def close(self) -> None:
        """Never raises. A slot that cannot be given back now is nobody's after the next heartbeat."""
        await self.way.close()
        with suppress(StoreUnavailable):
            await asyncio.to_thread(self.slot.release)


async def open_screen(server_id: str, *, holder: str) -> ScreenConnection:
    """Open a server's screen over RFB, which tells not whose it is: the BMC is asked at the same time.

    Raises NotSupported where there is no way to it, BmcSessionsExhausted naming who has the screen, WrongServer,
    BmcAuthFailed, BmcUnreachable (also where a server without power has no screen), and BmcError's other subclasses.
    """
    await asyncio.to_thread(check_alone, server_id, "screen")
    rows = await asyncio.to_thread(rows_of, server_id)
    login = await asyncio.to_thread(screen_login, rows, holder)
    return await open_checked(login.slot, server_id, holder, lambda: _open(login), _left)


async def _left(opened: ScreenConnection) -> None:
    await opened.way.close()


async def _open(login: Login) -> ScreenConnection:
    where = f"The screen at {login.endpoint.address}"
    try:
        async with asyncio.timeout(login.profile.timeouts.connect):
            way = await _connected(login)
            try:
                size = await shake_hands(way.reader, way.writer, login.secret.password, where)
            except BaseException:
                await way.close()
                raise
    except BmcAuthFailed as refusal:
        await asyncio.to_thread(login.refused, refusal)
        raise
    except TimeoutError as error:
        raise BmcUnreachable(f"{where} did not answer within {login.profile.timeouts.connect:g} s.") from error
    except asyncio.IncompleteReadError as error:
        raise BmcUnreachable(f"{where} hung up while oobctl logged in. All its places may be taken.") from error
    except ssl.SSLError as error:
        raise BmcBadAnswer(f"{where} did not present the certificate that it has to: {error.reason}.") from error
    except OSError as error:
        raise BmcUnreachable(f"{where} cannot be reached: {error.strerror or error}.") from error
    try:
        await asyncio.to_thread(login.let_in)
        await asyncio.to_thread(login.slot.opened, way.name)
    except BaseException:
        await way.close()
        raise
    return ScreenConnection(way.reader, way.writer, size, login.slot, way)


async def _connected(login: Login) -> Way:
    """A websocket of the BMC's web server; or TCP, with TLS from the first byte where a certificate can be checked."""
    endpoint = login.endpoint
    if endpoint.protocol is not Protocol.VNC:
        return await open_websocket(login)
    context = _context(endpoint) if endpoint.tls_mode else None
    reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port, ssl=context, limit=_BUFFER)
    if endpoint.tls_mode is TlsMode.PIN:
        shown = fingerprint(writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"")
        if shown != required_pin(endpoint):
            writer.transport.abort()
            raise BmcIdentityChanged(
                f"The screen at {endpoint.address} presents another certificate (SHA-256 {shown}) than the one that "
                "was confirmed. Nothing was sent. Confirm the new one if it is right."
            )
    return Tcp(reader, writer)


def _context(endpoint: EndpointAddress) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.tls_mode is TlsMode.PIN:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        trust(context, endpoint)
    return context
