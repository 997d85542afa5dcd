"""What a reinstall would do, before anybody asks for it: what can be chosen, every step, and what is lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock, profiles
from oobctl.access import Actor, find_server, readable_jobs, visible_servers
from oobctl.audit import record
from oobctl.constants import REINSTALL, BootPath, JobState
from oobctl.control.door import tried
from oobctl.images.installs import hardware, paths, requests
from oobctl.images.installs.hardware import Hardware, KnownDisk
from oobctl.images.systems import Form, SystemImage, published
from oobctl.store import Job, Server, Site, database
from oobctl.workflows import reinstall_os

_JOBS_LOOKED_AT = 10


@dataclass(frozen=True)
class Choices:
    """What a reinstall of a server can be made of. lacks: why none can be asked for now, whoever asks."""

    site: str
    images: tuple[SystemImage, ...]
    hardware: Hardware
    boot_paths: tuple[BootPath, ...]
    lacks: str | None


@dataclass(frozen=True)
class PlannedStep:
    """usually_seconds: the median of its last times, on this server where there were some; None: never done.

    limit_seconds: for so long it waits at most; None: a question or two to the BMC, which have limits of their own.
    """

    name: str
    title: str
    usually_seconds: float | None
    limit_seconds: float | None


@dataclass(frozen=True)
class Plan:
    """What one reinstall would do. no_return: the step from which on it cannot be cancelled.

    disks: those that are written; none: the installer takes the server's only one. lost, warnings: sentences.
    """

    server: str
    site: str
    steps: tuple[PlannedStep, ...]
    boot_path: BootPath
    no_return: str | None
    lost: tuple[str, ...]
    warnings: tuple[str, ...]
    image: SystemImage
    form: Form
    disks: tuple[KnownDisk, ...]
    kept: dict[str, Any]


def choices(actor: Actor, server: str) -> Choices:
    """Raises NotFound."""
    with database().read() as session:
        found = find_server(session, actor, server)
        images = _images_for(session, found)
        inspected, ways = hardware.inspected(session, found.id), paths.there(session, found)
        site = session.get_one(Site, found.site_id).name
        return Choices(site, images, inspected, ways, _lacks(session, found, images))


def _images_for(session: Session, server: Server) -> tuple[SystemImage, ...]:
    """The images of its site that the server may be given now."""
    account, now = record.account_of(session, server.id) or "", clock.now()
    return tuple(image for image in published.of_site(session, server.site_id) if image.is_offered(account, now))


def images_of(actor: Actor, server: str | None = None) -> list[tuple[SystemImage, tuple[str, ...]]]:
    """What can be installed on that server, or on any that one sees, with the names of the sites that have it.

    Without a server, staff see every account's. An image that its sites do not have alike is there once for each
    content. Raises NotFound.
    """
    now = clock.now()
    with database().read() as session:
        if server is not None:
            found = find_server(session, actor, server)
            site = session.get_one(Site, found.site_id).name
            return [(image, (site,)) for image in _images_for(session, found)]
        seen = visible_servers(actor).with_only_columns(Server.site_id)
        names = {site.id: site.name for site in session.scalars(select(Site).where(Site.id.in_(seen)))}
        there = published.of_sites(session, list(names))
    return [
        (image, tuple(sorted(names[site] for site in sites)))
        for image, sites in there
        if image.is_offered((image.account if actor.is_staff else actor.account_id) or "", now)
    ]


def plan(actor: Actor, server: str, request: Mapping[str, Any]) -> Plan:
    """What submitting this would do: checked as it is then, and nothing done. Raises what control.submit raises."""
    with tried(actor, REINSTALL, server, request) as (session, admitted):
        asked = admitted.parameters
        assert isinstance(asked, requests.ReinstallRequest)
        found = hardware.inspected(session, admitted.server.id)
        disks = requests.chosen(asked, found)
        ways = paths.chosen(session, admitted.server, asked.boot_path)
        images, account = _images_for(session, admitted.server), record.account_of(session, admitted.server.id)
        image = requests.offered(images, asked.image, account)
        form, path = requests.form_of(image, asked.layout), requests.fitting(image, ways)[0]
        install = profiles.find(admitted.server.bmc.profile).install
        limits = reinstall_os.limits(install, form, extras=bool(asked.packages) or asked.post_install is not None)
        return Plan(
            server=admitted.server.name,
            site=session.get_one(Site, admitted.server.site_id).name,
            steps=_steps(session, actor, admitted.server, path, limits),
            boot_path=path,
            no_return=admitted.action.no_return,
            lost=_lost(asked, disks, admitted.server.name),
            warnings=(*_warnings(image), *_warnings_of_cards(asked, found, admitted.server.name)),
            image=image,
            form=form,
            disks=disks,
            kept=admitted.kept,
        )


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


def _warnings(image: SystemImage) -> tuple[str, ...]:
    if image.is_maintained(clock.now().date()):
        return ()
    return (f"{image.title} is no longer maintained since {image.end_of_life:%d %b %Y}: expect no security updates.",)


def _warnings_of_cards(asked: requests.ReinstallRequest, found: Hardware, server: str) -> tuple[str, ...]:
    """The installer looks for them before it writes, but by then the old system is shut down."""
    unknown = [mac for mac in asked.network.macs if found.macs and mac not in found.macs]
    if not unknown:
        return ()
    known = ", ".join(found.macs)
    return (f"{server} is not known to have the network card {', '.join(unknown)}. It has: {known}.",)


def _size(disk: KnownDisk) -> str:
    return "" if disk.size is None else f" ({f'{disk.size / 10**9:,.1f}'.removesuffix('.0')} GB)"


def _steps(
    session: Session, actor: Actor, server: Server, path: BootPath, limits: Mapping[str, float]
) -> tuple[PlannedStep, ...]:
    times = usual_seconds(session, actor, server.id)
    return tuple(
        PlannedStep(step.name, step.title, times.get(step.name), limits.get(step.name))
        for step in reinstall_os.steps_from(path)
    )


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
