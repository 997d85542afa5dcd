"""A real server's serial line, shared: two people, one who types, and a BMC that goes away and comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from oobctl.consoles.lines import Line
from oobctl.consoles.seats import Seat
from oobctl.drivers.serial import open_serial
from oobctl.errors import NotAllowed
from oobctl.lab import rack as lab
from tests.integration.drivers.rows import HOLDER, Rows

PATIENCE = 150.0


class Viewer:
    """Somebody at the line, whose browser takes what comes."""

    def __init__(self, line: Line, name: str) -> None:
        self.line, self.shown = line, bytearray()
        self.told: list[str] = []
        self.seat = Seat(name.lower(), name, may_control=True)
        line.join(self.seat)
        self.taking = asyncio.create_task(self._take())

    async def _take(self) -> None:
        while (content := await self.seat.next()) is not None:
            if isinstance(content, bytes):
                self.shown += content
            else:
                self.told.append(content["type"])

    async def until(self, words: bytes, since: int = 0) -> None:
        """Until the server has shown them."""
        await until(lambda: words in self.shown[since:])

    async def log_in(self) -> None:
        await until(lambda: b"web01 login: " in self.shown, lambda: self.line.heard(self.seat, b"\r"))
        self.line.heard(self.seat, b"root\r")
        await until(lambda: self.shown.rstrip().endswith((b"#", b"\x1b[6n")))


async def until(check: Callable[[], object], meanwhile: Callable[[], object] = lambda: None) -> None:
    while not check():
        meanwhile()
        await asyncio.sleep(0.5)


def run(case: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(case(), PATIENCE))


@asynccontextmanager
async def line_of(server_id: str, **how: Any) -> AsyncIterator[tuple[Line, Viewer, "asyncio.Task[None]"]]:
    """It, and the first who is at it."""
    line = Line(partial(open_serial, server_id, holder=HOLDER), **how)
    ann = Viewer(line, "Ann")
    running = asyncio.create_task(line.run())
    try:
        await until(lambda: "open" in ann.told)
        yield line, ann, running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_two_see_the_same_and_one_types_until_the_other_takes_over(rows: Rows) -> None:
    async def case() -> None:
        async with line_of(rows.enrol("web01")) as (line, ann, _running):
            await ann.log_in()
            ben = Viewer(line, "Ben")
            await ben.until(b"web01 login: ")  # from the scroll-back
            with pytest.raises(NotAllowed):
                line.heard(ben.seat, b"echo not-$((1+1))\r")
            line.heard(ann.seat, b"echo ann-$((6*7))\r")
            await ben.until(b"ann-42")
            line.take_over(ben.seat, "mine")
            line.heard(ben.seat, b"echo ben-$((6*7))\r")
            await ann.until(b"ben-42")
            assert b"not-" not in ann.shown
            assert "taken_over" in ann.told
            line.heard(ben.seat, b"exit\r")
            await ann.until(b"web01 login: ", since=len(ann.shown))

    run(case)
    assert rows.sessions() == []


def test_a_long_paste_arrives_whole(rows: Rows) -> None:
    async def case() -> None:
        async with line_of(rows.enrol("web01")) as (line, ann, _running):
            await ann.log_in()
            line.heard(ann.seat, b"stty -echo; wc -c\r")
            await ann.until(b"wc -c")
            line.heard(ann.seat, (b"x" * 79 + b"\r") * 250 + b"\x04")
            await ann.until(b"20000")
            line.heard(ann.seat, b"stty echo; exit\r")
            await ann.until(b"web01 login: ", since=len(ann.shown))

    run(case)


def test_a_bmc_that_dies_and_comes_back_costs_the_viewers_a_pause(rows: Rows) -> None:
    async def case() -> None:
        async with line_of(rows.enrol("web01"), pauses=(1.0,)) as (line, ann, _running):
            await until(lambda: b"web01 login: " in ann.shown, lambda: line.heard(ann.seat, b"\r"))
            await asyncio.to_thread(lab.inject, rows.rack.home, "web01", "bmc-dead")
            await until(lambda: "away" in ann.told)
            await asyncio.to_thread(lab.clear, rows.rack.home, "web01")
            await until(lambda: ann.told.count("open") == 2)
            since = len(ann.shown)
            await until(lambda: b"web01 login: " in ann.shown[since:], lambda: line.heard(ann.seat, b"\r"))
            assert ann.seat.ended is None

    run(case)
    assert rows.sessions() == []


def test_a_server_that_restarts_is_seen_to_come_up(rows: Rows) -> None:
    async def case() -> None:
        async with line_of(rows.enrol("web01")) as (line, ann, _running):
            await until(lambda: b"web01 login: " in ann.shown, lambda: line.heard(ann.seat, b"\r"))
            since = len(ann.shown)
            await asyncio.to_thread(lab.command, rows.rack.home, "web01", "reset")
            await ann.until(b"booted by BIOS", since)
            assert ann.told.count("open") == 1

    run(case)


def test_when_the_last_has_left_the_bmc_has_its_line_back(rows: Rows) -> None:
    async def case() -> None:
        async with line_of(rows.enrol("web01"), grace=0.0) as (line, ann, running):
            line.leave(ann.seat)
            await running

    run(case)
    assert rows.sessions() == []
