"""Real firmware on a network of its own: from DHCP to the installer's first call; and a second machine with its MAC."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oobctl.config import settings
from oobctl.images.installer import ensure_ramdisk
from oobctl.images.installs import claims, keys, network
from oobctl.images.installs.authority import ensure
from oobctl.installation import find_site
from oobctl.lab import qemu
from oobctl.lab.qemu import OVMF_CODE, OVMF_VARIABLES
from oobctl.store import Site, database
from tests.installation import Installation, eventually
from tests.integration.test_dhcp import EFI, Boot, firmware, wire
from tests.namespaces import NETWORK, Wire, allowed, dhcp, fetched, give_address
from tests.reinstalls import DISK, MAC, UUID, claimant, install, token

__all__ = ["wire"]
pytestmark = [
    pytest.mark.skipif(not allowed(), reason="this user may not make network namespaces (needs root)"),
    pytest.mark.timeout(400),
]
FULL = (
    pytest.mark.prove,
    pytest.mark.skipif(os.environ.get("OOBCTL_PROVE") != "1", reason="the full table is run by make prove"),
)
OTHER_UUID = "0d5f1d7e-3a55-4b0e-9c55-0f6a3f5b8c99"
FIRMWARE = {
    "bios-with-ipxe": ["-device", f"e1000,netdev=net0,mac={MAC}"],
    "uefi-by-pxe": ["-device", f"virtio-net-pci,netdev=net0,mac={MAC},romfile="],
    "uefi-by-http": [
        "-device", f"virtio-net-pci,netdev=net0,mac={MAC},romfile=",
        "-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=no",
        "-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=no",
    ],
}  # fmt: skip


@pytest.fixture
def boot(sqlite_installation: Installation, wire: Wire) -> Boot:
    ensure_ramdisk(print)
    return Boot(sqlite_installation, wire)


class Machine:
    """A virtual machine on the wire, with the disk of the orders and nothing on it."""

    def __init__(self, wire: Wire, folder: Path, how: str) -> None:
        self.serial = folder / "serial.log"
        disk, variables = folder / "disk.raw", folder / "variables.fd"
        with disk.open("wb") as file:
            file.truncate(DISK.size)
        variables.write_bytes(OVMF_VARIABLES.read_bytes())
        uefi = [
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
        ]  # fmt: skip
        command = wire.inside(
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "pc",
            *qemu.processor(kvm=False), "-m", "512", "-display", "none", "-no-reboot", "-uuid", UUID, "-vga", "std",
            "-netdev", f"tap,id=net0,ifname={wire.tap()},script=no,downscript=no", *FIRMWARE[how],
            "-drive", f"file={disk},format=raw,if=none,id=disk0", "-device",
            f"virtio-blk-pci,drive=disk0,serial={DISK.serial}", "-serial", f"file:{self.serial}",
            *(uefi if how.startswith("uefi") else ["-boot", "n"]),
        )  # fmt: skip
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(30)

    @property
    def said(self) -> str:
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""


@pytest.fixture(params=["bios-with-ipxe", "uefi-by-http", pytest.param("uefi-by-pxe", marks=FULL)])
def machine(boot: Boot, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    boot.arm()
    made = Machine(boot.wire, tmp_path, request.param)
    yield made
    made.stop()


def test_a_firmware_gets_from_dhcp_to_the_installers_claim(boot: Boot, machine: Machine) -> None:
    job = network.armed(find_site(settings().site).id)[0].job_id
    eventually(lambda: install(job).claimed_at is not None, 300)
    found = install(job)
    assert found.alarm is None
    assert (found.claimed_by or {})["macs"] == [MAC]
    key = keys.network_key(secret(), job)
    assert keys.claim_key(key) not in machine.said + boot.process.output
    assert key not in machine.said + boot.process.output


@pytest.fixture
def beside_another(sqlite_installation: Installation, wire: Wire, tmp_path: Path) -> Iterator[Boot]:
    """A network in which another DHCP service gives the addresses, and ours only tells what to start."""
    ensure_ramdisk(print)
    giver = wire.computer("52:54:00:aa:bb:53")
    give_address(giver, "192.0.2.3")
    command = [
        "ip", "netns", "exec", giver, "dnsmasq", "--keep-in-foreground", "--port=0", "--conf-file=/dev/null",
        "--interface=eth0", "--bind-interfaces", "--dhcp-range=192.0.2.50,192.0.2.90,1h", "--leasefile-ro",
        "--user=root", "--pid-file=",
    ]  # fmt: skip
    other = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    yield Boot(sqlite_installation, wire, OOBCTL_DHCP_RANGE=NETWORK)
    other.terminate()
    other.wait(10)


@pytest.mark.prove
@pytest.mark.skipif(os.environ.get("OOBCTL_PROVE") != "1", reason="the full table is run by make prove")
@pytest.mark.parametrize("how", ["bios-with-ipxe", "uefi-by-pxe", "uefi-by-http"])
def test_it_starts_beside_another_dhcp_service_too(beside_another: Boot, tmp_path: Path, how: str) -> None:
    job = beside_another.arm()
    machine = Machine(beside_another.wire, tmp_path, how)
    try:
        eventually(lambda: install(job).claimed_at is not None, 300)
    finally:
        machine.stop()


def secret() -> bytes:
    with database().read() as session:
        site = session.query(Site).one().id
    return ensure(site).secret


def asked(boot: Boot, computer: str, uuid: str) -> str:
    return fetched(computer, f"{boot.url}/boot/script?mac={MAC}&uuid={uuid}&platform=efi")


@pytest.fixture
def twins(boot: Boot, tmp_path: Path) -> tuple[str, str]:
    """Two computers with the same MAC address, to which DHCP gives the same IP address."""
    boot.arm()
    found = []
    for _ in range(2):
        computer = boot.wire.computer(MAC)
        eventually(lambda computer=computer: dhcp(computer, tmp_path, *firmware(EFI)) is not None)  # type: ignore[misc]
        give_address(computer, (dhcp(computer, tmp_path, *firmware(EFI)) or {})["ip"])
        found.append(computer)
    return found[0], found[1]


def test_a_second_machine_with_its_mac_but_another_uuid_starts_from_its_disk(
    boot: Boot, twins: tuple[str, str]
) -> None:
    job = network.armed(find_site(settings().site).id)[0].job_id
    assert "from disk" in asked(boot, twins[1], OTHER_UUID)
    assert "kernel" in asked(boot, twins[0], UUID)
    assert OTHER_UUID in (install(job).reason or "")
    assert install(job).alarm is None


def test_a_second_machine_that_is_its_equal_in_all_stops_the_job(boot: Boot, twins: tuple[str, str]) -> None:
    job = network.armed(find_site(settings().site).id)[0].job_id
    asked(boot, twins[0], UUID)
    claims.claim(keys.claim_key(keys.network_key(secret(), job)), token(), claimant())
    assert "kernel" not in asked(boot, twins[1], UUID)
    assert "same MAC" in (install(job).alarm or "")
