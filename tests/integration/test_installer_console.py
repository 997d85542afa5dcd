"""Where the firmware tells that its console is at COM2, the installer and the new system are there too."""

import struct
from pathlib import Path

from tests.integration.installer_boots import DISK_MB, Starting
from tests.integration.installer_guest import CARD, MAC, UUID, packed, read_file, system_image
from tests.integration.installer_service import Job, orders

DISK = (DISK_MB << 20, "SER 0")
SERIAL = "--unit=1 --speed=57600"
GRUB = """serial --unit=0 --speed=115200
menuentry x {
    linux /vmlinuz ro console=tty0 console=ttyS0,115200
}
"""


def com2(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """QEMU's options for a second serial line, which the firmware's SPCR names at 57600; and the file it goes to."""
    body = struct.pack("<B3xBBBBQ6xB21x", 0, 1, 8, 0, 1, 0x2F8, 6)
    (folder / "spcr").write_bytes(body)
    line = folder / "com2.log"
    return line, (*CARD, "-serial", f"file:{line}", "-acpitable", f"sig=SPCR,rev=2,data={folder / 'spcr'}")


def test_installer_and_new_system_are_at_the_serial_line_that_the_firmware_tells(tmp_path: Path) -> None:
    files = {"etc/hostname": "x\n", "boot/grub/grub.cfg": GRUB, "etc/default/grub": "GRUB_TIMEOUT=1\n"}
    content = system_image(tmp_path, files)
    image = packed(content)
    line, cards = com2(tmp_path)
    told = orders(image, content_size=len(content), disks=[DISK], mac=MAC, uuid=UUID, console="ttyS0,115200")
    (tmp_path / "boots").mkdir()
    with Starting(tmp_path / "boots") as starting:
        run = starting.run("com2", Job(told, image), cards=cards)
    shown = line.read_text(errors="replace")
    assert "The installer has started." in shown
    assert "Installed. Waiting for the controller" in shown
    assert "oobctl: The installer has started." in run.serial  # the kernel's own line has it all the same
    config = read_file(run.disks[0], "/boot/grub/grub.cfg").decode()
    assert config == GRUB.replace("ttyS0,115200", "ttyS1,57600").replace(
        "unit=0 --speed=115200", "unit=1 --speed=57600"
    )
    kept = read_file(run.disks[0], "/etc/default/grub.d/50-oobctl-console.cfg").decode()
    assert "console=tty0 console=ttyS1,57600" in kept
    assert "The new system's console is at ttyS1,57600, as the firmware tells." in run.log()
