"""DHCP of the boot service, on a network of its own: it answers a server that is to be installed, and nobody else."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from oobctl.config import settings
from oobctl.constants import BootPath, NetworkBoot
from oobctl.images.installer import ensure_ramdisk
from oobctl.images.installs import claims, network
from oobctl.installation import find_site
from oobctl.store import Site, database
from tests.installation import Installation, eventually, free_port
from tests.namespaces import GATEWAY, NETWORK, Wire, allowed, dhcp
from tests.processes import OwnProcess
from tests.reinstalls import MAC, add_image, armed, ready

pytestmark = pytest.mark.skipif(not allowed(), reason="this user may not make network namespaces (needs root)")

FOREIGN = "52:54:00:aa:bb:99"
EFI, EFI_HTTP, BIOS = 7, 16, 0
BY_IPXE = ("-x", "0x4d:69505845")  # option 77, as iPXE says it


def firmware(architecture: int) -> tuple[str, ...]:
    """The options of a firmware's question (RFC 4578)."""
    kind = "HTTPClient" if architecture == EFI_HTTP else "PXEClient"
    return ("-V", f"{kind}:Arch:{architecture:05}:UNDI:003016", "-x", f"0x5d:{architecture:04x}", "-O", "bootfile")


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as made:
        yield made


class Boot:
    """The boot service in the wire's network. `server` has no job yet. through: what runs it, as in a command line."""

    def __init__(
        self,
        installation: Installation,
        wire: Wire,
        *,
        through: Sequence[str] = (),
        starts: bool = True,
        **more: str,
    ) -> None:
        self.wire = wire
        add_image()
        self.server = ready(installation)
        self.url = f"http://{GATEWAY}:{free_port()}"
        variables = {
            "OOBCTL_MEDIA_LISTEN": self.url.removeprefix("http://"),
            "OOBCTL_INSTALL_LISTEN": f"{GATEWAY}:{free_port()}",
            "OOBCTL_TRUSTED_BOOT_NETWORKS": NETWORK, "OOBCTL_DHCP_INTERFACE": "br0",
            "OOBCTL_DHCP_RANGE": "192.0.2.100-192.0.2.120", **more,
        }  # fmt: skip
        inside = wire.inside(*through, sys.executable, "-m", "oobctl.cli.main", "boot", "--site", settings().site)
        start = f"import os; os.execvp({inside[0]!r}, {inside!r})"
        self.process: OwnProcess = installation.run_python(["-c", start], name="boot", **variables)
        if starts:
            self.process.wait_said("the media service is ready")

    def arm(self, **how: Any) -> str:
        return armed(self.server, "unused", path=BootPath.NETWORK, **how)

    def dnsmasq(self) -> int:
        """Its process."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def folder(self) -> Path:
        """Where its configuration lies."""
        command = Path(f"/proc/{self.dnsmasq()}/cmdline").read_text().split("\0")
        return Path(next(word for word in command if word.startswith("--conf-file=")).partition("=")[2]).parent


@pytest.fixture
def boot(sqlite_installation: Installation, wire: Wire) -> Boot:
    ensure_ramdisk(print)
    return Boot(sqlite_installation, wire)


def test_a_card_that_nobody_knows_is_not_answered(boot: Boot, tmp_path: Path) -> None:
    boot.arm()
    assert dhcp(boot.wire.computer(FOREIGN), tmp_path, *firmware(EFI)) is None


def test_a_known_card_is_answered_while_its_job_wants_it_and_not_before_or_after(boot: Boot, tmp_path: Path) -> None:
    computer = boot.wire.computer(MAC)
    assert dhcp(computer, tmp_path, *firmware(EFI)) is None
    job = boot.arm()
    eventually(lambda: dhcp(computer, tmp_path, *firmware(EFI)) is not None)
    claims.close(job)
    assert network.armed(find_site(settings().site).id) == ()
    eventually(lambda: dhcp(computer, tmp_path, *firmware(EFI)) is None)


def test_each_firmware_gets_the_program_that_it_can_start(boot: Boot, tmp_path: Path) -> None:
    computer = boot.wire.computer(MAC)
    boot.arm()
    eventually(lambda: dhcp(computer, tmp_path, *firmware(BIOS)) is not None)
    files = {kind: (dhcp(computer, tmp_path, *firmware(kind)) or {}).get("bootfile") for kind in (BIOS, EFI, EFI_HTTP)}
    assert files == {BIOS: "undionly.kpxe", EFI: "ipxe.efi", EFI_HTTP: f"{boot.url}/boot/ipxe.efi"}
    by_ipxe = dhcp(computer, tmp_path, *firmware(EFI), *BY_IPXE) or {}
    assert by_ipxe.get("bootfile") == f"{boot.url}/boot/boot.ipxe"


def test_a_dhcp_service_that_dies_is_started_again(boot: Boot, tmp_path: Path) -> None:
    computer = boot.wire.computer(MAC)
    boot.arm()
    eventually(lambda: dhcp(computer, tmp_path, *firmware(EFI)) is not None)
    boot.wire.here("kill", "-9", str(boot.dnsmasq()))
    boot.process.wait_said("the DHCP service has ended; it is started again")
    eventually(lambda: dhcp(computer, tmp_path, *firmware(EFI)) is not None)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_dhcp_service_outlives_its_boot_service(boot: Boot, end: signal.Signals) -> None:
    child = boot.dnsmasq()
    assert runs(child)
    os.kill(boot.process.pid, end)  # it alone: its child is in its group
    eventually(lambda: not runs(child))


def runs(pid: int) -> bool:
    """Whether it does; one that has ended may be listed until somebody asks for its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_does_not_run_as_root(boot: Boot) -> None:
    status = Path(f"/proc/{boot.dnsmasq()}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


def test_the_site_knows_that_dhcp_is_answered(boot: Boot) -> None:
    with database().read() as session:
        assert session.query(Site).one().network_boot is NetworkBoot.DHCP
