"""Recordings and serial logs of real servers through a real gateway, also one that is killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from oobctl.constants import RecordConsoles
from oobctl.lab import rack as virtual_rack
from oobctl.store import AuditRecord, BmcSession, Recording, Server, database
from tests.installation import eventually
from tests.integration.consoles.conftest import Site, run
from tests.unit.consoles.recording.test_fbs import blocks

WHOLE, EVENTS, LAST = 1, 2, 4


@pytest.fixture
def recorded(site: Site) -> Iterator[Site]:
    """Consoles of app01 are recorded."""
    with site.client("admin") as client:
        client.put("/servers/app01/record-consoles", json={"record": RecordConsoles.ON}).raise_for_status()
    yield site
    with site.client("admin") as client:
        client.put("/servers/app01/record-consoles", json={"record": None}).raise_for_status()


def rows(**columns: object) -> list[Recording]:
    with database().read() as session:
        return list(session.scalars(select(Recording).filter_by(**columns).order_by(Recording.id)))


class Film:
    """A recording, or a serial log, that somebody reads over the websocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def ask(self, **question: object) -> Any:
        await self._socket.send_json(question)
        answer = await self._socket.receive(timeout=20)
        return answer.data if answer.type is aiohttp.WSMsgType.BINARY else answer.json()


@asynccontextmanager
async def film(site: Site, path: str, who: str = "customer") -> AsyncIterator[Film]:
    def key() -> dict[str, Any]:
        with site.client(who) as client:
            answer = client.post(path)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    found = await asyncio.to_thread(key)
    async with aiohttp.ClientSession() as session, session.ws_connect(found["websocket"], max_msg_size=0) as socket:
        await socket.send_json({"token": found["token"]})
        yield Film(socket)


async def updates(found: Film) -> list[bytes]:
    """All that a player would show of a screen."""
    index = await found.ask(type="index")
    assert index["changed"] is None
    shown: list[bytes] = []
    for number, flags, *_ in index["chunks"]:
        content = b"FBS " if flags & (EVENTS | LAST) else await found.ask(type="chunk", number=number)
        if not content.startswith(b"FBS "):  # the greeting is a chunk of its own
            shown += [said for said, _ in blocks(content)]
    return shown


def test_a_screen_is_recorded_from_the_first_picture_on_and_played_back(recorded: Site) -> None:
    async def story() -> None:
        async with recorded.viewer() as viewer:
            await viewer.sees()
            assert {"type": "recording", "on": True, "keys": False} in viewer.told
            await viewer.types("root\n")
            await viewer.asks(whole=False)
            await asyncio.sleep(2.0)
            seen = bytes(viewer.shown)
        await asyncio.to_thread(eventually, lambda: rows(kind="graphical", whole=True))
        recording = rows(kind="graphical")[-1]
        assert recording.consoles == [viewer.console]
        async with film(recorded, f"/recordings/{recording.id}/key") as found:
            index = await found.ask(type="index")
            assert any(flags & WHOLE for _, flags, *_ in index["chunks"])
            shown = await updates(found)
        largest = max(shown, key=len)
        assert largest in seen  # the very bytes that the person was sent
        with database().read() as session:
            query = select(AuditRecord).where(AuditRecord.tag == "server:console:recorded")
            said = [row.evidence for row in session.scalars(query) if row.evidence]
        assert recording.sha256 in [one["sha256"] for one in said]

    run(story)


def test_a_killed_gateway_leaves_a_recording_that_plays_to_its_last_second_and_no_slot(recorded: Site) -> None:
    async def story() -> None:
        async with recorded.viewer() as viewer:
            await viewer.sees()
            before = len(viewer.shown)
            await viewer.asks()
            await viewer.until(lambda: len(viewer.shown) > before)
            await asyncio.sleep(2.5)  # what was shown a second ago is on the disk
            os.kill(recorded.processes[-1].pid, signal.SIGKILL)
            await viewer.until(lambda: viewer.closed)
        left = rows(ended_at=None)[-1]
        recorded.processes[-1].stop()
        await asyncio.to_thread(recorded.start_gateway)
        await asyncio.to_thread(eventually, lambda: rows(id=left.id)[0].sha256 is not None, 30)
        async with film(recorded, f"/recordings/{left.id}/key") as found:
            index = await found.ask(type="index")
            assert (index["whole"], index["changed"]) == (False, None)
            assert len(await updates(found)) >= 2
        held = select(BmcSession.id).join(Server, Server.bmc_id == BmcSession.bmc_id)

        def free() -> bool:
            with database().read() as session:
                return not session.scalars(held.where(Server.id == recorded.servers["app01"])).all()

        await asyncio.to_thread(eventually, free, 30)

    run(story)


def test_a_serial_log_goes_on_through_a_restart_and_is_searched(site: Site) -> None:
    with site.client("customer") as client:
        client.put("/servers/app01/serial-log", json={"when": "always"}).raise_for_status()

    async def lines(words: str) -> list[str]:
        async with film(site, "/servers/app01/serial-log/key") as found:
            return [text for _, text in (await found.ask(type="lines", words=words))["lines"]]

    async def until(words: str, count: int) -> None:
        async with asyncio.timeout(90):
            while len(await lines(words)) < count:
                await asyncio.sleep(1)

    async def story() -> None:
        await asyncio.to_thread(eventually, lambda: rows(purpose="log", ended_at=None))
        await asyncio.sleep(2)
        for count in (1, 2):
            virtual_rack.command(site.rack.home, "app01", "power-off")
            virtual_rack.command(site.rack.home, "app01", "power-on")
            await until("app01 is up", count)
        assert await lines("nothing has these words") == []
        with site.client("viewer") as client:
            assert client.post("/servers/app01/serial-log/key").status_code == 403

    try:
        run(story)
    finally:
        with site.client("customer") as client:
            client.put("/servers/app01/serial-log", json={"when": "off"}).raise_for_status()
    eventually(lambda: not rows(purpose="log", ended_at=None))
