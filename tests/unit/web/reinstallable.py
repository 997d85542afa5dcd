"""A server of the seeded panel that can be reinstalled: images, a boot service, virtual media, inspected disks."""

from datetime import date, timedelta

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from oobctl import clock, control
from oobctl.access import SYSTEM
from oobctl.constants import Capability, Firmware, ImageKind, PartKind
from oobctl.drivers.readings import InventoryReport, Part
from oobctl.images.installs import authority
from oobctl.images.systems import Form, SystemImage, catalogue
from oobctl.store import Endpoint, Install, InstallLog, Job, Server, database
from tests.furnished import over_redfish_too
from tests.reinstalls import SSH_KEY, UUID
from tests.systems import told
from tests.unit.web.conftest import csrf_token
from tests.unit.web.seed import Seed, read

DISKS = (("S3Z8NB0K123456", 480_103_981_056), ("S3Z8NB0K123457", 480_103_981_056))
MAC = "02:00:00:00:00:01"
GB = 10**9
LOG = (
    "installer: looking for the boot service",
    "installer: claimed; the server is web01",
    "disk S3Z8NB0K123456: 480.1 GB, found as planned",
    "image: 331 MB to fetch, over https from 203.0.113.77",
    "image: writing",
)

FORM = {"image": "debian-13", "host_name": "db01.example.org", "ssh_keys": SSH_KEY, "layout": "whole-disk"}


def add_image(name: str, title: str, ends: date, size: int, *, account: str | None = None) -> SystemImage:
    """An image in both forms, as the catalogue has it."""
    folder, forms = catalogue.draft(), []
    for kind in ImageKind:
        (folder / f"{kind}.zst").write_bytes(b"image")
        forms.append(
            Form(
                kind=kind, file=f"{kind}.zst", sha256="0" * 64, size=size, content_size=3 * GB,
                least_disk_bytes=4 * GB, least_memory_bytes=512 << 20,
            )
        )  # fmt: skip
    image = SystemImage(
        name=name, title=title, family="debian", version=name.rpartition("-")[2], end_of_life=ends, account=account,
        firmware=(Firmware.BIOS, Firmware.UEFI), created_at=clock.now(), forms=tuple(forms),
    )  # fmt: skip
    added = catalogue.add(image, folder)
    told()
    return added


def prepare(seed: Seed, name: str = "db01", *, disks: bool = True) -> str:
    """All that a reinstall of the server needs. Returns the server's id."""
    server_id = seed.servers[name]
    add_image("debian-13", "Debian 13 (trixie)", date(2030, 6, 30), 331_000_000)
    add_image("debian-12", "Debian 12 (bookworm)", date(2028, 6, 30), 298_000_000)
    with database().read() as session:
        row = session.get_one(Server, server_id)
        site_id, bmc_id = row.site_id, row.bmc_id
        speaks = {one.protocol for one in session.query(Endpoint).filter(Endpoint.bmc_id == bmc_id)}
    if "redfish" not in speaks:
        over_redfish_too(server_id)
    authority.ensure(site_id)
    with database().write() as session:
        session.get_one(Server, server_id).system_uuid = UUID
    if disks:
        read(seed, name, Capability.INVENTORY, inventory(), age=600)
    return server_id


def inventory() -> InventoryReport:
    drives = [
        Part(PartKind.DRIVE, f"Disk Bay {number}", f"/redfish/v1/Drives/{number}", serial=serial, capacity_bytes=size)
        for number, (serial, size) in enumerate(DISKS)
    ]
    memory = Part(PartKind.MEMORY, "DIMM A1", "/redfish/v1/Memory/1", capacity_bytes=64 << 30)
    card = Part(PartKind.NETWORK_INTERFACE, "NIC 1", "/redfish/v1/Nics/1", mac_addresses=(MAC,))
    return InventoryReport((memory, *drives, card))


def asked(**changes: object) -> dict[str, object]:
    return {"image": "debian-13", "host_name": "db01.example.org", "ssh_keys": [SSH_KEY], **changes}


def begun(server_id: str, actor: object = SYSTEM, **changes: object) -> str:
    """A reinstall that was asked for. Returns the job's id."""
    return control.submit(actor, control.REINSTALL, server_id, asked(**changes)).id  # type: ignore[arg-type]


def writing(job_id: str, *, done: int = 214_000_000, lines: tuple[str, ...] = LOG) -> None:
    """Its installer is at work since some seconds, and has said these lines."""
    now = clock.now()
    claimed = {
        "address": "198.51.100.61", "system_uuid": "8f1c1d7e-3a55-4b0e-9c55-0f6a3f5b8c11", "macs": [MAC],
        "firmware": "UEFI", "memory_mb": 65536, "serial": "",
        "disks": [{"serial": serial, "size": size, "model": "SSD 480"} for serial, size in DISKS],
    }  # fmt: skip
    with database().write() as session:
        install = session.get_one(Install, job_id)
        install.orders = {"size": 331_000_000, "image": "debian-13"}
        install.claimed_at, install.claimed_by = now - timedelta(seconds=9), claimed
        install.first_write_at = now - timedelta(seconds=4)
        install.heard_at, install.phase, install.bytes_done = now, "writing", done
    said(job_id, *lines)


def said(job_id: str, *lines: str) -> None:
    """The installer has said these lines more."""
    with database().write() as session:
        install = session.get_one(Install, job_id)
        session.add(InstallLog(job_id=job_id, first=install.log_lines, text="\n".join(lines)))
        install.log_lines += len(lines)


def runs(job_id: str) -> None:
    """The new system has reported itself."""
    with database().write() as session:
        install = session.get_one(Install, job_id)
        install.phase, install.bytes_done = "configured", 331_000_000
        install.written_at = install.configured_at = clock.now()
        install.first_boot_at = clock.now()
        install.first_boot = {
            "host_name": "db01", "kernel": "6.12.48+deb13-amd64", "address": "198.51.100.61",
            "notes": ["packages: installed"],
            "host_keys": [
                {"type": "ecdsa-sha2-nistp256", "key": "AAAAE2VjZHNh", "fingerprint": f"SHA256:{'x8' * 21}"},
                {"type": "ssh-ed25519", "key": "AAAAC3NzaC1l", "fingerprint": f"SHA256:{'Qf' * 21}"},
            ],
        }  # fmt: skip


def failed(job_id: str, reason: str) -> None:
    with database().write() as session:
        install = session.get_one(Install, job_id)
        install.phase, install.reason = "failed", reason


def post_form(client: FlaskClient, address: str, **form: str | list[str]) -> TestResponse:
    """The form of a reinstall, filled in so that it can be done, with these changes."""
    return client.post(address, data={**FORM, **form, "csrf_token": csrf_token(client)})


def jobs_asked_for() -> int:
    with database().read() as session:
        found = session.scalar(select(func.count()).where(Job.action == control.REINSTALL))
    return found or 0
