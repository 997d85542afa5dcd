"""Finds out whether /dev/kvm works, by running programs in it; it may exist and be broken, or lack instructions."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from oobctl.lab.qemu import OVMF_CODE, OVMF_VARIABLES, PROGRAM

_EXIT_VALUE = 0x2A
# mov dx, 0xf4; mov al, 0x2a; out dx, al; hlt: the debug device makes QEMU exit with 2 * 0x2a + 1
_BOOT_SECTOR = bytes([0xBA, 0xF4, 0x00, 0xB0, _EXIT_VALUE, 0xEE, 0xF4]).ljust(510, b"\0") + b"\x55\xaa"
_PATIENCE = 5.0
_FIRMWARE_PATIENCE = 30.0
_STOPPED = b"KVM internal error"
_FIRMWARE_WORKS = b"BdsDxe"  # what it says when it looks for something to boot


def kvm_works(cache: Path) -> bool:
    """Whether guests really run under KVM; asked once per boot of this machine and remembered in `cache`."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = cache / "kvm-runs-firmware"
    if note.exists() and note.read_text().split()[:1] == [boot]:
        return note.read_text().split()[1] == "yes"
    accelerator = ["-accel", "kvm", "-cpu", "host"]
    works = runs_a_guest(accelerator) and runs_the_firmware(accelerator)
    cache.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{boot} {'yes' if works else 'no'}\n")
    return works


def runs_a_guest(accelerator: Sequence[str], *, patience: float = _PATIENCE) -> bool:
    """Whether QEMU, with these arguments, executes our boot sector within `patience` seconds."""
    with TemporaryDirectory() as folder:
        disk = Path(folder, "boot-sector")
        disk.write_bytes(_BOOT_SECTOR)
        command = [
            PROGRAM, *accelerator, "-m", "16", "-nodefaults", "-display", "none",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-drive", f"file={disk},format=raw",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=patience, check=False)
        except (subprocess.TimeoutExpired, OSError):
            return False
        return done.returncode == 2 * _EXIT_VALUE + 1


def runs_the_firmware(accelerator: Sequence[str], *, patience: float = _FIRMWARE_PATIENCE) -> bool:
    """Whether the machines' own UEFI firmware gets to the end within `patience` seconds.

    A KVM inside of a virtual machine may know too few instructions for it, and stops the guest at the first of them.
    """
    pieces = ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"]
    pieces += ["-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={OVMF_VARIABLES}"]
    command = [PROGRAM, *accelerator, "-m", "128", "-nodefaults", "-machine", "pc", "-display", "none", *pieces]
    with TemporaryFile() as said:
        guest = subprocess.Popen([*command, "-serial", "stdio"], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            until = time.monotonic() + patience
            while time.monotonic() < until and guest.poll() is None:
                time.sleep(0.1)
                said.seek(0)
                text = said.read()
                if _FIRMWARE_WORKS in text or _STOPPED in text:
                    return _FIRMWARE_WORKS in text
        finally:
            guest.kill()
            guest.wait()
    return False
