"""A serial line that the BMC's own web server carries over a websocket."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import aiohttp

from oobctl.drivers.login import Login
from oobctl.drivers.redfish.loop import loop
from oobctl.drivers.web_stream import WebStream, open_stream
from oobctl.errors import BmcAuthFailed, BmcError, BmcUnreachable, OobctlError, StoreUnavailable

_MOST_WAITING = 1 << 20


class WebSerial:
    """drivers.serial.SerialPort's other kind. All of it is for any thread; nothing but `close` waits."""

    breaks = False

    def __init__(
        self,
        login: Login,
        stream: WebStream,
        heard: Callable[[bytes], None],
        ended: Callable[[OobctlError | None], None],
    ) -> None:
        self._login, self._stream, self._heard, self._ended = login, stream, heard, ended
        self._queue: deque[bytes] = deque()
        self._waiting = 0
        self._there = asyncio.Event()
        self._closed = False
        self._tasks = [asyncio.get_running_loop().create_task(work) for work in (self._hear(), self._type())]

    @property
    def waiting(self) -> int:
        return self._waiting

    def write(self, data: bytes) -> None:
        loop().call(lambda: self._put(data))

    def send_break(self) -> None:
        """This way has none: `breaks` says so to who asks first."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            with suppress(BmcError):
                loop().result(self._leave())
            with suppress(StoreUnavailable):
                self._login.slot.release()

    def _put(self, data: bytes) -> None:
        if self._waiting + len(data) <= _MOST_WAITING:
            self._waiting += len(data)
            self._queue.append(data)
            self._there.set()

    async def _type(self) -> None:
        with suppress(ConnectionError, aiohttp.ClientError):
            while True:
                await self._there.wait()
                self._there.clear()
                while self._queue:
                    data = self._queue.popleft()
                    await self._stream.socket.send_bytes(data)
                    self._waiting -= len(data)

    async def _hear(self) -> None:
        with suppress(aiohttp.ClientError, OSError):
            async for message in self._stream.socket:
                if message.type is aiohttp.WSMsgType.BINARY and message.data:
                    self._heard(message.data)
        if not self._closed:
            where = self._login.endpoint.address
            self._ended(BmcUnreachable(f"The web server of the BMC at {where} ended the serial line."))

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stream.leave()


def open_web_serial(
    login: Login, heard: Callable[[bytes], None], ended: Callable[[OobctlError | None], None]
) -> WebSerial:
    """Claim the slot, log in and open the line; who answers was asked before. Waits for the BMC.

    heard, ended: called from the loop's thread. Raises as `drivers.serial.open_serial` does.
    """
    login.slot.claim()
    try:
        port = loop().result(_open(login, heard, ended))
        try:
            login.let_in()
            login.slot.opened(f"{_path(login)}#{uuid.uuid4().hex[:8]}")  # as rfb.websocket names its own
        except BaseException:
            port.close()
            raise
    except BmcAuthFailed as refusal:
        login.slot.release()
        login.refused(refusal)
        raise
    except BaseException:
        with suppress(StoreUnavailable):
            login.slot.release()
        raise
    return port


async def _open(login: Login, heard: Callable[[bytes], None], ended: Callable[[OobctlError | None], None]) -> WebSerial:
    where = f"The web server of the BMC at {login.endpoint.address}"
    try:
        async with asyncio.timeout(login.profile.timeouts.connect):
            stream = await open_stream(login, _path(login))
    except TimeoutError as error:
        raise BmcUnreachable(f"{where} did not answer within {login.profile.timeouts.connect:g} s.") from error
    except OSError as error:
        raise BmcUnreachable(f"{where} cannot be reached: {error.strerror or error}.") from error
    return WebSerial(login, stream, heard, ended)


def _path(login: Login) -> str:
    web = login.profile.consoles.websocket
    assert web is not None  # ways.serial_login made the login
    assert web.serial is not None
    return web.serial
