"""Reinstalls as the API and the pages show them: images, plans, and an installer at work."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from oobctl import clock, control
from oobctl.access import Actor
from oobctl.errors import NotFound
from oobctl.images.installs.phases import Phase
from oobctl.images.systems import SystemImage
from oobctl.store import Account, Install, InstallLog, Job, database
from web.discretion import told
from web.shapes.installs import (
    CallerShape,
    DiskShape,
    FirstBootShape,
    FormShape,
    InstallerShape,
    LogShape,
    PlannedStepShape,
    PlanShape,
    SystemImageShape,
)

MOST_LINES = 5000


def image_shapes(found: Iterable[tuple[SystemImage, Sequence[str]]]) -> list[SystemImageShape]:
    """Images with the names of the sites that have them, and of the account that alone may use them."""
    images = list(found)
    own = [image.account for image, _ in images if image.account is not None]
    names = dict[str, str]()
    if own:
        with database().read() as session:
            rows = session.execute(select(Account.id, Account.name).where(Account.id.in_(own)))
            names = {row.id: row.name for row in rows}
    return [_image_shape(image, sites, names.get(image.account or "", image.account)) for image, sites in images]


def _image_shape(image: SystemImage, sites: Sequence[str], account: str | None) -> SystemImageShape:
    return SystemImageShape(
        **image.model_dump(include=set(SystemImageShape.model_fields) - {"forms", "sites", "account", "maintained"}),
        sites=list(sites),
        account=account,
        maintained=image.is_maintained(clock.now().date()),
        forms=[FormShape(**form.model_dump(include=set(FormShape.model_fields))) for form in image.forms],
    )


def plan_shape(plan: control.Plan) -> PlanShape:
    return PlanShape(
        server=plan.server,
        steps=[PlannedStepShape(**asdict(one)) for one in plan.steps],
        no_return=plan.no_return,
        boot_path=plan.boot_path,
        lost=list(plan.lost),
        warnings=list(plan.warnings),
        image=image_shapes([(plan.image, (plan.site,))])[0],
        disks=[DiskShape(serial=disk.serial, size=disk.size, name=disk.name) for disk in plan.disks],
    )  # fmt: skip


def of_job(session: Session, actor: Actor, job_id: str, *, after: int, most: int = MOST_LINES) -> InstallerShape:
    """Of a job that the actor may read. Raises NotFound, for a job that installs nothing too."""
    row = control.find_job(session, actor, job_id)
    found = shape_of(session, row, staff=actor.is_staff, after=after, most=most)
    if found is None:
        raise NotFound(f"The job {job_id} has no installer: it is {row.action}.")
    return found


def shape_of(session: Session, row: Job, *, staff: bool, after: int, most: int = MOST_LINES) -> InstallerShape | None:
    """The job's installer with its log from a line on; None where the job has none. after < 0: the last lines."""
    install = session.get(Install, row.id)
    if install is None or row.action != control.REINSTALL:
        return None
    ended_badly = install.phase in {Phase.REFUSED, Phase.FAILED}
    total = (install.orders or {}).get("size")
    rate = _rate(install)
    return InstallerShape(
        job=row.id,
        phase=install.phase,
        bytes_done=install.bytes_done,
        bytes_total=total,
        bytes_per_second=rate,
        seconds_left=_left(install, total, rate),
        claimed_at=install.claimed_at,
        first_write_at=install.first_write_at,
        written_at=install.written_at,
        heard_at=install.heard_at,
        reason=told(install.reason, staff=staff) if ended_badly else None,
        stopped=install.alarm is not None,
        caller=_caller(install) if staff else None,
        first_boot=_first_boot(install, row, staff=staff),
        log=_log(session, install, staff=staff, after=after, most=most),
    )


def _rate(install: Install) -> float | None:
    """Bytes a second since the first one, as far as it is known."""
    if install.first_write_at is None or not install.bytes_done:
        return None
    last: datetime = install.written_at or install.heard_at or clock.now()
    seconds = (last - install.first_write_at).total_seconds()
    return install.bytes_done / seconds if seconds >= 1 else None


def _left(install: Install, total: int | None, rate: float | None) -> float | None:
    if install.written_at is not None or not total or not rate:
        return None
    return max(0.0, (total - install.bytes_done) / rate)


def _caller(install: Install) -> CallerShape | None:
    said = install.claimed_by
    if said is None:
        return None
    disks = [DiskShape(serial=one["serial"], size=one["size"], name=one["model"]) for one in said["disks"]]
    return CallerShape(**{name: said[name] for name in CallerShape.model_fields if name != "disks"}, disks=disks)


def _first_boot(install: Install, row: Job, *, staff: bool) -> FirstBootShape | None:
    said = install.first_boot
    if said is None:
        return None
    return FirstBootShape(
        at=install.first_boot_at,
        host_name=said.get("host_name"),
        kernel=said.get("kernel"),
        host_keys=said.get("host_keys") or [],
        notes=told(said.get("notes") or [], staff=staff),
        login=_login(row.parameters, said),
    )


def _login(parameters: dict[str, Any], said: dict[str, Any]) -> str | None:
    """SSH takes keys alone. By the address that was chosen, else by the name: where it calls from may be a NAT's."""
    if not parameters.get("ssh_key_fingerprints"):
        return None
    fixed = (parameters.get("network") or {}).get("addresses") or []
    where = fixed[0].partition("/")[0] if fixed else parameters.get("host_name") or said.get("host_name")
    return f"ssh root@{where}"


def _log(session: Session, install: Install, *, staff: bool, after: int, most: int) -> LogShape:
    first = min(after if after >= 0 else max(0, install.log_lines - most), install.log_lines)
    begin = select(func.max(InstallLog.first)).where(InstallLog.job_id == install.job_id, InstallLog.first <= first)
    query = select(InstallLog).where(
        InstallLog.job_id == install.job_id, InstallLog.first >= func.coalesce(begin.scalar_subquery(), 0)
    )
    lines: list[str] = []
    for row in session.scalars(query.order_by(InstallLog.first)):
        here = row.text.split("\n")
        lines += here[max(0, first - row.first) :]
        if len(lines) >= most:
            break
    lines = lines[:most]
    return LogShape(first=first, next=first + len(lines), lines=told(lines, staff=staff))
