"""Who sits where at a gateway: one console one place, and nothing of the last tenant for the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from aiohttp import WSMessage, WSMsgType

from oobctl.access import SYSTEM
from oobctl.consoles import ending
from oobctl.consoles.recording.policy import Rule
from oobctl.consoles.tokens import Ticket
from oobctl.constants import ConsoleKind, ConsoleMode, RecordConsoles
from oobctl.gateway import connection, entrance, places
from oobctl.gateway.entrance import Entrance
from oobctl.gateway.guesses import MOST, Guesses
from oobctl.gateway.places import Place, Places


class Port:
    """A line's port; what its server writes comes by `heard`."""

    waiting, breaks = 0, True

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.heard = heard
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def send_break(self) -> None: ...
    def close(self) -> None: ...


def ticket(console: str, account: str) -> Ticket:
    kind, mode = ConsoleKind.SERIAL, ConsoleMode.CONTROL
    rule = Rule(account, RecordConsoles.OFF)
    return Ticket(console, "server-1", "web01", account, kind, mode, SYSTEM, None, None, rule=rule)


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


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("198.51.100.1", "198.51.100.2", False), ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False), ("::ffff:198.51.100.1", "198.51.100.1", True), ("", "x", False),
    ],
)  # fmt: skip
def test_who_has_a_network_guesses_as_one(one: str, another: str, same: bool) -> None:
    guesses = Guesses()
    for _ in range(MOST):
        guesses.add(one)
    assert guesses.too_many(another) is same


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
        assert (found.has(first), found.has(second)) == (False, True)
        found.rise(first)
        assert second.seat.ended is None
        assert found.has(second)

    at_a_line(monkeypatch, story)


def test_an_address_that_guesses_is_not_listened_to_and_the_others_are() -> None:
    guesses = Guesses()
    for _ in range(MOST):
        assert not guesses.too_many("198.51.100.1")
        guesses.add("198.51.100.1")
    assert guesses.too_many("198.51.100.1")
    assert not guesses.too_many("198.51.100.2")


class Stuck:
    """A browser that sends and takes nothing."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[WSMessage] = asyncio.Queue()

    def types(self, content: bytes) -> None:
        self.sent.put_nowait(WSMessage(WSMsgType.BINARY, content, None))

    async def send_bytes(self, _content: bytes) -> None:
        await asyncio.Event().wait()

    async def send_json(self, _content: object) -> None:
        await asyncio.Event().wait()

    def __aiter__(self) -> "Stuck":
        return self

    async def __anext__(self) -> WSMessage:
        return await self.sent.get()


def test_who_takes_nothing_types_nothing_once_they_may_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[tuple[str, str | None]] = []
    monkeypatch.setattr(ending, "left", lambda console, because, _used, elsewhere: noted.append((console, because)))
    monkeypatch.setattr(connection, "_TELL_WITHIN_SECONDS", 0.2)

    async def story(found: Places, ports: list[Port]) -> None:
        browser = Stuck()
        connections = connection.Connections("gateway-1", found, "site-1", Entrance())
        serving = asyncio.create_task(connections._serve(cast(Any, browser), ticket("mine", "tenant"), "192.0.2.1"))
        while not ports:
            await asyncio.sleep(0.01)
        browser.types(b"before")
        while ports[0].written != b"before":
            await asyncio.sleep(0.01)
        (place,) = found
        place.seat.end("technician ended it.")
        browser.types(b"after")
        await serving
        assert ports[0].written == b"before"
        assert noted == [("mine", "technician ended it.")]
        assert list(found) == []

    at_a_line(monkeypatch, story)


def test_who_sends_without_end_is_heard_at_a_pace_and_told_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "left", lambda *_arguments, **_more: None)
    monkeypatch.setattr(entrance, "_MOST_MESSAGES", 50)

    async def story(found: Places, _ports: list[Port]) -> None:
        found.sit(ticket("first", "tenant"), None)  # has control
        browser = Stuck()
        connections = connection.Connections("gateway-1", found, "site-1", Entrance())
        serving = asyncio.create_task(connections._serve(cast(Any, browser), ticket("second", "tenant"), "192.0.2.1"))
        for _ in range(100_000):
            browser.types(b"x")
        await asyncio.sleep(0.5)
        assert browser.sent.qsize() > 99_900
        (place,) = [one for one in found if one.ticket.console_id == "second"]
        refused = [one for one in place.seat._queue if isinstance(one, dict) and one["type"] == "refused"]
        assert len(refused) <= 1
        place.seat.end("over")
        await serving

    monkeypatch.setattr(connection, "_TELL_WITHIN_SECONDS", 0.2)
    at_a_line(monkeypatch, story)
