"""Boots of the installer's real ramdisk for tests: each with a service and disks of its own."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oobctl.images.installer import JobIso, ensure_ramdisk, job_archive
from tests.integration.installer_guest import Guest, old_disk
from tests.integration.installer_service import Authority, BootService, Job

DISK_MB = 64
KEY = "the-jobs-claim-key"


@dataclass
class Run:
    """One boot that is over: what the service was told, what the serial line showed, and the disks."""

    service: BootService
    serial: str
    disks: list[Path]

    def log(self) -> str:
        return "\n".join(self.service.lines[number] for number in sorted(self.service.lines))


class Starting:
    """Starts guests, each with a service of its own, and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self.installer, self.authority, self.folder = ensure_ramdisk(print), Authority(folder, "ours"), folder
        self.guests: list[Guest] = []
        self.services: list[BootService] = []

    def __enter__(self) -> "Starting":
        return self

    def __exit__(self, *_: object) -> None:
        for guest in self.guests:
            guest.end()
        for service in self.services:
            service.close()

    def boot(
        self,
        name: str,
        job: Job,
        *,
        ca: bytes | None = None,
        disks: int | list[Path] = 1,
        disk_mb: int = DISK_MB,
        network: str = "",
        **how: Any,
    ) -> tuple[Guest, Run]:
        """disks: so many full of old data, or these. network: the job's file of that name. how: of the guest."""
        folder = self.folder / name
        folder.mkdir()
        service = BootService(job, self.authority)
        self.services.append(service)
        archive = job_archive(
            {"url": f"{service.url}\n".encode(), "key": f"{KEY}\n".encode(), "ca.pem": ca or self.authority.pem,
             "time": str(int(time.time())).encode(), "network": network.encode()}
        )  # fmt: skip
        if isinstance(disks, int):
            disks = [old_disk(folder / f"disk{number}", disk_mb) for number in range(disks)]
        guest = Guest(folder, JobIso(self.installer.medium, archive), disks=disks, **how)
        self.guests.append(guest)
        return guest, Run(service, "", disks)

    def run(self, name: str, job: Job, **how: Any) -> Run:
        """As `boot`, until the guest reboots."""
        guest, run = self.boot(name, job, **how)
        guest.wait()
        run.serial = guest.said()
        return run

    def run_until_failed(self, name: str, job: Job, **how: Any) -> Run:
        """Until the guest says that it stays: it reboots no more by itself."""
        guest, run = self.boot(name, job, **how)
        waiting = threading.Event()
        for _ in range(1200):
            if "This server stays as it is" in guest.said() or guest.process.poll() is not None:
                break
            waiting.wait(0.2)
        run.serial = guest.said()
        guest.end()
        return run
