"""The one process that owns a running rack; everything it starts dies with it."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from oobctl.lab import bmc_requests, processes, rack_socket
from oobctl.lab.chassis import prepare_folder
from oobctl.lab.chassis_log import Source
from oobctl.lab.credentials import USER, load_credentials, write_secret
from oobctl.lab.errors import LabError, LabRefused
from oobctl.lab.light import LightBmcs
from oobctl.lab.plan import RackPlan, ServerPlan, place_of
from oobctl.lab.rack_server import RackServer

Progress = Callable[[str], None]

_STARTS_AT_ONCE = 4  # each starts some programs: a computer that starts fifty of them at once loses their patience


class Supervisor:
    """Runs a rack until it is told to stop."""

    def __init__(self, plan: RackPlan, image: Path, image_key: str, *, kvm: bool) -> None:
        self._plan = plan
        self._image = image
        self._image_key = image_key
        self._kvm = kvm
        self._servers: dict[str, RackServer] = {}
        self._light: LightBmcs | None = None
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()

    async def run(self, progress: Progress, ready: Callable[[dict[str, Any]], None]) -> None:
        """Start the rack, tell `ready` what is in it, serve until down or a signal, end all."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stopping.set)
        control = None
        try:
            runtime = rack_socket.runtime_folder(self._plan.folder)
            control = await rack_socket.serve(runtime / "rack.sock", self._handle)
            await self._start(runtime, progress)
            ready(self._write_description(runtime))
            await self._stopping.wait()
        finally:
            await self._stop()
            self._stopped.set()
            if control:
                control.close()
            await asyncio.sleep(0.05)  # lets the answer to "down" out

    async def _start(self, runtime: Path, progress: Progress) -> None:
        plan = self._plan
        credentials = load_credentials(plan.folder, [*plan.servers, "light"])
        for name in plan.servers:
            place, who = place_of(name), credentials[name]
            folder, address = plan.folder / name, plan.address(place.position)
            server = ServerPlan(name, place.model, address, plan.ports, folder, who.identity)
            prepare_folder(server, self._image, self._image_key, who.vnc_password)
            self._servers[name] = RackServer(server, who, runtime, runtime / "rack.sock", kvm=self._kvm)
        progress(f"starting {', '.join(plan.servers)}")
        gate = asyncio.Semaphore(_STARTS_AT_ONCE)

        async def start(server: RackServer) -> None:
            async with gate:
                await server.start(powered_on=plan.powered_on)

        await asyncio.gather(*(start(server) for server in self._servers.values()))
        if plan.light:
            self._light = LightBmcs(plan, credentials["light"])
            await self._light.start(progress)

    async def _stop(self) -> None:
        parts = [server.stop() for server in self._servers.values()]
        if self._light:
            parts.append(self._light.stop())
        await asyncio.gather(*parts, return_exceptions=True)

    def _write_description(self, runtime: Path) -> dict[str, Any]:
        plan = self._plan
        credentials = load_credentials(plan.folder, [*plan.servers, "light"])
        description = {
            "net": plan.net,
            "ports": {"ipmi": plan.ports.ipmi, "redfish": plan.ports.redfish,
                      "vnc": plan.ports.vnc, "serial": plan.ports.serial},
            "runtime_folder": str(runtime),
            "accelerated": self._kvm,
            "supervisor": {"pid": os.getpid(), "start_time": processes.start_time(os.getpid())},
            "servers": {
                name: _describe(server, credentials[name].bmc_password, credentials[name].vnc_password)
                for name, server in self._servers.items()
            },
            "light": self._light.describe() if self._light else None,
        }  # fmt: skip
        write_secret(plan.folder / "rack.json", json.dumps(description, indent=2))
        return description

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any] | str:
        match request.get("op"):
            case "down":
                self._stopping.set()
                await self._stopped.wait()
                return {"down": True}
            case "status":
                return self._status()
            case "ipmi":
                return await self._ipmi(request)
            case "view":
                return self._server(request).view()
            case "command":
                source: Source = request.get("source", "lab")
                server = self._server(request)
                await server.chassis_command(source, request["command"], request.get("arguments") or {})
                return server.view()
            case "bmc":
                return await bmc_requests.answer(self._server(request), request["what"], request["arguments"])
            case "inject":
                blind = await self._server(request).inject(request["fault"])
                return {"faults": sorted(self._server(request).active), "not_shown": blind}
            case "clear":
                return {"cleared": await self._server(request).clear()}
            case "packets":
                return self._packets(request)
            case other:
                raise LabRefused(f"The rack has no operation {other!r}.")

    def _server(self, request: dict[str, Any]) -> RackServer:
        name = request.get("server")
        if name not in self._servers:
            raise LabRefused(f"There is no server {name!r} in this rack. Servers: {', '.join(self._servers)}.")
        return self._servers[name]

    async def _ipmi(self, request: dict[str, Any]) -> str:
        """The answer to ipmi_sim's script: a plain line, because a shell reads it."""
        try:
            return await self._server(request).ipmi_command(request["arguments"].split())
        except LabError as error:
            return f"refused: {error.message}"

    def _status(self) -> dict[str, Any]:
        return {
            "net": self._plan.net,
            "pid": os.getpid(),
            "servers": {name: server.status() for name, server in self._servers.items()},
            "light": self._light.status() if self._light else None,
        }

    def _packets(self, request: dict[str, Any]) -> dict[str, Any]:
        """The packets that the relay saw since a unix time."""
        server = self._server(request)
        if server.ipmi is None:
            raise LabRefused(f"{server.plan.name} does not speak IPMI, so no relay counts its packets.")
        since = request.get("since") or 0.0
        return {"packets": [list(packet) for packet in server.ipmi.relay.traffic.packets if packet[0] >= since]}


def _describe(server: RackServer, password: str, vnc_password: str) -> dict[str, Any]:
    """A server in rack.json, in the shape that demo.json takes over."""
    plan, ports = server.plan, server.plan.ports
    description: dict[str, Any] = {
        "vnc": {"address": plan.address, "port": ports.vnc, "user": "", "password": vnc_password},
        "serial": {"address": plan.address, "port": ports.serial},
        "identity": plan.identity.as_dict(),
        "firmware": plan.model.firmware,
        "chassis_log": str(plan.chassis_log),
        "serial_log": str(plan.serial_log),
    }
    sign_in = {"user": USER, "password": password}
    if server.ipmi:
        description["ipmi"] = {"address": plan.address, "port": ports.ipmi, **sign_in}
    if server.redfish:
        description["redfish"] = {"address": plan.address, "port": ports.redfish, **sign_in}
        description["tls"] = server.redfish.tls()
    return description


@contextlib.contextmanager
def rack_lock(folder: Path) -> Iterator[None]:
    """Hold the rack's lock; the kernel frees it when this process dies, however it dies."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"Another rack runs in {folder}. End it with: oobctl lab down") from None
        yield


def is_locked(folder: Path) -> bool:
    """Whether a supervisor holds the rack's lock."""
    path = folder / "lock"
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
