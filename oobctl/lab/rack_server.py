"""One server of the running rack: its chassis, its BMC's protocols, and the faults injected into it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from oobctl.lab import faults
from oobctl.lab.bios import BiosSettings
from oobctl.lab.bmc_logs import BmcLogs
from oobctl.lab.bmc_users import BmcUsers
from oobctl.lab.boot_override import Target
from oobctl.lab.chassis import Chassis
from oobctl.lab.chassis_log import Source, read_chassis_log
from oobctl.lab.credentials import USER, Credentials
from oobctl.lab.errors import LabRefused
from oobctl.lab.ipmi_bmc import IpmiBmc
from oobctl.lab.ipmi_config import USERS_FILE, write_chassis_script
from oobctl.lab.plan import ServerPlan
from oobctl.lab.redfish_bmc import RedfishBmc

# ipmi_sim's words for a boot device, IPMI 2.0 table 28-14 as far as it knows it
_IPMI_TARGETS: dict[str, Target] = {
    "none": "None",
    "pxe": "Pxe",
    "default": "Hdd",
    "cdrom": "Cd",
    "bios": "BiosSetup",
}
_IPMI_WORDS = {target: word for word, target in _IPMI_TARGETS.items()}
_RESET_PAUSE = 3.0  # seconds that a BMC is away while it resets


class RackServer:
    """What the supervisor runs for one server."""

    def __init__(self, plan: ServerPlan, credentials: Credentials, runtime: Path, socket: Path, *, kvm: bool) -> None:
        self.plan = plan
        self.logs = BmcLogs(plan.folder / "logs")
        self.bios = BiosSettings(plan.folder / "bios.json", {"SystemServiceTag": plan.identity.serial})
        self.users = BmcUsers(
            plan.folder / "ipmi-state" / "ipmi_sim" / plan.name / USERS_FILE,
            user=USER,
            password=credentials.bmc_password,
        )
        self.chassis = Chassis(plan, runtime, self.bios, self.logs, kvm=kvm)
        self.active: frozenset[str] = frozenset()
        self.media: dict[str, Any] | None = None
        self.ipmi: IpmiBmc | None = None
        self.redfish: RedfishBmc | None = None
        self._resetting: asyncio.Task[None] | None = None
        if plan.model.ipmi:
            script = plan.folder / "chassis-control"
            write_chassis_script(script, server=plan.name, power=plan.folder / "power", socket=socket)
            self.ipmi = IpmiBmc(plan, self.users, script=script)
        if plan.model.redfish:
            self.redfish = RedfishBmc(plan, users=self.users.path, socket=socket)

    async def start(self, *, powered_on: bool) -> None:
        """Start BMC and, if wanted, machine. The BMC's protocols answer when this returns."""
        self.users.prepare()
        shutil.rmtree(self.plan.folder / "media", ignore_errors=True)  # what was in the slot when an earlier rack ended
        starts: list[Awaitable[None]] = [bmc.start() for bmc in (self.ipmi, self.redfish) if bmc]
        if powered_on:
            starts.append(self.chassis.power_on("lab"))
        await asyncio.gather(*starts)

    async def stop(self) -> None:
        if self._resetting:
            self._resetting.cancel()
        await asyncio.gather(self.chassis.stop(), *(bmc.stop() for bmc in (self.ipmi, self.redfish) if bmc))

    # --- faults -------------------------------------------------------------------------------------------------

    async def inject(self, fault: str) -> list[str]:
        """Make a fault show; returns what will not show it. Raises LabRefused when nothing can."""
        blind = faults.check(self.plan.name, self.plan.model, fault)
        await self._show(self.active | {fault})
        return blind

    async def clear(self) -> list[str]:
        """Undo all faults; returns which there were."""
        cleared = sorted(self.active)
        await self._show(frozenset())
        return cleared

    async def _show(self, active: frozenset[str]) -> None:
        before, self.active = self.active, active
        for fault in sorted(before ^ active):
            self.logs.hardware_fault(fault, begun=fault in active)
        self.chassis.ignores_shutdown = faults.OS_IGNORES_SHUTDOWN in active
        self.chassis.wants_key = faults.FIRMWARE_WANTS_KEY in active
        disguise = partial(self.users.disguise, changed=faults.BMC_PASSWORD_CHANGED in active)
        if self.ipmi:
            await self.ipmi.apply(active, meanwhile=disguise)
        else:
            disguise()
        if self.redfish:
            await self.redfish.apply(active)

    # --- users --------------------------------------------------------------------------------------------------

    async def change_users(self, change: Callable[[], None]) -> None:
        """Change the users while no simulator runs on their table; where one does, its sessions end by it.

        Raises LabRefused where the change is refused: the users are as before then.
        """
        if self.ipmi:
            await self.ipmi.restart(meanwhile=change)
        else:
            change()

    async def reset_users(self) -> None:
        """Back to the factory's administrator with the password of rack.json, as a jumper on the board would do it."""
        await self.change_users(self.users.reset)
        if faults.BMC_PASSWORD_CHANGED in self.active:
            await self.change_users(partial(self.users.disguise, changed=True))

    # --- commands from the BMC's protocols ----------------------------------------------------------------------

    async def chassis_command(self, source: Source, command: str, arguments: dict[str, Any]) -> None:
        """Carry out one command; `arguments` are those of boot-override and identify. Raises LabRefused."""
        commands: dict[str, Callable[[], Awaitable[None]]] = {
            "power-on": lambda: self.chassis.power_on(source),
            "power-off": lambda: self.chassis.power_off(source),
            "power-cycle": lambda: self.chassis.power_cycle(source),
            "reset": lambda: self.chassis.reset(source),
            "shutdown": lambda: self.chassis.shutdown(source),
            "restart": lambda: self.chassis.restart(source),
            "nmi": lambda: self.chassis.nmi(source),
            "boot-override": lambda: self.chassis.set_override(source, **arguments),
            "identify": lambda: self.chassis.identify(source, **arguments),
            "bmc-reset": lambda: self.reset_bmc(source),
            "reset-users": self.reset_users,
            "boot-file": lambda: self._set_boot_file(**arguments),
            "insert-medium": lambda: self.insert_medium(source, **arguments),
            "eject-medium": lambda: self.eject_medium(source),
        }
        if command not in commands:
            raise LabRefused(f"A chassis has no command {command!r}. Commands: {', '.join(commands)}.")
        await commands[command]()

    async def _set_boot_file(self, url: str | None) -> None:
        self.chassis.boot_file = url

    async def insert_medium(self, source: Source, file: str, **media: Any) -> None:
        """Put an image file into the CD drive; `media` is what the BMC says about it. An earlier file goes."""
        await self.chassis.insert_medium(source, Path(file))
        self._forget_medium()
        self.media = {"file": file, **media}

    async def eject_medium(self, source: Source) -> None:
        await self.chassis.eject_medium(source)
        self._forget_medium()

    def _forget_medium(self) -> None:
        if self.media:
            Path(self.media["file"]).unlink(missing_ok=True)
        self.media = None

    async def reset_bmc(self, source: Source) -> None:
        """Restart the BMC in the background: the answer still goes out, then connections and sessions die."""
        self.chassis.note(source, "bmc reset")
        if self._resetting is None or self._resetting.done():
            self._resetting = asyncio.create_task(self._reset_bmc())

    async def _reset_bmc(self) -> None:
        await asyncio.sleep(0.5)
        restarts = [bmc.restart(pause=_RESET_PAUSE) for bmc in (self.ipmi, self.redfish) if bmc]
        await asyncio.gather(*restarts)

    async def ipmi_command(self, words: list[str]) -> str:
        """What ipmi_sim's script asks ("get boot", "set power 1", "set identify 15 0"); the answer is a plain line."""
        match words:
            case ["get", "power"]:
                return f"power:{int(self.chassis.is_on)}"
            case ["get", "boot"]:
                return f"boot:{_IPMI_WORDS[self.chassis.override.target]}"
            case ["set", "power", "1"]:
                await self.chassis.power_on("ipmi")
            case ["set", "power", "0"]:
                await self.chassis.power_off("ipmi")
            case ["set", "reset", _]:
                await self.chassis.reset("ipmi")
            case ["set", "shutdown", _]:
                await self.chassis.shutdown("ipmi")
            case ["set", "boot", word] if word in _IPMI_TARGETS:
                # The simulator passes the device alone; IPMI's default is "for the next boot".
                await self.chassis.set_override("ipmi", target=_IPMI_TARGETS[word], enabled="Once")
            case ["set", "identify", seconds, force]:
                on = force == "1" or seconds != "0"
                await self.chassis.identify("ipmi", "Lit" if on else "Off", 0 if force == "1" else int(seconds))
            case _:
                raise LabRefused(f"unknown chassis request: {' '.join(words)}")
        return "ok"

    # --- looking ------------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        """What the Redfish service needs to know for one request."""
        chassis = self.chassis
        return {
            "power_state": chassis.power_state,
            "override": chassis.override.as_dict(),
            "led": chassis.led,
            "last_reset": chassis.last_reset.isoformat() if chassis.last_reset else None,
            "faults": sorted(self.active),
            "media": self.media,
        }

    def status(self) -> dict[str, Any]:
        """What `oobctl lab status` shows."""
        traffic = self.ipmi.relay.traffic if self.ipmi else None
        return {
            **self.view(),
            "address": self.plan.address,
            "protocols": [name for name, bmc in (("ipmi", self.ipmi), ("redfish", self.redfish)) if bmc],
            "firmware": self.plan.model.firmware,
            "chassis_commands": len(read_chassis_log(self.plan.chassis_log)),
            "ipmi_packets": {"in": traffic.requests, "out": traffic.answers} if traffic else None,
            "pids": {
                "qemu": self.chassis.pid,
                "ipmi": self.ipmi.pid if self.ipmi else None,
                "redfish": self.redfish.pid if self.redfish else None,
            },
        }
