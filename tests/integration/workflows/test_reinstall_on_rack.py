"""A real reinstall, from an old system to an SSH log-in with a new key: the real ramdisk, image, firmware and BMC."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from oobctl.constants import BootPath, JobState, Outcome
from oobctl.images import caches
from oobctl.images.configuring.options import Layout
from oobctl.images.installer import ensure_ramdisk
from oobctl.images.systems.building import cache
from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from oobctl.store import Install, InstallLog, database
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, eventually, steps_of
from tests.nets import own_net
from tests.processes import OwnProcess
from tests.profiles import write_profiles

pytestmark = pytest.mark.timeout(900)
SSH_PORT = 2222
LIMITS = {"power.cycle_dwell": 1, "install.shutdown_limit": 30, "install.start_limit": 240}


@dataclass(frozen=True)
class Way:
    """A server of the lab, from where it starts the installer, and how its disks are divided."""

    server: str
    path: BootPath
    layout: Layout = Layout.WHOLE_DISK


class Road(Installation):
    """One server of a rack of its own, because its disk is written over.

    Where it starts from its virtual drive the boot service is killed while the image is written.
    """

    rack: RackInfo
    way: Way
    boot_service: OwnProcess

    def start_boot_service(self) -> None:
        self.boot_service = self.run("boot")
        self.boot_service.wait_said("the media service is ready")

    def disks(self) -> list[Path]:
        """The files of those that are written to."""
        folder = self.rack.home / "lab" / self.way.server
        return [folder / "disk.raw", *([folder / "disk2.raw"] if self.way.layout is Layout.RAID1 else [])]

    def kill_boot_service_while_it_writes(self, job_id: str) -> None:
        """And start it again after some seconds: an installer asks until it is answered."""

        def writes() -> bool:
            with database().read() as session:
                return session.get_one(Install, job_id).bytes_done > 0

        eventually(writes, 400)
        self.boot_service.kill()
        time.sleep(5)
        self.start_boot_service()


FULL = (
    pytest.mark.prove,
    pytest.mark.skipif(os.environ.get("OOBCTL_PROVE") != "1", reason="the full table is run by make prove"),
)
WAYS = [
    pytest.param(Way("db01", BootPath.VIRTUAL_MEDIA), id="db01-redfish-uefi"),
    pytest.param(Way("web01", BootPath.NETWORK), id="web01-ipmi-bios-over-the-network"),
    pytest.param(Way("app01", BootPath.NETWORK), id="app01-dual-uefi-over-the-network", marks=FULL),
    pytest.param(Way("db01", BootPath.VIRTUAL_MEDIA, Layout.RAID1), id="db01-raid1-over-two-disks", marks=FULL),
    pytest.param(Way("db01", BootPath.VIRTUAL_MEDIA, Layout.LVM), id="db01-lvm", marks=FULL),
]


@pytest.fixture(scope="module", params=WAYS)
def road(
    request: pytest.FixtureRequest, databases: Databases, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Road]:
    ensure_ramdisk(print)
    home = tmp_path_factory.mktemp("reinstall")
    way: Way = request.param
    name = way.server
    variables = {
        "hwprofiles": str(write_profiles(home / "hwprofiles", LIMITS)), "trusted_boot_networks": "127.0.0.0/8",
    }  # fmt: skip
    url = databases.migrated("sqlite")
    guard.end_rack(home / "rack")
    rack = virtual_rack.up(home / "rack", net=own_net(6), servers=(name,), progress=print)
    try:
        made = Road(guard, home, url, variables)
        port = made.variables["OOBCTL_INSTALL_LISTEN"].rpartition(":")[2]
        made.variables["OOBCTL_INSTALL_URL"] = (
            f"https://{virtual_rack.GATEWAY}:{port}"  # as the rack's servers see this computer
        )
        with made as installation:
            installation.rack, installation.way = rack, way
            media = made.variables["OOBCTL_MEDIA_LISTEN"].rpartition(":")[2]
            virtual_rack.set_boot_file(home / "rack", f"http://{virtual_rack.GATEWAY}:{media}/boot/boot.ipxe")
            installation.initialise().add_people().add_servers(rack)
            cache.take("debian-12", "cloud", caches.systems(), print, name="debian-12")
            installation.start_worker()
            installation.start_boot_service()
            installation.enroll()
            installation.do("server.inspect", name, {"capabilities": ["inventory"]})
            yield installation
    finally:
        virtual_rack.down(home / "rack")
        databases.drop(url)


def table_of(disk: Path) -> bytes:
    """The identity of a disk's partition table (GPT: DiskGUID, in the second sector from byte 56 on)."""
    with disk.open("rb") as file:
        return file.read(1 << 20)[568:584]


def key_pair(folder: Path) -> tuple[Path, str]:
    private = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)], check=True)
    return private, private.with_suffix(".pub").read_text().strip()


def test_a_server_is_reinstalled_and_lets_the_new_key_in_with_the_host_key_of_the_record(
    road: Road, tmp_path: Path
) -> None:
    name = next(iter(road.rack.servers))
    private, public = key_pair(tmp_path)
    disks = road.disks()
    before = [table_of(disk) for disk in disks]
    asked = {
        "image": "debian-12", "host_name": f"{name}.example.org", "ssh_keys": [public], "boot_path": road.way.path,
        "layout": road.way.layout,
    }  # fmt: skip
    submitted = road.submit("os.reinstall", name, asked)
    if road.way.path is BootPath.VIRTUAL_MEDIA:
        road.kill_boot_service_while_it_writes(submitted.id)
    job = road.wait(submitted.id, 800)
    serial = road.rack.servers[name].serial_log.read_text(errors="replace")
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), (job.error, steps_of(job), serial[-3000:])
    with database().read() as session:
        said = "\n".join(session.scalars(select(InstallLog.text).where(InstallLog.job_id == job.id)))
    assert "configure" in said  # what the real installer says is kept
    evidence = job.evidence or {}
    if road.rack.servers[name].ipmi is not None:  # there is no route to the guests, so the serial line is looked at
        assert evidence["after"]["serial_prompt"] == f"{name} login:"
    known = tmp_path / "known_hosts"
    address = road.rack.servers[name].serial[0]
    lines = [f"[{address}]:{SSH_PORT} {key['type']} {key['key']}" for key in evidence["after"]["host_keys"]]
    known.write_text("\n".join(lines) + "\n")
    shell = subprocess.run(
        ["ssh", "-F", os.devnull, "-i", str(private), "-p", str(SSH_PORT), "-o", f"UserKnownHostsFile={known}",
         "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", f"root@{address}",
         "hostname -f; cat /etc/os-release; df -B1 --output=size / | tail -1; findmnt -no SOURCE /; cat /proc/mdstat;"
         " test -e /etc/oobctl || echo no trace"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert shell.returncode == 0, shell.stderr
    assert f"{name}.example.org" in shell.stdout
    assert "bookworm" in shell.stdout
    size = next(int(line) for line in shell.stdout.splitlines() if line.strip().isdigit())
    assert size > 3 << 30  # grown to the disk's 4 GiB
    assert shell.stdout.splitlines()[-1] == "no trace"
    for disk, table in zip(disks, before, strict=True):
        assert table_of(disk) != table
    if road.way.layout is Layout.RAID1:
        assert re.search(r"raid1 vd[ab]3\[[01]\] vd[ab]3\[[01]\]", shell.stdout)
        assert "[2/2] [UU]" in shell.stdout
    if road.way.layout is Layout.LVM:
        assert "/dev/mapper/system-root" in shell.stdout
    assert public.split()[1] not in serial
