"""DHCP of the boot service where something is in its way, or somebody asks for what is not theirs."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oobctl.boot.network import IPXE_FOLDER, PROGRAMS
from oobctl.images.installer import ensure_ramdisk
from oobctl.images.installs import claims
from tests.installation import Installation, eventually
from tests.integration.test_dhcp import BIOS, EFI, EFI_HTTP, FOREIGN, Boot, boot, wire
from tests.namespaces import GATEWAY, NETWORK, Wire, allowed, give_address
from tests.pxe import offered
from tests.reinstalls import MAC

__all__ = ["boot", "wire"]
pytestmark = pytest.mark.skipif(not allowed(), reason="this user may not make network namespaces (needs root)")
KINDS = (BIOS, EFI, EFI_HTTP)


@pytest.fixture
def beside(sqlite_installation: Installation, wire: Wire) -> Boot:
    """It only tells what to start, beside a DHCP service that gives the addresses."""
    ensure_ramdisk(print)
    return Boot(sqlite_installation, wire, OOBCTL_DHCP_RANGE=NETWORK)


def test_beside_another_service_it_tells_servers_with_a_job_what_to_start_and_no_more(beside: Boot) -> None:
    computer, foreign = beside.wire.computer(MAC), beside.wire.computer(FOREIGN)
    assert offered(computer, MAC, EFI) is None
    job = beside.arm()
    eventually(lambda: offered(computer, MAC, EFI) is not None)
    found = {kind: offered(computer, MAC, kind) or {} for kind in KINDS}
    assert {answer["address"] for answer in found.values()} == {"0.0.0.0"}
    assert found[EFI_HTTP]["file"] == f"{beside.url}/boot/ipxe.efi"
    assert [found[kind]["vendor"] for kind in KINDS] == ["PXEClient", "PXEClient", "HTTPClient"]
    assert [offered(foreign, FOREIGN, kind) for kind in KINDS] == [None] * 3
    claims.close(job)
    eventually(lambda: offered(computer, MAC, EFI) is None)


@pytest.mark.parametrize("range_", ["192.0.2.100-192.0.2.120", NETWORK])
def test_a_card_that_asks_in_vain_is_said_once(sqlite_installation: Installation, wire: Wire, range_: str) -> None:
    ensure_ramdisk(print)
    service = Boot(sqlite_installation, wire, OOBCTL_DHCP_RANGE=range_)
    foreign = wire.computer(FOREIGN)
    assert [offered(foreign, FOREIGN, EFI) for _ in range(3)] == [None] * 3
    service.process.wait_said(FOREIGN)
    assert service.process.output.count(FOREIGN) == 1


def fetched(computer: str, name: str, target: Path) -> bool:
    """Whether a computer gets this file by TFTP."""
    asking = ["busybox", "tftp", "-g", "-r", name, "-l", str(target), GATEWAY]
    done = subprocess.run(["ip", "netns", "exec", computer, *asking], capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def test_tftp_has_ipxe_and_nothing_else(boot: Boot, tmp_path: Path) -> None:
    computer = boot.wire.computer(FOREIGN)
    give_address(computer, "192.0.2.77")
    for name, source in PROGRAMS.items():
        assert fetched(computer, name, tmp_path / name)
        assert (tmp_path / name).read_bytes() == (IPXE_FOLDER / source).read_bytes()
    folder = boot.folder()
    for name in ("../hosts", "../dnsmasq.conf", f"{folder}/hosts", f"{folder}/tftp/../hosts", "/etc/passwd"):
        assert not fetched(computer, name, tmp_path / "stolen"), name


@pytest.fixture
def stuck(boot: Boot) -> Iterator[Path]:
    """What is in the way of its list of cards, until the test takes it away."""
    found = boot.folder() / "hosts.part"
    yield found
    if found.is_dir():
        found.rmdir()


def test_a_list_that_cannot_be_written_answers_nobody_until_it_can(boot: Boot, stuck: Path) -> None:
    """Else a server whose job is over would go on being answered."""
    computer = boot.wire.computer(MAC)
    stuck.mkdir()
    job = boot.arm()
    boot.process.wait_said("whom it may answer cannot be told")
    assert offered(computer, MAC, EFI) is None
    stuck.rmdir()
    eventually(lambda: offered(computer, MAC, EFI) is not None)
    stuck.mkdir()
    claims.close(job)
    eventually(lambda: offered(computer, MAC, EFI) is None)


def test_without_the_rights_that_it_needs_the_boot_service_says_so(
    sqlite_installation: Installation, wire: Wire
) -> None:
    ensure_ramdisk(print)
    through = ["setpriv", "--bounding-set=-net_admin"]
    service = Boot(sqlite_installation, wire, through=through, starts=False)
    assert service.process.wait_ended() != 0
    assert "dnsmasq does not start" in service.process.output
    assert "CAP_NET_ADMIN" in service.process.output
    assert "Traceback" not in service.process.output


def test_a_range_of_another_network_is_said(sqlite_installation: Installation, wire: Wire) -> None:
    ensure_ramdisk(print)
    service = Boot(sqlite_installation, wire, OOBCTL_DHCP_RANGE="198.51.100.10-198.51.100.20")
    assert offered(wire.computer(MAC), MAC, EFI) is None
    service.process.wait_said("no address range available")
    assert "DHCP is in trouble" in service.process.output
