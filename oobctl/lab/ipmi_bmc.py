"""A server's IPMI side: its ipmi_sim process, the configuration that it runs with, and the relay in front."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from oobctl.lab import faults, ipmi_config, processes
from oobctl.lab.bmc_users import BmcUsers
from oobctl.lab.errors import LabError
from oobctl.lab.ipmi_config import SimulatorFiles
from oobctl.lab.ipmi_relay import IpmiRelay
from oobctl.lab.plan import ServerPlan
from oobctl.lab.serial_line import SerialWire

_START_PATIENCE = 10.0
_USERS_KEPT_WITHIN = 1.1  # seconds after which ipmi_sim has written down what changed about its users


class IpmiBmc:
    """Starts, restarts and stops the BMC simulator of one server."""

    def __init__(self, plan: ServerPlan, users: BmcUsers, *, script: Path) -> None:
        ports = plan.ports
        self._plan = plan
        self._users = users
        self._restarting = asyncio.Lock()
        self._files = SimulatorFiles(
            name=plan.name,
            folder=plan.folder,
            address=plan.address_behind_relay,
            port=ports.ipmi,
            system_uuid=plan.identity.system_uuid,
            serial=plan.identity.serial,
            script=script,
            system_interface=ports.system_interface,
            sol=f"{plan.address_behind_relay}:{ports.serial}",
            public_address=plan.address,
            bmc_mac=plan.identity.bmc_mac,
        )
        self._simulator: asyncio.subprocess.Process | None = None
        wire = (plan.address_behind_relay, ports.serial)
        self._wire = SerialWire(wire, (plan.address, ports.serial))
        self.relay = IpmiRelay((plan.address, ports.ipmi), (plan.address_behind_relay, ports.ipmi))

    @property
    def pid(self) -> int | None:
        return self._simulator.pid if self._simulator and self._simulator.returncode is None else None

    async def start(self) -> None:
        """Start simulator and relay. Raises OSError when the address is taken."""
        await self._wire.start()
        await self._start_simulator(frozenset())
        await self.relay.start()

    async def stop(self) -> None:
        self.relay.stop()
        await processes.stop(self._simulator)
        await self._wire.stop()

    async def apply(self, active: frozenset[str], *, meanwhile: Callable[[], None]) -> None:
        """Make the simulator and the relay show exactly these faults; `meanwhile` is for a restart that this takes."""
        before, self.relay.active = self.relay.active, active
        for fault in (before ^ active) & faults.HARDWARE:
            for line in faults.simulator_commands(fault, present=fault in active, event=True):
                await self._command(line)
        if (before ^ active) & faults.RESTARTS_SIMULATOR:
            await self.restart(meanwhile=meanwhile)

    async def restart(self, *, pause: float = 0.0, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Restart the simulator as it has to be now: sessions die, event log and users stay.

        `meanwhile` runs while there is none. What changed over IPMI about the users until now is kept.
        """
        async with self._restarting:
            if self.pid is not None:
                await asyncio.sleep(_USERS_KEPT_WITHIN)
            await processes.stop(self._simulator)
            await asyncio.sleep(pause)
            try:
                meanwhile()
            finally:
                await self._start_simulator(self.relay.active)

    async def _start_simulator(self, active: frozenset[str]) -> None:
        files = self._files
        if faults.BMC_OTHER_IDENTITY in active:
            other = faults.other_identity(self._plan.identity)
            files = replace(files, system_uuid=other.system_uuid, serial=other.serial, bmc_mac=other.bmc_mac)
        ipmi_config.write_files(files)
        log = self._plan.folder / "ipmi_sim.log"
        offset = log.stat().st_size if log.exists() else 0
        self._simulator = await processes.start(files.arguments(), log=log, stdin=asyncio.subprocess.PIPE)
        await self._wait_until_open(log, offset)
        await self._set_clock(files)
        for fault in active & faults.HARDWARE:  # the log has them already
            for line in faults.simulator_commands(fault, present=True, event=False):
                await self._command(line)

    async def _wait_until_open(self, log: Path, offset: int) -> None:
        assert self._simulator is not None
        deadline = time.monotonic() + _START_PATIENCE
        while time.monotonic() < deadline:
            if b"mc_enable" in log.read_bytes()[offset:]:
                return
            if self._simulator.returncode is not None:
                break
            await asyncio.sleep(0.02)
        last = log.read_bytes()[offset:].decode(errors="replace").strip().splitlines()[-1:]
        raise LabError(f"ipmi_sim of {self._plan.name} did not start: {' '.join(last)} See {log}.")

    async def _set_clock(self, files: SimulatorFiles) -> None:
        """Set the event log's clock, as a new BMC's owner does; until then its entries have no dates."""
        owner = self._users.administrator()
        if owner is None:
            return
        where = ["-H", files.address, "-p", str(files.port), "-U", owner.name]
        setting = await processes.start(
            ["ipmitool", "-I", "lanplus", "-C", "3", *where, "-E", "sel", "time", "set", "now"],
            log=files.folder / "ipmitool.log",
            env={**os.environ, "IPMI_PASSWORD": owner.password},
        )
        await setting.wait()

    async def _command(self, line: str) -> None:
        """Type a command at the simulator's console."""
        if self._simulator is None or self._simulator.stdin is None:
            return
        with contextlib.suppress(ConnectionError):
            self._simulator.stdin.write(line.encode() + b"\n")
            await self._simulator.stdin.drain()
