"""Who sits where at a gateway: one console one place, and nothing of the last tenant for the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from oobctl.access import SYSTEM
from oobctl.consoles.tokens import Ticket
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.gateway import places
from oobctl.gateway.guesses import MOST, Guesses
from oobctl.gateway.places import Place, Places


class Port:
    """A line's port; what its server writes comes by `heard`."""

    waiting = 0

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.heard = heard

    def write(self, data: bytes) -> None: ...
    def send_break(self) -> None: ...
    def close(self) -> None: ...


def ticket(console: str, account: str) -> Ticket:
    kind, mode = ConsoleKind.SERIAL, ConsoleMode.CONTROL
    return Ticket(console, "server-1", "web01", account, kind, mode, SYSTEM, None, None)


def at_a_line(monkeypatch: pytest.MonkeyPatch, story: Callable[[Places, list[Port]], Awaitable[None]]) -> None:
    ports: list[Port] = []

    def opened(_server: str, *, heard: Callable[[bytes], None], **_more: Any) -> Port:
        ports.append(Port(heard))
        return ports[-1]

    async def run() -> None:
        found = Places("gateway-1")
        try:
            await asyncio.wait_for(story(found, ports), 10)
        finally:
            await found.close()

    monkeypatch.setattr(places, "open_serial", opened)
    asyncio.run(run())


async def shown(place: Place, words: bytes) -> bytes:
    """What they were shown, up to these words."""
    seen = b""
    while words not in seen:
        found = await place.seat.next()
        seen += found if isinstance(found, bytes) else b""
    return seen


def test_the_next_tenant_is_shown_nothing_that_was_written_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though somebody of the staff stays at the line, and so keeps it open."""

    async def story(found: Places, ports: list[Port]) -> None:
        staff = found.sit(ticket("staff", "old tenant"), None)
        while not ports:
            await asyncio.sleep(0.01)
        ports[0].heard(b"the old tenant's secret\r\n")
        await shown(staff, b"secret")
        same = found.sit(ticket("same", "old tenant"), None)
        await shown(same, b"secret")
        following = found.sit(ticket("next", "new tenant"), None)
        ports[0].heard(b"hello\r\n")
        assert b"secret" not in await shown(following, b"hello")

    at_a_line(monkeypatch, story)


def test_a_console_that_is_opened_in_another_window_ends_in_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(found: Places, _ports: list[Port]) -> None:
        first = found.sit(ticket("mine", "tenant"), None)
        second = found.sit(ticket("mine", "tenant"), None)
        assert "another window" in str(first.seat.ended)
        assert found.rise(first) is None  # what it used is not its own to tell
        assert second.seat.ended is None
        assert found.rise(second) is not None

    at_a_line(monkeypatch, story)


def test_an_address_that_guesses_is_not_listened_to_and_the_others_are() -> None:
    guesses = Guesses()
    for _ in range(MOST):
        assert not guesses.too_many("198.51.100.1")
        guesses.add("198.51.100.1")
    assert guesses.too_many("198.51.100.1")
    assert not guesses.too_many("198.51.100.2")
