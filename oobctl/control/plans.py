"""What a reinstall would do, before anybody asks for it: what can be chosen, every step, and what is lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor, find_server, readable_jobs
from oobctl.audit import record
from oobctl.constants import BootPath, JobState
from oobctl.control.door import tried
from oobctl.errors import InvalidParameter
from oobctl.images import systems
from oobctl.images.installs import hardware, paths, requests
from oobctl.images.installs.hardware import Hardware, KnownDisk
from oobctl.images.systems import Form, SystemImage
from oobctl.store import Job, Server, Site, database
from oobctl.workflows.reinstall_os import steps_from

REINSTALL = "os.reinstall"
_JOBS_LOOKED_AT = 10


@dataclass(frozen=True)
class Choices:
    """What a reinstall of a server can be made of. lacks: why none can be asked for now, whoever asks."""

    images: tuple[SystemImage, ...]
    hardware: Hardware
    boot_paths: tuple[BootPath, ...]
    lacks: str | None


@dataclass(frozen=True)
class PlannedStep:
    """usually_seconds: the median of its last times, on this server where there were some; None: never done."""

    name: str
    title: str
    usually_seconds: float | None


@dataclass(frozen=True)
class Plan:
    """What one reinstall would do. no_return: the step from which on it cannot be cancelled.

    image, form: None where the catalogue is on another computer, whose worker looks. disks: those that are written;
    none: the installer takes the server's only one. lost: sentences.
    """

    server: str
    steps: tuple[PlannedStep, ...]
    boot_path: BootPath
    no_return: str | None
    lost: tuple[str, ...]
    image_name: str
    image: SystemImage | None
    form: Form | None
    disks: tuple[KnownDisk, ...]
    kept: dict[str, Any]


def choices(actor: Actor, server: str) -> Choices:
    """Raises NotFound."""
    with database().read() as session:
        found = find_server(session, actor, server)
        images = offered_images(record.account_of(session, found.id))
        inspected, ways = hardware.inspected(session, found.id), paths.there(session, found)
        return Choices(images, inspected, ways, _lacks(session, found, images))


def offered_images(account: str | None) -> tuple[SystemImage, ...]:
    """The catalogue's images that servers of the account may be given now."""
    now = clock.now()
    return tuple(image for image in systems.all_systems() if image.is_offered(account or "", now))


def plan(actor: Actor, server: str, request: Mapping[str, Any]) -> Plan:
    """What submitting this would do: checked as it is then, and nothing done. Raises what control.submit raises."""
    with tried(actor, REINSTALL, server, request) as (session, admitted):
        asked = admitted.parameters
        assert isinstance(asked, requests.ReinstallRequest)
        found = hardware.inspected(session, admitted.server.id)
        disks = requests.chosen(asked, found)
        path = paths.chosen(session, admitted.server, asked.boot_path)
        image = _image(asked, record.account_of(session, admitted.server.id))
        return Plan(
            server=admitted.server.name,
            steps=_steps(session, actor, admitted.server, path),
            boot_path=path,
            no_return=admitted.action.no_return,
            lost=_lost(asked, disks, admitted.server.name),
            image_name=asked.image,
            image=image,
            form=None if image is None else requests.form_of(image, asked.layout),
            disks=disks,
            kept=admitted.kept,
        )


def _image(asked: requests.ReinstallRequest, account: str | None) -> SystemImage | None:
    try:
        return requests.offered(asked.image, account)
    except InvalidParameter:  # the door has looked where the catalogue is on this computer
        return None


def _lacks(session: Session, server: Server, images: tuple[SystemImage, ...]) -> str | None:
    site = session.get_one(Site, server.site_id)
    if site.boot_public_key is None:
        return (
            f"The site {site.name} has no boot service yet, which servers fetch the installer from. Staff have to "
            f"start it: oobctl boot --site {site.name}."
        )
    if (why := paths.lacks(session, server)) is not None:
        return why
    if not images:
        return (
            "There is no operating system to install yet. Staff have to make one: oobctl image build debian-13, or "
            "import one: oobctl image import."
        )
    return None


def _lost(asked: requests.ReinstallRequest, disks: tuple[KnownDisk, ...], server: str) -> tuple[str, ...]:
    if asked.replace is not None:
        disk = f"disk {disks[0].serial}{_size(disks[0])}" if disks else f"the disk of {server}"
        stay = "stays as it is" if len(asked.keep) == 1 else "stay as they are"
        others = "and so do the disk's other partitions, but for the boot loader that is put there"
        return (
            f"All that is on the partition {asked.replace} of {disk} is lost.",
            f"{', '.join(asked.keep)} {stay}, {others}.",
        )
    if not disks:
        return (f"All that is on the disk of {server} is lost. Which one that is was not inspected.",)
    return tuple(f"All that is on disk {disk.serial}{_size(disk)} is lost." for disk in disks)


def _size(disk: KnownDisk) -> str:
    return "" if disk.size is None else f" ({f'{disk.size / 10**9:,.1f}'.removesuffix('.0')} GB)"


def _steps(session: Session, actor: Actor, server: Server, path: BootPath) -> tuple[PlannedStep, ...]:
    times = usual_seconds(session, actor, server.id)
    return tuple(PlannedStep(step.name, step.title, times.get(step.name)) for step in steps_from(path))


def usual_seconds(session: Session, actor: Actor, server_id: str) -> dict[str, float]:
    """Per step of a reinstall, the median of its last times: on this server, else on others that the actor may see."""
    query = select(Job).where(Job.action == REINSTALL, Job.state == JobState.SUCCEEDED, readable_jobs(actor))
    query = query.order_by(Job.id.desc()).limit(_JOBS_LOOKED_AT)
    jobs = list(session.scalars(query.where(Job.server_id == server_id))) or list(session.scalars(query))
    times: dict[str, list[float]] = {}
    for job in jobs:
        for step in job.steps:
            if step.started_at and step.finished_at:
                times.setdefault(step.name, []).append((step.finished_at - step.started_at).total_seconds())
    return {name: sorted(found)[len(found) // 2] for name, found in times.items()}
