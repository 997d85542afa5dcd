"""Finds out whether /dev/kvm works, by running a program in it; it may exist and be broken."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from oobctl.lab.qemu import PROGRAM

_EXIT_VALUE = 0x2A
# mov dx, 0xf4; mov al, 0x2a; out dx, al; hlt: the debug device makes QEMU exit with 2 * 0x2a + 1
_BOOT_SECTOR = bytes([0xBA, 0xF4, 0x00, 0xB0, _EXIT_VALUE, 0xEE, 0xF4]).ljust(510, b"\0") + b"\x55\xaa"
_PATIENCE = 5.0


def kvm_works(cache: Path) -> bool:
    """Whether a guest really runs under KVM; asked once per boot of this machine and remembered in `cache`."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = cache / "kvm-works"
    if note.exists() and note.read_text().split()[:1] == [boot]:
        return note.read_text().split()[1] == "yes"
    works = runs_a_guest(["-accel", "kvm", "-cpu", "host"])
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
