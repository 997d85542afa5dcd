"""A UDP relay in front of a server's BMC: it counts packets, and loses, delays or spoils them on request."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from oobctl.lab.faults import (
    BMC_DEAD,
    BMC_DROP_ANSWERS,
    BMC_DROP_REQUESTS,
    BMC_GARBAGE,
    BMC_SESSIONS_FULL,
    BMC_SLOW,
    SLOW_SECONDS,
)

Address = tuple[str, int]

_IDLE_SECONDS = 120.0
_KEPT_PACKETS = 20_000
_RMCP_PLUS = 0x06
_OPEN_SESSION_REQUEST, _OPEN_SESSION_RESPONSE = 0x10, 0x11
_INSUFFICIENT_RESOURCES = 0x01  # IPMI 2.0 table 13-15


@dataclass
class Traffic:
    """What passed the relay: totals, and (unix time, "in" or "out", bytes) of the latest packets."""

    requests: int = 0
    answers: int = 0
    packets: deque[tuple[float, str, int]] = field(default_factory=lambda: deque(maxlen=_KEPT_PACKETS))

    def count(self, direction: str, data: bytes) -> None:
        self.packets.append((time.time(), direction, len(data)))
        if direction == "in":
            self.requests += 1
        else:
            self.answers += 1


def sessions_full_answer(request: bytes) -> bytes | None:
    """The answer "no session left" to an RMCP+ Open Session Request; None when the packet is something else."""
    if len(request) < 24 or request[4] != _RMCP_PLUS or request[5] & 0x3F != _OPEN_SESSION_REQUEST:
        return None
    payload = request[16:]
    body = bytes([payload[0], _INSUFFICIENT_RESOURCES, 0, 0]) + payload[4:8]
    header = request[:4] + bytes([_RMCP_PLUS, _OPEN_SESSION_RESPONSE]) + bytes(8)
    return header + len(body).to_bytes(2, "little") + body


class _Upstream(asyncio.DatagramProtocol):
    """The relay's socket towards the BMC on behalf of one client: the BMC tells sessions apart by it."""

    def __init__(self, relay: "IpmiRelay", client: Address) -> None:
        self._relay = relay
        self._client = client
        self.transport: asyncio.DatagramTransport | None = None
        self.used_at = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _address: object) -> None:
        self._relay.answer(data, self._client)


class IpmiRelay(asyncio.DatagramProtocol):
    """Relays one UDP port to another and applies the faults in `active`."""

    def __init__(self, front: Address, back: Address) -> None:
        self._front = front
        self._back = back
        self._upstreams: dict[Address, _Upstream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self.active: frozenset[str] = frozenset()
        self.traffic = Traffic()

    async def start(self) -> None:
        """Open the front port. Raises OSError when somebody has it."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self._front)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._forget(self._upstreams)
        if self._transport:
            self._transport.close()

    def datagram_received(self, data: bytes, address: Address) -> None:
        """A client's packet."""
        self.traffic.count("in", data)
        if self.active & {BMC_DEAD, BMC_DROP_REQUESTS}:
            return
        if BMC_SESSIONS_FULL in self.active and (refusal := sessions_full_answer(data)):
            self.answer(refusal, address)
            return
        if BMC_GARBAGE in self.active:
            self.answer(data, address)
            return
        self._in_background(self._forward(data, address))

    def answer(self, data: bytes, client: Address) -> None:
        """The BMC's packet back to its client, unless a fault says otherwise."""
        if self.active & {BMC_DEAD, BMC_DROP_ANSWERS}:
            return
        if BMC_GARBAGE in self.active:
            data = os.urandom(len(data))
        delay = SLOW_SECONDS if BMC_SLOW in self.active else 0.0
        if delay:
            asyncio.get_running_loop().call_later(delay, self._send, data, client)
        else:
            self._send(data, client)

    def _send(self, data: bytes, client: Address) -> None:
        if self._transport and not self._transport.is_closing():
            self.traffic.count("out", data)
            self._transport.sendto(data, client)

    async def _forward(self, data: bytes, client: Address) -> None:
        upstream = self._upstreams.get(client)
        if upstream is None:
            self._forget_idle()
            upstream = self._upstreams[client] = _Upstream(self, client)
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda: upstream, remote_addr=self._back)
        upstream.used_at = time.monotonic()
        if upstream.transport:
            upstream.transport.sendto(data)

    def _forget_idle(self) -> None:
        oldest = time.monotonic() - _IDLE_SECONDS
        self._forget([client for client, upstream in self._upstreams.items() if upstream.used_at < oldest])

    def _forget(self, clients: Iterable[Address]) -> None:
        for client in list(clients):
            upstream = self._upstreams.pop(client)
            if upstream.transport:
                upstream.transport.close()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
