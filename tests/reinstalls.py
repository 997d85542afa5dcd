"""Reinstalls in tests: an image of some bytes in the catalogue, what is asked for, and installers that speak."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from oobctl import clock, control
from oobctl.access import SYSTEM
from oobctl.constants import BootPath, Capability, Firmware, ImageKind
from oobctl.images.installs import authority, waiting
from oobctl.images.installs.claims import Claimant, Disk
from oobctl.images.installs.orders import Orders, WantedDisk
from oobctl.images.systems import Form, SystemImage, catalogue
from oobctl.store import Install, Job, Reading, Server, database
from tests.furnished import over_redfish_too
from tests.installation import Installation
from tests.systems import told

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs somebody@example.org"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY root@web01"
CONTENT = bytes(range(256)) * 2000
DISK = Disk(serial="DISK-1", size=4 << 30)
MAC = "52:54:00:aa:bb:01"
UUID = "8f1c1d7e-3a55-4b0e-9c55-0f6a3f5b8c11"


def private_key() -> str:
    """One that somebody could paste by mistake, as OpenSSH writes it."""
    form = serialization.PrivateFormat.OpenSSH
    made = ed25519.Ed25519PrivateKey.generate()
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def add_image(
    name: str = "tiny-1",
    *,
    account: str | None = None,
    firmware: tuple[Firmware, ...] = tuple(Firmware),
    configured_by: Literal["files", "cloud-init"] = "files",
) -> SystemImage:
    """An image in both forms, of bytes that no installer looks into here."""
    forms, folder = [], catalogue.draft()
    for kind in ImageKind:
        file = f"{kind}.zst"
        (folder / file).write_bytes(CONTENT)
        forms.append(
            Form(
                kind=kind, file=file, sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT),
                content_size=1 << 30, least_disk_bytes=1 << 30, least_memory_bytes=256 << 20,
            )
        )  # fmt: skip
    image = SystemImage(
        name=name, title="Tiny 1", family="tiny", version="1", firmware=firmware,
        account=account, created_at=clock.now(), forms=tuple(forms), configured_by=configured_by,
    )  # fmt: skip
    added = catalogue.add(image, folder)
    told()
    return added


def ready(installation: Installation, server: str = "web01") -> str:
    """The site has had a boot service, the server virtual media and a UUID. Returns the server's id."""
    server_id = installation.servers[server]
    over_redfish_too(server_id)
    with database().write() as session:
        row = session.get_one(Server, server_id)
        row.system_uuid = UUID
        site_id = row.site_id
    authority.ensure(site_id)
    return server_id


def keep_reading(
    server_id: str, capability: Capability, content: dict[str, Any] | None, at: datetime | None = None
) -> None:
    """As if it had been read then; None: now. content None: it was tried, and there was nothing to be read."""
    at = at or clock.now()
    read_at = None if content is None else at
    with database().write() as session:
        session.merge(
            Reading(server_id=server_id, capability=capability, content=content, read_at=read_at, tried_at=at)
        )


def request(**changes: Any) -> dict[str, Any]:
    return {"image": "tiny-1", "host_name": "web01.example.org", "ssh_keys": [SSH_KEY], **changes}


def asked(server_id: str, asking: Mapping[str, Any] | None = None) -> Job:
    return control.submit(SYSTEM, "os.reinstall", server_id, asking or request())


def armed(
    server_id: str,
    key: str,
    *,
    started: bool = True,
    path: BootPath = BootPath.VIRTUAL_MEDIA,
    asking: Mapping[str, Any] | None = None,
    **changes: Any,
) -> str:
    """A job whose medium carries this key, as if its worker had come so far. Returns the job's id."""
    job = asked(server_id, asking)
    orders = Orders(
        image="tiny-1", form=ImageKind.DISK_IMAGE, size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(),
        content_size=1 << 30, layout="whole-disk", disks=(WantedDisk(DISK.serial, DISK.size),), firmware="",
        firmwares=("BIOS", "UEFI"),
    )  # fmt: skip
    waiting.prepare(job.id, orders, {"system_uuid": UUID, "macs": [MAC], **changes}, path)
    waiting.allow(job.id, "armed_at")
    with database().write() as session:
        session.get_one(Install, job.id).key_hash = hashlib.sha256(key.encode()).hexdigest()
    if started:
        waiting.allow(job.id, "may_claim_at")
    return job.id


def claimant(**changes: Any) -> Claimant:
    said: dict[str, Any] = {
        "address": "127.0.0.9", "system_uuid": UUID, "macs": (MAC,), "firmware": "UEFI", "memory_mb": 512,
        "disks": (DISK,),
    }  # fmt: skip
    return Claimant(**{**said, **changes})


def token() -> str:
    return secrets.token_hex(32)


def install(job_id: str) -> Install:
    with database().read() as session:
        return session.get_one(Install, job_id)
