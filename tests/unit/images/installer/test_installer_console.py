"""Which serial line the firmware tells, and what becomes of a system's own configuration for it."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.images.installer.test_installer_scripts import SCRIPTS, shell


def table(address: int, rate: int, *, space: int = 1) -> bytes:
    """Microsoft's SPCR, revision 2: 80 bytes."""
    head = b"SPCR" + (80).to_bytes(4, "little") + bytes(28)
    where = bytes([space, 8, 0, 1]) + address.to_bytes(8, "little")
    return head + bytes([0, 0, 0, 0]) + where + bytes(6) + bytes([rate]) + bytes(21)


def told(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "table").write_bytes(content)
    done = shell(tmp_path, 'port_told_by "$JOB/table"')
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("address", "rate", "says"),
    [
        (0x3F8, 7, "ttyS0,115200"),
        (0x2F8, 6, "ttyS1,57600"),
        (0x3E8, 4, "ttyS2,19200"),
        (0x2E8, 3, "ttyS3,9600"),
        (0x2F8, 0, "ttyS1,115200"),
    ],
)
def test_the_four_ports_and_their_rates_are_known(tmp_path: Path, address: int, rate: int, says: str) -> None:
    assert told(tmp_path, table(address, rate)) == says


def test_what_is_none_of_them_is_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, table(0xFE034000, 7, space=0)) == ""  # in memory, as of other chips
    assert told(tmp_path, table(0x2F8 + (1 << 32), 7)) == ""
    assert told(tmp_path, table(0x2F8, 9)) == ""
    assert told(tmp_path, table(0x2F8, 7)[:58]) == ""
    assert shell(tmp_path, 'port_told_by "$JOB/missing"').stdout == ""


@given(st.binary(max_size=100))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_firmware_says_it_is_a_port_or_nothing(tmp_path: Path, content: bytes) -> None:
    said = told(tmp_path, content)
    assert said == "" or said.startswith("ttyS")


# --- the new system's own configuration -------------------------------------------------------------------------------

CFG = "etc/default/grub.d/50-oobctl-console.cfg"


def moved(root: Path, firmware: str) -> str:
    """move_console on a new system at `root`, where the firmware tells that port. Returns what was said."""
    script = next(path for path in SCRIPTS if path.name == "console.sh").read_text().replace("/mnt", str(root))
    (root / "here.sh").write_text(script)
    done = shell(root, f'. "{root}/here.sh"; FIRMWARE_CONSOLE={firmware}; move_console')
    assert (done.returncode, done.stderr) == (0, "")
    return (root / "log").read_text() if (root / "log").exists() else ""


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def line_of(root: Path, before: str) -> list[str]:
    """GRUB_CMDLINE_LINUX as update-grub has it, in words, where /etc/default/grub says `before`."""
    script = f'GRUB_CMDLINE_LINUX="{before}"; . "{root}/{CFG}"; printf "%s" "$GRUB_CMDLINE_LINUX"'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("file", ["boot__grub__grub.cfg", "boot__grub2__grub.cfg", "boot__loader__entries__a.conf"])
def test_an_image_that_speaks_at_a_serial_line_speaks_at_the_firmwares(tmp_path: Path, file: str) -> None:
    text = "  serial --unit=0 --speed=9600\nlinux /vmlinuz netconsole=ttyS0 console=tty0 console=ttyS0,115200n8 quiet\n"
    put(tmp_path, **{file: text, "etc__kernel__cmdline": "console=ttyS0 ro\n", "etc__default__grub": ""})
    assert "The new system's console is at ttyS1,57600" in moved(tmp_path, "ttyS1,57600")
    new = "  serial --unit=1 --speed=57600\nlinux /vmlinuz netconsole=ttyS0 console=tty0 console=ttyS1,57600 quiet\n"
    assert (tmp_path / file.replace("__", "/")).read_text() == new
    assert (tmp_path / "etc/kernel/cmdline").read_text() == "console=ttyS1,57600 ro\n"


def test_the_kernels_to_come_speak_there_too_and_keep_all_else(tmp_path: Path) -> None:
    put(tmp_path, **{"boot__grub__grub.cfg": "linux console=ttyS0\n", "etc__default__grub": ""})
    moved(tmp_path, "ttyS1,57600")
    before = "console=ttyS0,115200 netconsole=6666@192.0.2.1/ quiet console=tty0 crashkernel=1"
    assert line_of(tmp_path, before) == [
        "netconsole=6666@192.0.2.1/", "quiet", "crashkernel=1", "console=tty0", "console=ttyS1,57600",
    ]  # fmt: skip
    assert line_of(tmp_path, "") == ["console=tty0", "console=ttyS1,57600"]


def test_an_image_whose_console_is_not_seen_stays_as_it_is_and_that_is_said(tmp_path: Path) -> None:
    put(tmp_path, etc__kernel__cmdline="console=ttyS0\n", etc__default__grub="")
    assert "its console stays where it is, and the firmware's is at ttyS1,57600" in moved(tmp_path, "ttyS1,57600")
    assert (tmp_path / "etc/kernel/cmdline").read_text() == "console=ttyS0\n"
    assert not (tmp_path / CFG).exists()


def test_where_the_firmware_tells_none_nothing_is_changed(tmp_path: Path) -> None:
    put(tmp_path, **{"boot__grub__grub.cfg": "linux console=ttyS0\n", "etc__default__grub": ""})
    assert moved(tmp_path, "") == ""
    assert (tmp_path / "boot/grub/grub.cfg").read_text() == "linux console=ttyS0\n"
    assert not (tmp_path / CFG).exists()
