"""One server's chassis: its power, its boot override and its identify light; it owns the QEMU process."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oobctl.lab import processes, qemu
from oobctl.lab.bios import BiosSettings
from oobctl.lab.bmc_logs import BmcLogs
from oobctl.lab.boot_override import MODE_OF, MODES, Override, device_order
from oobctl.lab.chassis_log import ChassisLog, Source
from oobctl.lab.errors import LabError, LabRefused
from oobctl.lab.plan import DISK_BYTES, Firmware, ServerPlan
from oobctl.lab.qmp import Qmp
from oobctl.lab.setup_key import press_setup_key

LED_STATES = ("Off", "Lit", "Blinking")
_CYCLE_PAUSE = 1.0  # seconds without power in a power cycle done by the BMC itself


class Chassis:
    """Power and boot of one server. All commands run one after the other, as in a real chassis."""

    def __init__(self, plan: ServerPlan, runtime: Path, bios: BiosSettings, logs: BmcLogs, *, kvm: bool) -> None:
        self._plan = plan
        self._runtime = runtime
        self._bios = bios
        self._bmc_logs = logs
        self._kvm = kvm
        self._log = ChassisLog(plan.chassis_log)
        self._lock = asyncio.Lock()
        self._qemu: asyncio.subprocess.Process | None = None
        self._qmp = Qmp(self._on_event)
        self._running_firmware: Firmware = self._usual_firmware
        self._tasks: set[asyncio.Task[None]] = set()
        self._led_timer: asyncio.TimerHandle | None = None
        self._medium: Path | None = None
        self.override = Override(mode=MODE_OF[self._usual_firmware])
        self.led = "Off"
        self.last_reset: datetime | None = None
        self.ignores_shutdown = self.wants_key = False
        self.boot_file: str | None = None
        self._write_power()

    @property
    def is_on(self) -> bool:
        return self._qemu is not None and self._qemu.returncode is None

    @property
    def power_state(self) -> str:
        return "On" if self.is_on else "Off"

    @property
    def pid(self) -> int | None:
        return self._qemu.pid if self._qemu is not None and self.is_on else None

    def note(self, source: Source, command: str) -> None:
        """Count a command that is not the chassis's own, such as a reset of the BMC."""
        self._record(source, command)

    def _record(self, source: Source, command: str, **parameters: Any) -> None:
        """Count a command, and let the BMC's own log tell of it, but for what the BMC can't know."""
        self._log.write(source, command, **parameters)
        parameters.pop("swallowed", None)
        self._bmc_logs.asked(source, command, **parameters)

    # --- commands -----------------------------------------------------------------------------------------------

    async def power_on(self, source: Source) -> None:
        """Start the machine; on a running one the command is counted and changes nothing."""
        self._record(source, "power on")
        async with self._lock:
            await self._start()

    async def power_off(self, source: Source) -> None:
        """Cut the power."""
        self._record(source, "power off")
        async with self._lock:
            await self._stop()

    async def power_cycle(self, source: Source) -> None:
        """Cut the power, wait a second, start again. Raises LabRefused without power."""
        self._record(source, "power cycle")
        async with self._lock:
            self._need_power("power cycle")
            await self._stop()
            await asyncio.sleep(_CYCLE_PAUSE)
            await self._start()

    async def reset(self, source: Source) -> None:
        """Pull the reset line. Raises LabRefused without power."""
        self._record(source, "reset")
        async with self._lock:
            self._need_power("reset")
            if self._next_firmware() == self._running_firmware:
                await self._qmp.ask("system_reset")
                return
            await self._stop()  # QEMU cannot change its firmware while it runs
            await self._start()

    async def shutdown(self, source: Source) -> None:
        """Push the ACPI power button; what then happens is the guest's affair. Raises LabRefused without power."""
        self._record(source, "shutdown", swallowed=self.ignores_shutdown)
        self._need_power("shutdown")
        if not self.ignores_shutdown:
            await self._qmp.ask("system_powerdown")

    async def restart(self, source: Source) -> None:
        """Shut the guest down through ACPI, and start it again when it is off. Raises LabRefused without power."""
        self._record(source, "graceful restart", swallowed=self.ignores_shutdown)
        self._need_power("graceful restart")
        if not self.ignores_shutdown:
            await self._qmp.ask("system_powerdown")
            self._in_background(self._start_when_off(self._qemu))

    async def nmi(self, source: Source) -> None:
        """Send a non-maskable interrupt to the processor. Raises LabRefused without power."""
        self._record(source, "nmi")
        self._need_power("nmi")
        await self._qmp.ask("inject-nmi")

    async def identify(self, source: Source, led: str, seconds: int = 0) -> None:
        """Set the identify LED to Lit, Blinking or Off; with `seconds` it goes out by itself."""
        if led not in LED_STATES:
            raise LabRefused(f"The identify LED cannot be {led!r}; it can be {', '.join(LED_STATES)}.")
        self._record(source, "identify", led=led, seconds=seconds)
        self.led = led
        if self._led_timer:
            self._led_timer.cancel()
        if seconds:
            self._led_timer = asyncio.get_running_loop().call_later(seconds, self._put_out)

    async def set_override(self, source: Source, **changes: str) -> None:
        """Change the boot override (target, enabled, mode). Raises LabRefused for words that mean nothing."""
        self.override = self.override.changed(changes)
        self._record(source, "boot override", **self.override.as_dict())
        if self.is_on:
            await self._apply_order()

    async def insert_medium(self, source: Source, image: Path) -> None:
        """Put an image into the CD drive, in place of what is in it. Raises LabError when QEMU cannot."""
        self._record(source, "medium inserted")
        async with self._lock:
            if self.is_on:
                change = {"filename": str(image), "format": "raw", "read-only-mode": "read-only"}
                await self._qmp.ask("blockdev-change-medium", id=qemu.CD, **change)
            self._medium = image

    async def eject_medium(self, source: Source) -> None:
        """Take out what is in the CD drive, locked by the guest or not; an empty one stays as it is."""
        self._record(source, "medium ejected")
        async with self._lock:
            self._medium = None
            if self.is_on:
                await self._qmp.ask("eject", id=qemu.CD, force=True)

    async def stop(self) -> None:
        """End the machine without a word in the log: the rack goes down."""
        for task in self._tasks:
            task.cancel()
        async with self._lock:
            await self._stop()

    def _need_power(self, command: str) -> None:
        if not self.is_on:
            raise LabRefused(f"{self._plan.name} is off, so there is no {command}.")

    # --- the machine --------------------------------------------------------------------------------------------

    @property
    def _usual_firmware(self) -> Firmware:
        """Redfish servers have a BIOS setting for it."""
        return self._bios.next_firmware if self._plan.model.redfish else self._plan.model.firmware

    def _next_firmware(self) -> Firmware:
        return MODES[self.override.mode] if self.override.holds else self._usual_firmware

    async def _start(self) -> None:
        if self.is_on:
            return
        self._running_firmware = self._next_firmware()
        command = qemu.arguments(
            self._plan,
            self._runtime,
            kvm=self._kvm,
            firmware=self._running_firmware,
            order=device_order(self.override),
            medium=self._medium,
            boot_file=self.boot_file,
        )
        log = self._plan.folder / "qemu.log"
        qemu.control_socket(self._runtime, self._plan).unlink(missing_ok=True)
        process = await processes.start(command, log=log)
        self._qemu = process
        self._qmp = Qmp(self._on_event)
        try:
            await self._qmp.connect(qemu.control_socket(self._runtime, self._plan), lambda: self.is_on)
        except LabError as error:
            await processes.stop(process)
            raise LabError(f"{self._plan.name} could not be started: {error.message} See {log}.") from error
        self._write_power()
        self._in_background(self._watch(process, self._qmp))
        self._booted()

    async def _stop(self) -> None:
        was_on = self.is_on
        process, self._qemu = self._qemu, None
        self._qmp.close()
        await processes.stop(process)
        self._write_power()
        if was_on:
            self._bmc_logs.server_event("SystemPoweredOff", "The system is without power.")

    async def _watch(self, process: asyncio.subprocess.Process, qmp: Qmp) -> None:
        """Notice that the guest switched itself off (or that QEMU died)."""
        await process.wait()
        if self._qemu is process:
            qmp.close()
            self._qemu = None
            self._write_power()
            self._log.write("guest", "powered off", exit_code=process.returncode)
            self._bmc_logs.server_event("SystemPoweredOff", "The system switched itself off.")

    async def _start_when_off(self, process: asyncio.subprocess.Process | None) -> None:
        if process is None:
            return
        await process.wait()
        async with self._lock:
            await self._start()

    def _put_out(self) -> None:
        self.led = "Off"

    def _on_event(self, event: str) -> None:
        if event != "RESET":
            return
        if self._next_firmware() == self._running_firmware:
            self._booted()
        else:  # the guest reset itself, and QEMU cannot change its firmware while it runs
            self._in_background(self._change_firmware())

    async def _change_firmware(self) -> None:
        async with self._lock:
            if self.is_on and self._next_firmware() != self._running_firmware:
                await self._stop()
                await self._start()

    def _booted(self) -> None:
        """The firmware starts: it takes its settings, a one-shot override is used up, and setup's key is due."""
        self.last_reset = datetime.now(UTC)
        self._bmc_logs.server_event("SystemBootInitiated", "The system starts.")
        if applied := self._bios.boot():
            self._bmc_logs.note("BiosSettingsApplied", f"BIOS settings were applied: {', '.join(applied)}.")
        used = self.override
        usual = MODE_OF[self._usual_firmware]
        self.override = used.after_boot(usual) if used.holds else replace(used, mode=usual)
        if used.holds and used != self.override:
            self._log.write("lab", "boot override used", **used.as_dict())
            # QEMU re-reads the order at each reset; without this a network boot would loop.
            self._in_background(self._apply_order())
        if used.holds and used.target == "BiosSetup" and not self.wants_key:
            self._in_background(press_setup_key(self._qmp, self._plan.serial_log, self._running_firmware))

    async def _apply_order(self) -> None:
        order = device_order(self.override)
        with contextlib.suppress(LabError):  # QEMU ended meanwhile: the next start takes the order anyway
            for device in order:
                await self._qmp.ask("qom-set", path=f"/machine/peripheral/{device}", property="bootindex", value=-1)
            for position, device in enumerate(order, 1):
                path = f"/machine/peripheral/{device}"
                await self._qmp.ask("qom-set", path=path, property="bootindex", value=position)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write_power(self) -> None:
        """Leave the power state where ipmi_sim's script reads it: it asks for each power question and must be quick."""
        path = self._plan.folder / "power"
        fresh = path.with_suffix(".new")
        fresh.write_text("1\n" if self.is_on else "0\n")
        os.replace(fresh, path)


