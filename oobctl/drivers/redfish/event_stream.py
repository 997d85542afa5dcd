"""An open stream of events from one BMC, in the loop: how many come is told, what they say is thrown away."""

import asyncio
from collections.abc import Callable

import aiohttp

from oobctl.drivers.redfish.http import TooMuch
from oobctl.drivers.redfish.loop import loop
from oobctl.drivers.redfish.sse import SseEvents
from oobctl.errors import BmcBadAnswer, BmcUnreachable

SILENT_SECONDS = 3600.0
"""A stream on which nothing came for so long is opened anew: its connection may be dead without a word."""
_PAUSE_SECONDS = 0.1  # a BMC that sends without end fills its own buffers and not our time


class RedfishEventStream:
    """interfaces.EventStream. Its connection is its own; whoever ends the session closes it."""

    def __init__(self, client: aiohttp.ClientSession, response: aiohttp.ClientResponse, where: str) -> None:
        self._client, self._response, self._where = client, response, where

    def read(self, told: Callable[[], None]) -> None:
        """As interfaces has it. Raises BmcUnreachable where the connection is lost, BmcBadAnswer where it is no SSE."""
        try:
            loop().result(self._read(told))
        except TooMuch as error:
            raise BmcBadAnswer(f"The BMC at {self._where} sent {error}; no event is that large.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise BmcUnreachable(f"The BMC at {self._where} sends no more events: its connection is lost.") from error
        finally:
            self.close()

    async def _read(self, told: Callable[[], None]) -> None:
        events = SseEvents()
        async for piece in self._response.content.iter_any():
            if events.feed(piece):
                told()
            await asyncio.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """End it, from any thread. Who reads it sees its end."""
        loop().begin(self._close())

    async def _close(self) -> None:
        """At once: a BMC that only sends would not answer TLS's goodbye, and the stream stay open for half a minute."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()
        await self._client.close()
