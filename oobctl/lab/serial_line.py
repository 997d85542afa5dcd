"""The wire between a BMC and its server's serial port: it stays when the server is switched off, as a real one does."""

import asyncio
import contextlib

Address = tuple[str, int]
_AGAIN_SECONDS = 0.2


class SerialWire:
    """Takes the simulator's connections at `here`, and carries bytes to the server's port whenever that is there.

    ipmi_sim connects when somebody opens the line, and never again: without this, a line that is open when the server
    is switched off would be silent from then on.
    """

    def __init__(self, here: Address, port: Address) -> None:
        self._here, self._port = here, port
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()
        self._to_port: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Raises OSError when the address is taken."""
        self._server = await asyncio.start_server(self._take, *self._here)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the simulator hangs up."""
        port = asyncio.create_task(self._hold_port(writer))
        try:
            while content := await reader.read(4096):
                if self._to_port is not None:
                    self._to_port.write(content)
        except ConnectionError:
            pass
        finally:
            port.cancel()
            await asyncio.gather(port, return_exceptions=True)
            writer.close()

    async def _hold_port(self, writer: asyncio.StreamWriter) -> None:
        while True:
            with contextlib.suppress(OSError):
                from_port, self._to_port = await asyncio.open_connection(*self._port)
                try:
                    while content := await from_port.read(4096):
                        writer.write(content)
                        await writer.drain()
                finally:
                    self._to_port.close()
                    self._to_port = None
            await asyncio.sleep(_AGAIN_SECONDS)
