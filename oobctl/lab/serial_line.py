"""The wire between a BMC and its server's serial port: it stays when the server is switched off, as a real one does."""

import asyncio
import contextlib

Address = tuple[str, int]
_AGAIN_SECONDS = 0.2


class SerialWire:
    """Takes the BMC's connections at `here`, and carries bytes between all of them and the server's port.

    ipmi_sim connects once, and never again: without this, a line that is open when the server is switched off would be
    silent from then on. The BMC's web server is the other one that connects.
    """

    def __init__(self, here: Address, port: Address) -> None:
        self._here, self._port = here, port
        self._server: asyncio.Server | None = None
        self._holding: asyncio.Task[None] | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._to_port: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Raises OSError when the address is taken."""
        self._server = await asyncio.start_server(self._take, *self._here)
        self._holding = asyncio.create_task(self._hold_port())

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.gather(self._holding, return_exceptions=True)
        for end in self._ends:
            end.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until it hangs up."""
        self._ends.add(writer)
        with contextlib.suppress(ConnectionError):
            while content := await reader.read(4096):
                if self._to_port is not None:
                    self._to_port.write(content)
        self._ends.discard(writer)
        writer.close()

    async def _hold_port(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                from_port, self._to_port = await asyncio.open_connection(*self._port)
                try:
                    while content := await from_port.read(4096):
                        for end in self._ends:
                            end.write(content)
                finally:
                    self._to_port.close()
                    self._to_port = None
            await asyncio.sleep(_AGAIN_SECONDS)
