"""BMCs without a machine behind them, by the thousand: one ipmi_sim each, on an address of its own."""

import asyncio
import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oobctl.lab import ipmi_config, processes
from oobctl.lab.credentials import USER, Credentials
from oobctl.lab.errors import LabError
from oobctl.lab.ipmi_config import SimulatorFiles
from oobctl.lab.plan import RackPlan

_PATIENCE = 30.0
# RMCP header, session-less IPMI 1.5 message: Get Channel Authentication Capabilities, current channel, administrator
PRESENCE_REQUEST = bytes.fromhex("0600ff07" + "00" * 9 + "09" + "2018c88100388e04b5")


class LightBmcs:
    """Starts and ends the light BMCs; they share a user and a password."""

    def __init__(self, plan: RackPlan, credentials: Credentials) -> None:
        self._plan = plan
        self._credentials = credentials
        self._simulators: list[subprocess.Popen[bytes]] = []
        self.addresses = [plan.light_address(index) for index in range(plan.light)]

    async def start(self, progress: Callable[[str], None]) -> None:
        """Start all and wait until each answers. Raises LabError when one does not."""
        folder = self._plan.folder / "light"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        for index, address in enumerate(self.addresses):
            files = self._files(folder / f"{index:04d}", index, address)
            files.folder.mkdir(mode=0o700)
            ipmi_config.write_files(files)
            self._simulators.append(processes.start_light(files.arguments(), log=files.folder / "ipmi_sim.log"))
            if (index + 1) % 250 == 0:
                progress(f"{index + 1} of {len(self.addresses)} light BMCs started")
            await asyncio.sleep(0)  # the rack answers meanwhile
        silent = await unanswered(self.addresses, self._plan.ports.ipmi)
        if silent:
            raise LabError(
                f"{len(silent)} light BMCs do not answer, the first is {silent[0]}. See the logs in {folder}."
            )

    async def stop(self) -> None:
        for simulator in self._simulators:
            simulator.kill()  # does nothing to one that has ended
        for simulator in self._simulators:
            simulator.wait()

    def describe(self) -> dict[str, Any]:
        """Their part of rack.json."""
        return {
            "addresses": self.addresses,
            "port": self._plan.ports.ipmi,
            "user": USER,
            "password": self._credentials.bmc_password,
        }

    def status(self) -> dict[str, Any]:
        running = sum(simulator.poll() is None for simulator in self._simulators)
        return {
            "count": len(self.addresses),
            "running": running,
            "first": self.addresses[0],
            "last": self.addresses[-1],
        }

    def _files(self, folder: Path, index: int, address: str) -> SimulatorFiles:
        return SimulatorFiles(
            name=f"light{index:04d}",
            folder=folder,
            address=address,
            port=self._plan.ports.ipmi,
            user=USER,
            password=self._credentials.bmc_password,
            system_uuid=str(uuid.uuid5(uuid.UUID(self._credentials.system_uuid), str(index))),
            serial=f"SNL{index:05d}",
            system_interface=self._plan.ports.system_interface,
        )


class _Presence(asyncio.DatagramProtocol):
    def __init__(self, waiting: set[str], done: asyncio.Event) -> None:
        self._waiting = waiting
        self._done = done

    def datagram_received(self, _data: bytes, address: tuple[str, int]) -> None:
        self._waiting.discard(address[0])
        if not self._waiting:
            self._done.set()


async def unanswered(addresses: list[str], port: int, *, patience: float = _PATIENCE) -> list[str]:
    """Ask every BMC for its authentication capabilities until it answers; returns those silent for `patience` s."""
    waiting, done = set(addresses), asyncio.Event()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Presence(waiting, done), local_addr=("127.0.0.1", 0))
    deadline = loop.time() + patience
    try:
        while waiting and loop.time() < deadline:
            for address in list(waiting):
                transport.sendto(PRESENCE_REQUEST, (address, port))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 0.3)
    finally:
        transport.close()
    return sorted(waiting)
