"""A server's real screen through a real gateway: seen, typed at, shared, and never telling where the BMC is."""

import asyncio
import struct
import time

import aiohttp
import httpx
import pytest
from sqlalchemy import select

from oobctl.constants import Protocol
from oobctl.lab import rack as virtual_rack
from oobctl.store import AuditRecord, BmcSession, Console, Server, database
from tests.installation import eventually
from tests.integration.consoles.conftest import Site, run


def screen_sessions(server_id: str) -> list[str]:
    """Ours at the server's VNC endpoint."""
    held = select(BmcSession.id).join(Server, Server.bmc_id == BmcSession.bmc_id)
    with database().read() as session:
        return list(session.scalars(held.where(Server.id == server_id, BmcSession.protocol == Protocol.VNC)))


@pytest.mark.parametrize("server", ["web01", "db01", "app01"])
def test_a_screen_is_seen_and_typed_at(site: Site, server: str) -> None:
    """What is typed comes out at the server's own serial line, which nobody of ours has."""

    async def story() -> None:
        async with site.viewer(server=server) as viewer:
            await viewer.sees()
            assert [(one["name"], one["control"]) for one in viewer.people()] == [("customer", True)]
            mark = f"x{time.monotonic_ns()}"
            log = site.rack.servers[server].serial_log
            await viewer.types("root\n")
            await asyncio.sleep(1.0)
            await viewer.types(f"echo {mark} > /dev/ttyS0\n")
            await viewer.until(lambda: mark in log.read_text(errors="replace"))

    run(story)


def test_nothing_that_reaches_the_browser_tells_of_the_bmc(site: Site) -> None:
    async def story() -> None:
        server = site.rack.servers["app01"]
        async with site.viewer() as viewer:
            await viewer.sees()
            virtual_rack.command(site.rack.home, "app01", "power-off")
            await viewer.until(lambda: any(one["type"] == "away" for one in viewer.told))
            virtual_rack.command(site.rack.home, "app01", "power-on")
            await viewer.until(lambda: viewer.told[-1]["type"] == "open", 60)
            seen = bytes(viewer.shown) + repr(viewer.told).encode()
        secrets = [server.vnc.address, server.vnc.password, "QEMU"]
        for endpoint in (server.ipmi, server.redfish):
            assert endpoint is not None
            secrets += [endpoint.password, f":{endpoint.port}"]
        with site.client("customer") as client:
            pages = [client.get(f"{site.url}/servers/app01/console").text]
            pages += [client.get(f"/servers/app01/{what}").text for what in ("consoles", "", "sensors")]
        for secret in secrets:
            assert secret.encode() not in seen
            assert not any(secret in page for page in pages)

    run(story)


def test_several_share_one_connection_and_one_of_them_types(site: Site) -> None:
    async def story() -> None:
        async with site.viewer() as first, site.viewer("technician") as second, site.viewer(mode="view") as third:
            for viewer in (first, second, third):
                await viewer.sees()
            assert len(screen_sessions(site.servers["app01"])) == 1
            assert [one["control"] for one in first.people()] == [True, False, False]
            await third.socket.send_json({"type": "take_over"})
            await third.until(lambda: any(one["type"] == "refused" for one in third.told))
            await second.socket.send_json({"type": "take_over", "message": "let me"})
            await first.until(lambda: {"type": "taken_over", "by": "technician", "message": "let me"} in first.told)
            assert [one["control"] for one in first.people()] == [False, True, False]

    run(story)


def test_who_looks_on_types_nothing(site: Site) -> None:
    async def story() -> None:
        log = site.rack.servers["db01"].serial_log
        mark = f"x{time.monotonic_ns()}"
        async with site.viewer(server="db01", mode="view") as looking, site.viewer(server="db01") as typing:
            await looking.sees()
            await typing.sees()
            await looking.types(f"echo {mark} > /dev/ttyS0\n")
            await typing.types(f"\nroot\n\necho after-{mark} > /dev/ttyS0\n")
            await typing.until(lambda: f"after-{mark}" in log.read_text(errors="replace"))
            assert log.read_text(errors="replace").count(mark) == 1

    run(story)


