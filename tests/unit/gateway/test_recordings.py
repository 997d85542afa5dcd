"""Who makes a recording begin and end at a gateway, and whose it is."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from oobctl.access import SYSTEM, Actor
from oobctl.consoles.recording import recorder
from oobctl.consoles.recording.policy import Rule
from oobctl.consoles.tokens import Ticket
from oobctl.constants import ConsoleKind, ConsoleMode, RecordConsoles
from oobctl.gateway import places
from oobctl.gateway.places import Place, Places
from oobctl.store import Account, Recording, database
from tests.installation import Installation
from tests.unit.gateway.test_places import Port, shown

ON, STAFF, OFF = RecordConsoles.ON, RecordConsoles.STAFF, RecordConsoles.OFF
Story = Callable[["Gateway"], Awaitable[None]]


class Gateway:
    def __init__(self, site: Installation, found: Places, ports: list[Port]) -> None:
        self.places, self.ports, self.server = found, ports, site.servers["web01"]
        with database().read() as session:
            names = {row.name: row.id for row in session.scalars(select(Account))}
        self.customer, self.other = names["Example Customer"], names["Other Customer"]

    def sit(self, who: str, record: RecordConsoles, *, staff: bool = False) -> Place:
        actor = Actor("user", who, who, self.customer, None) if not staff else SYSTEM
        ticket = Ticket(
            f"console of {who}", self.server, "web01", self.customer, ConsoleKind.SERIAL, ConsoleMode.CONTROL, actor,
            None, None, of_staff=staff, rule=Rule(self.customer, record),
        )  # fmt: skip
        return self.places.sit(ticket, None)

    async def port(self) -> Port:
        while not self.ports:
            await asyncio.sleep(0.01)
        return self.ports[0]

    async def rows(self, count: int, *, ended: int) -> list[Recording]:
        """Once there are so many, so many of them ended."""
        while True:
            with database().read() as session:
                found = list(session.scalars(select(Recording).order_by(Recording.id)))
            if len(found) == count and sum(row.ended_at is not None for row in found) == ended:
                return found
            await asyncio.sleep(0.02)


def at(site: Installation, monkeypatch: pytest.MonkeyPatch, story: Story) -> None:
    monkeypatch.setattr(recorder, "_WRITE_SECONDS", 0.05)
    ports: list[Port] = []

    def opened(_server: str, *, heard: Callable[[bytes], None], **_more: Any) -> Port:
        ports.append(Port(heard))
        return ports[-1]

    async def run() -> None:
        found = Places("gateway-1")
        try:
            await asyncio.wait_for(story(Gateway(site, found, ports)), 20)
        finally:
            await found.close()

    monkeypatch.setattr(places, "open_serial", opened)
    asyncio.run(run())


def lights(place: Place) -> list[bool]:
    return [one["on"] for one in place.seat._queue if isinstance(one, dict) and one["type"] == "recording"]


def test_everybody_is_recorded_where_that_is_on_and_sees_it(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(gateway: Gateway) -> None:
        ann = gateway.sit("ann", ON)
        assert lights(ann)[-1] is True
        (await gateway.port()).heard(b"hello\r\n")
        await shown(ann, b"hello")
        ben = gateway.sit("ben", ON)
        gateway.places.rise(ann)
        await gateway.rows(1, ended=0)
        gateway.places.rise(ben)
        (row,) = await gateway.rows(1, ended=1)
        assert (row.consoles, row.account_id, row.whole) == (
            ["console of ann", "console of ben"], gateway.customer, True
        )  # fmt: skip

    at(sqlite_installation, monkeypatch, story)


def test_staff_are_recorded_where_staff_are_and_the_customer_alone_is_not(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(gateway: Gateway) -> None:
        ann = gateway.sit("ann", STAFF)
        assert lights(ann) == [False]
        staff = gateway.sit("staff", STAFF, staff=True)
        assert lights(ann)[-1] is True  # who is there is told at once
        (await gateway.port()).heard(b"hello\r\n")
        await shown(staff, b"hello")
        gateway.places.rise(staff)
        (row,) = await gateway.rows(1, ended=1)
        assert row.ended_because == "Nobody who is recorded was there any more."

    at(sqlite_installation, monkeypatch, story)


def test_what_is_chosen_anew_holds_for_consoles_that_are_open(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(gateway: Gateway) -> None:
        ann = gateway.sit("ann", OFF)
        (await gateway.port()).heard(b"one\r\n")
        await shown(ann, b"one")
        gateway.places.keep_rules({gateway.server: Rule(gateway.customer, ON)})
        assert lights(ann)[-1] is True
        await gateway.rows(1, ended=0)
        gateway.places.keep_rules({gateway.server: Rule(gateway.customer, OFF)})
        await gateway.rows(1, ended=1)

    at(sqlite_installation, monkeypatch, story)


def test_a_server_that_changes_hands_gets_a_recording_of_its_own_with_nothing_of_before(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(gateway: Gateway) -> None:
        staff = gateway.sit("staff", ON, staff=True)
        (await gateway.port()).heard(b"the old tenant's secret\r\n")
        await shown(staff, b"secret")
        gateway.places.keep_rules({gateway.server: Rule(gateway.other, ON)})
        gateway.ports[0].heard(b"new\r\n")
        await shown(staff, b"new")
        gateway.places.rise(staff)
        old, new = await gateway.rows(2, ended=2)
        assert (old.account_id, new.account_id) == (gateway.customer, gateway.other)
        assert old.ended_because == "The server changed hands."

    at(sqlite_installation, monkeypatch, story)


@pytest.mark.parametrize("keeps", [True, False])
def test_keys_are_kept_only_where_the_site_says_so(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    typed: list[bytes] = []
    monkeypatch.setattr(recorder.Recorder, "typed", lambda _self, _name, content: typed.append(content))
    monkeypatch.setattr("oobctl.gateway.recordings.settings", lambda: type("Set", (), {"record_keys": keeps})())

    async def story(gateway: Gateway) -> None:
        ann = gateway.sit("ann", ON)
        await gateway.port()
        await asyncio.sleep(0.05)
        ann.heard(b"a password")

    at(sqlite_installation, monkeypatch, story)
    assert typed == ([b"a password"] if keeps else [])
