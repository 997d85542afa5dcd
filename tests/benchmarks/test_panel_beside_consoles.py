"""The panel's answers while hundreds of people have a real server's screen open, idle, through the real gateway."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator

import aiohttp
import httpx
import pytest
from sqlalchemy import func, select

from oobctl import control
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.lab.rack import RackInfo
from oobctl.store import Console, database
from tests.benchmarks import report
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, endpoints_of, screen_of

CONSOLES = int(os.environ.get("OOBCTL_BENCH_CONSOLES", "500"))
_AT_ONCE, _ASKED = 10, 200
_HELLO = b"RFB 003.008\n\x01\x01"


@pytest.fixture
def site(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    mend(rack)
    url = databases.migrated("sqlite")
    with Installation(guard, tmp_path_factory.mktemp("beside"), url) as made:
        made.initialise().add_people()
        made.add_server("app01", [*endpoints_of(rack.servers["app01"]), screen_of(rack.servers["app01"])])
        made.start_worker()
        made.enroll()
        made.start_panel()
        made.start_gateway()
        yield made


async def _open_all(site: Installation, session: aiohttp.ClientSession) -> list[aiohttp.ClientWebSocketResponse]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one() -> aiohttp.ClientWebSocketResponse:
        async with gate:
            opened = await asyncio.to_thread(
                control.open_console, site.actor("customer"), "app01", ConsoleKind.GRAPHICAL, ConsoleMode.VIEW
            )
            websocket = f"{opened.gateway.replace('http', 'ws', 1)}/console"
            socket = await session.ws_connect(websocket, max_msg_size=0)
            await socket.send_json({"token": opened.token})
            await socket.send_bytes(_HELLO)
            await socket.receive(timeout=30)
            return socket

    return await asyncio.gather(*(one() for _ in range(CONSOLES)))


async def _answers(site: Installation) -> list[float]:
    """Seconds for a server's state over the API, one after another."""
    found = []
    headers = {"Authorization": f"Bearer {site.people['customer'].token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, trust_env=False) as client:
        for _ in range(_ASKED):
            began = time.perf_counter()
            (await client.get("/api/v1/servers/app01")).raise_for_status()
            found.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)
    return found


def test_the_panel_beside_idle_consoles(site: Installation) -> None:
    report.head(f"The panel beside {CONSOLES} idle consoles")

    async def story() -> None:
        report.milliseconds("GET /servers/app01, no console", await _answers(site))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            held = await _open_all(site, session)
            with database().read() as reading:
                there = reading.scalar(select(func.count()).where(Console.gateway.is_not(None)))
            beside = await _answers(site)
            report.milliseconds(f"GET /servers/app01, {there} consoles open", beside)
            assert there == len(held)
            print(f"half of the answers within {statistics.median(beside) * 1000:.0f} ms; the target is 50 ms")

    asyncio.run(story())