def test_another_page_gets_no_console_and_a_guesser_is_not_listened_to_for_long(site: Site) -> None:
    async def guess(session: aiohttp.ClientSession) -> int | str:
        try:
            async with session.ws_connect(site.gateway_url) as socket:
                await socket.send_json({"token": "console_guess"})
                answer = await socket.receive_json(timeout=10)
                return str(answer["code"])
        except aiohttp.WSServerHandshakeError as error:
            return error.status

    async def story() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(site.gateway_url, headers={"Origin": "http://evil.example"})
            assert refused.value.status == 403
            answers = [await guess(session) for _ in range(60)]
        assert answers[0] == "not_allowed"
        assert answers[-1] == 429
        assert answers.count("not_allowed") == 20

    run(story)
    with database().read() as session:
        rows = session.scalars(select(AuditRecord).where(AuditRecord.kind == "refusal")).all()
    assert len([row for row in rows if row.tag == "server:console:open"]) == 20
    site.processes[-1].stop()  # it listens to this address again
    site.start_gateway()


def test_a_console_ends_within_seconds_of_its_person_s_access(site: Site) -> None:
    async def story() -> None:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False) as panel:
            page = (await panel.get("/sign-in")).text
            token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
            person = site.people["operator"]
            form = {"name": person.name, "password": person.password, "csrf_token": token}
            assert (await panel.post("/sign-in", data=form)).status_code == 303
            page = (await panel.get("/servers/app01/console")).text
            token = page.split('data-csrf="', 1)[1].split('"', 1)[0]
            answer = await panel.post(
                "/api/v1/servers/app01/consoles", json={"kind": "graphical"}, headers={"X-CSRFToken": token}
            )
            opened = answer.json()
            cookie = {"Cookie": f"oobctl_session={panel.cookies['oobctl_session']}", "Origin": site.url}
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(opened["websocket"], headers=cookie) as ws,
            ):
                await ws.send_json({"token": opened["token"]})
                assert (await ws.receive_json(timeout=10))["type"] == "people"
                await panel.post("/sign-out", data={"csrf_token": token})
                began = time.monotonic()
                async with asyncio.timeout(5):
                    while True:
                        message = await ws.receive()
                        if message.type is aiohttp.WSMsgType.TEXT and message.json()["type"] == "end":
                            break
                assert "signed out" in message.json()["because"]
                assert time.monotonic() - began < 5

    run(story)


def test_a_gateway_that_is_killed_leaves_no_slot_and_no_open_console(site: Site) -> None:
    async def story() -> None:
        async with site.viewer() as viewer:
            await viewer.sees()
            site.processes[-1].kill()
            await viewer.until(lambda: viewer.closed)

    run(story)
    site.start_gateway()

    def is_clean() -> bool:
        with database().read() as session:
            held = session.scalars(select(Console.id).where(Console.gateway.is_not(None))).all()
        return not held and not screen_sessions(site.servers["app01"])

    eventually(is_clean, 30)


def test_a_server_that_is_another_one_shows_nothing_and_is_quarantined(site: Site) -> None:
    virtual_rack.inject(site.rack.home, "web01", "bmc-other-identity")
    try:

        async def story() -> None:
            async with site.viewer(server="web01") as viewer:
                await viewer.until(lambda: viewer.ended() or any(one["type"] == "away" for one in viewer.told), 30)
                said = repr(viewer.told)
                assert "Another server answers" in said or "quarantined" in said
                assert bytes(viewer.shown) == b"RFB 003.008\n\x01\x01\0\0\0\0"  # what the gateway itself says

        run(story)
    finally:
        virtual_rack.clear(site.rack.home, "web01")


def test_ctrl_alt_del_restarts_the_server(site: Site) -> None:
    async def story() -> None:
        log = site.rack.servers["db01"].serial_log
        async with site.viewer(server="db01") as viewer:
            await viewer.sees()
            before = log.read_text(errors="replace").count("Linux version")
            keys = (0xFFE3, 0xFFE9, 0xFFFF)
            pressed = [(1, key) for key in keys] + [(0, key) for key in reversed(keys)]
            await viewer.socket.send_bytes(b"".join(struct.pack(">BBxxI", 4, down, key) for down, key in pressed))
            await viewer.until(lambda: log.read_text(errors="replace").count("Linux version") > before, 60)

    run(story)
