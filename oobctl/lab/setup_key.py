"""Presses the key that enters the firmware's setup, as a person at the screen would."""

import asyncio
import contextlib
from pathlib import Path

from oobctl.lab.errors import LabError
from oobctl.lab.plan import Firmware
from oobctl.lab.qmp import Qmp

_KEY: dict[Firmware, str] = {"bios": "esc", "uefi": "f2"}
_ENTERED: dict[Firmware, bytes] = {"bios": b"Select boot device", "uefi": b"Select Entry"}
_ASKS = {"bios": b"Press ESC for boot menu"}
_MISSED = b"Linux version"  # the operating system starts: it is too late
_PATIENCE = 120.0  # on a loaded computer the firmware takes a minute
_PAUSE = 0.15


async def press_setup_key(qmp: Qmp, serial_log: Path, firmware: Firmware) -> None:
    """Press the setup key until the setup is on the screen (the serial line shows it), for at most two minutes.

    SeaBIOS leaves its menu at a second ESC, so there the key is pressed once, when it is asked for.
    """
    start = serial_log.stat().st_size if serial_log.exists() else 0
    asks = _ASKS.get(firmware)
    with contextlib.suppress(LabError):  # QEMU ended: nobody waits for its setup any more
        for _ in range(int(_PATIENCE / _PAUSE)):
            shown = _since(serial_log, start)
            if _ENTERED[firmware] in shown or _MISSED in shown:
                return
            if asks is None or asks in shown:
                await qmp.ask("send-key", keys=[{"type": "qcode", "data": _KEY[firmware]}])
                if asks:
                    return
            await asyncio.sleep(_PAUSE)


def _since(path: Path, start: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(start)
        return file.read()
