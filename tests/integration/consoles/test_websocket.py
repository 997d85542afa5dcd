"""A screen that the BMC shows over a websocket of its own web server: logged in at, seen, typed at, and left."""

import asyncio
import json
import time
from collections.abc import Iterator

import aiohttp
import pytest
from sqlalchemy import select

from oobctl.constants import Protocol
from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from oobctl.store import BmcSession, Server, database
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import endpoints_of, eventually
from tests.integration.consoles.conftest import Site, Viewer, run
from tests.profiles import QUICK, write_profiles

BMCWEB = {
    "login": "/login", "logout": "/logout", "screen": "/kvm/0", "serial": "/console0", "session_cookie": "SESSION",
    "token_cookie": "XSRF-TOKEN",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """app01 and db01, whose BMCs are known by Redfish alone; the certificate of db01's is trusted by its authority."""
    home = tmp_path_factory.mktemp("websocket")
    mend(rack)
    virtual_rack.command(rack.home, "app01", "reset")  # others may have left it in its setup
    url = databases.migrated("sqlite")
    changes = QUICK | {"transports.console_screen": ["vnc", "redfish"], "consoles.websocket": BMCWEB}
    changes |= {"transports.console_serial": ["ipmi", "redfish"]}
    profiles = write_profiles(home / "hwprofiles", changes)
    with Site(guard, home, url, {"hwprofiles": str(profiles)}) as made:
        made.rack = rack
        made.initialise().add_people()
        for name in ("app01", "db01"):
            made.add_server(name, [one for one in endpoints_of(rack.servers[name]) if one.protocol == "redfish"])
        made.start_worker()
        made.enroll()
        made.start_panel()
        made.start_gateway()
        yield made
    databases.drop(url)


def asked(site: Site, path: str) -> list[int | None]:
    """What the BMC's web server answered at a path, each time."""
    log = site.rack.home / "lab" / "app01" / "redfish-requests.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [one["status"] for one in lines if one["path"] == path]


def screen_sessions() -> list[BmcSession]:
    with database().read() as session:
        return [row for row in session.scalars(select(BmcSession)) if row.purpose == "screen"]


def test_it_is_seen_and_typed_at_and_logged_out_of(site: Site) -> None:
    with database().read() as session:
        spoken = {endpoint.protocol for endpoint in session.get_one(Server, site.servers["app01"]).bmc.endpoints}
    assert spoken == {Protocol.REDFISH}
    before = len(asked(site, "/logout"))

    async def story() -> None:
        async with site.viewer() as viewer:
            await viewer.sees()
            mark = f"x{time.monotonic_ns()}"
            log = site.rack.servers["app01"].serial_log
            for _ in range(25):  # it may still be starting
                await viewer.types("root\n")
                await asyncio.sleep(1.0)
                await viewer.types(f"echo {mark} > /dev/ttyS0\n")
                await asyncio.sleep(2.0)
                if mark in log.read_text(errors="replace"):
                    break
            assert mark in log.read_text(errors="replace")
            seen = bytes(viewer.shown) + repr(viewer.told).encode()
        redfish = site.rack.servers["app01"].redfish
        assert redfish is not None
        for secret in (redfish.address, redfish.password, "SESSION", "QEMU"):
            assert secret.encode() not in seen

    run(story)
    assert asked(site, "/kvm/0")[-1] == 101
    eventually(lambda: len(asked(site, "/logout")) > before)
    assert asked(site, "/logout")[-1] == 200
    eventually(lambda: not screen_sessions())


def test_it_is_seen_where_an_authority_is_trusted(site: Site) -> None:
    async def story() -> None:
        async with site.viewer(server="db01") as viewer:
            await viewer.sees()

    run(story)
    eventually(lambda: not screen_sessions())


def test_one_that_breaks_off_comes_back(site: Site) -> None:
    async def story() -> None:
        async with site.viewer() as viewer:
            await viewer.sees()
            virtual_rack.command(site.rack.home, "app01", "power-off")
            await viewer.until(lambda: any(one["type"] == "away" for one in viewer.told), 30)
            virtual_rack.command(site.rack.home, "app01", "power-on")
            await viewer.until(lambda: viewer.ended() or viewer.told[-1]["type"] == "open", 60)

    run(story)


def test_several_share_one_log_in(site: Site) -> None:
    async def story() -> None:
        async with site.viewer() as first, site.viewer("technician") as second:
            await first.sees()
            await second.sees()
            assert len(screen_sessions()) == 1

    run(story)


def test_the_serial_line_is_had_in_the_same_way_and_has_no_break(site: Site) -> None:
    async def story() -> None:
        opened = await asyncio.to_thread(site.opened, server="app01", kind="serial")
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(opened["websocket"], max_msg_size=0) as socket,
        ):
            await socket.send_json({"token": opened["token"]})
            viewer = Viewer(socket, opened["id"])
            reading = asyncio.create_task(viewer.read())
            await viewer.until(lambda: any(one["type"] == "open" for one in viewer.told))
            for _ in range(60):  # it may still be starting
                await socket.send_bytes(b"\r")
                await asyncio.sleep(1)
                if b"login:" in viewer.shown:
                    break
            assert b"login:" in viewer.shown
            await socket.send_json({"type": "break"})
            await viewer.until(lambda: any(one.get("code") == "not_supported" for one in viewer.told))
            before = len(viewer.shown)
            virtual_rack.command(site.rack.home, "app01", "power-off")
            virtual_rack.command(site.rack.home, "app01", "power-on")
            await viewer.until(lambda: b"app01 is up" in viewer.shown[before:], 90)
            reading.cancel()

    run(story)
    assert asked(site, "/console0")[-1] == 101
    eventually(lambda: not [row for row in _all_sessions() if row.purpose == "sol"], 30)


def _all_sessions() -> list[BmcSession]:
    with database().read() as session:
        return list(session.scalars(select(BmcSession)))


def test_a_gateway_that_is_killed_keeps_no_place_of_either_way(site: Site) -> None:
    """At the BMC both end with their connections; here their slots are free within 30 s."""

    async def story() -> None:
        opened = await asyncio.to_thread(site.opened, server="app01", kind="serial")
        async with (
            site.viewer() as viewer,
            aiohttp.ClientSession() as session,
            session.ws_connect(opened["websocket"], max_msg_size=0) as socket,
        ):
            await viewer.sees()
            await socket.send_json({"token": opened["token"]})
            line = Viewer(socket, opened["id"])
            reading = asyncio.create_task(line.read())
            await line.until(lambda: any(one["type"] == "open" for one in line.told))
            site.processes[-1].kill()
            reading.cancel()

    run(story)
    assert {row.purpose for row in _ours()} == {"screen", "sol"}
    began = time.monotonic()
    site.start_gateway()
    eventually(lambda: _ours() == [], 30 - (time.monotonic() - began))


def _ours() -> list[BmcSession]:
    return [row for row in _all_sessions() if row.purpose in {"screen", "sol"}]


def test_a_password_that_is_refused_is_said_and_not_tried_again(site: Site) -> None:
    virtual_rack.inject(site.rack.home, "app01", "bmc-password-changed")
    try:

        async def story() -> None:
            async with site.viewer() as viewer:
                await viewer.until(lambda: viewer.ended(), 60)
                assert "refused the password" in (viewer.ended() or "")
                tries = len(asked(site, "/login"))
                await asyncio.sleep(5)
                assert len(asked(site, "/login")) == tries

        run(story)
    finally:
        virtual_rack.clear(site.rack.home, "app01")
