"""A line that several look at, run as soon as somebody is there, over ports that do what a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from oobctl.consoles.lines import Line
from oobctl.consoles.seats import Seat, Told
from oobctl.errors import OobctlError
from tests.unit.consoles.ports import FakePort, Opener

Case = Callable[[], Coroutine[Any, Any, None]]
NEVER = 3600.0


def in_a_loop(case: Case) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(asyncio.wait_for(case(), 60))

    run.__name__, run.__doc__ = case.__name__, case.__doc__
    return run


class Bench:
    """A line, run as soon as somebody is there."""

    def __init__(self, opener: Opener, **how: Any) -> None:
        self.opener = opener
        self.line = Line(opener, **{"rate": 1e9, "grace": NEVER, "pauses": (0.001,), **how})
        self.running: asyncio.Task[None] | None = None

    def sit(self, name: str, *, may_control: bool = True) -> Seat:
        seat = Seat(name.lower(), name, may_control=may_control)
        self.line.join(seat)
        self.run()
        return seat

    def run(self) -> None:
        if self.running is None:
            self.running = asyncio.create_task(self.line.run())

    async def port(self, number: int = 0) -> FakePort:
        """The port that is opened as that one, when the line is open."""
        await until(lambda: len(self.opener.ports) > number and self.line._port is self.opener.ports[number])
        return self.opener.ports[number]


@asynccontextmanager
async def bench(*answers: OobctlError | None, **how: Any) -> AsyncIterator[Bench]:
    made = Bench(Opener(*answers), **how)
    yield made
    made.opener.gate.set()
    if made.running is not None:
        made.running.cancel()
        await asyncio.gather(made.running, return_exceptions=True)


async def until(check: Callable[[], object]) -> None:
    while not check():
        await asyncio.sleep(0.001)


async def shown(seat: Seat, wanted: bytes) -> bytes:
    """What the seat shows, up to these bytes."""
    found = b""
    while wanted not in found:
        item = await seat.next()
        assert item is not None, seat.ended
        found += item if isinstance(item, bytes) else b""
    return found


async def told(seat: Seat, kind: str) -> Told:
    """The next message of that kind."""
    while True:
        item = await seat.next()
        assert item is not None, seat.ended
        if isinstance(item, dict) and item["type"] == kind:
            return item


async def end_of(seat: Seat) -> str | None:
    while await seat.next() is not None:
        pass
    return seat.ended