def prepare_folder(plan: ServerPlan, image: Path, image_key: str, vnc_password: str) -> None:
    """Make what QEMU needs in a server's folder: disk, firmware variables, VNC's password file (0600)."""
    plan.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (plan.folder / "sercon-port").write_bytes(qemu.SERIAL_PORT_BASE.to_bytes(8, "little"))
    variables = plan.folder / "firmware-variables.fd"
    if not variables.exists():
        shutil.copyfile(qemu.OVMF_VARIABLES, variables)
    disk, key = plan.folder / "disk.raw", plan.folder / "disk.key"
    if not (disk.exists() and key.exists() and key.read_text() == image_key):
        key.unlink(missing_ok=True)
        _copy_sparse(image, disk)
        key.write_text(image_key)
    for other in plan.disks.values():
        if not other.exists():
            with other.open("wb") as empty:
                empty.truncate(DISK_BYTES)
    password = plan.folder / "vnc-password"
    password.touch(mode=0o600)
    password.write_text(vnc_password)


def _copy_sparse(source: Path, target: Path) -> None:
    block = 1 << 20
    fresh = target.with_suffix(".new")
    with source.open("rb") as read, fresh.open("wb") as write:
        while data := read.read(block):
            if data.count(0) == len(data):
                write.seek(len(data), os.SEEK_CUR)
            else:
                write.write(data)
        write.truncate(DISK_BYTES)
    os.replace(fresh, target)
