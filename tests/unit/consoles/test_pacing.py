"""What is typed is passed on whole, in order, and no faster than the line takes it."""

import asyncio
from collections.abc import Callable

import pytest

from oobctl.consoles.pacing import Pacing
from oobctl.errors import TooManyRequests
from tests.unit.consoles.ports import FakePort

FAST = 1e9


def port() -> FakePort:
    return FakePort(lambda _data: None, lambda _why: None)


_sleep = asyncio.sleep


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():
            await _sleep(0.001)


def test_a_paste_comes_whole_and_in_small_pieces_and_a_break_in_its_place() -> None:
    async def run() -> FakePort:
        there = port()
        pacing = Pacing(lambda: there, FAST)
        pacing.type(b"abc" * 1000)
        pacing.send_break()
        pacing.type(b"end")
        await until(lambda: there.text.endswith(b"end"))
        return there

    there = asyncio.run(run())
    assert there.text == b"abc" * 1000 + b"end"
    assert there.typed[-2:] == [None, b"end"]
    assert max(len(data) for data in there.typed if data is not None) <= 64


def test_between_the_pieces_of_a_paste_is_the_time_that_the_rate_says(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await _sleep(0)

    async def run() -> None:
        there = port()
        Pacing(lambda: there, 1000.0).type(b"x" * 257)
        await until(lambda: len(there.text) == 257)

    monkeypatch.setattr(asyncio, "sleep", nap)
    asyncio.run(run())
    assert naps == [0.064] * 4 + [0.001]


def test_where_the_bmc_takes_nothing_nothing_more_is_passed_on() -> None:
    async def run() -> tuple[int, bytes]:
        there = port()
        there.takes = False
        Pacing(lambda: there, FAST).type(b"x" * 100_000)
        await asyncio.sleep(0.2)
        passed = len(there.text)
        there.takes, there.waiting = True, 0
        await until(lambda: len(there.text) == 100_000)
        return passed, there.text

    passed, text = asyncio.run(run())
    assert passed <= 1024 + 64
    assert text == b"x" * 100_000


def test_what_is_forgotten_is_never_typed() -> None:
    async def run() -> bytes:
        there = port()
        pacing = Pacing(lambda: there, FAST)
        pacing.type(b"rm -rf /\r")
        pacing.forget()
        pacing.type(b"ls\r")
        await until(lambda: there.text.endswith(b"ls\r"))
        return there.text

    assert asyncio.run(run()) == b"ls\r"


def test_a_paste_that_is_too_large_is_refused_whole() -> None:
    async def run() -> bytes:
        there = port()
        with pytest.raises(TooManyRequests):
            Pacing(lambda: there, FAST).type(b"x" * (1 << 21))
        await asyncio.sleep(0.05)
        return there.text

    assert asyncio.run(run()) == b""
