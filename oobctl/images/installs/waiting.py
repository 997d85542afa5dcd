"""What a worker allows an installer, and what it sees of it."""

from typing import Any

from sqlalchemy import select, update

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import BootPath
from oobctl.drivers.identity import normalise_mac, normalise_uuid
from oobctl.errors import InstallFailed
from oobctl.images.installs.orders import Orders
from oobctl.images.installs.phases import Phase
from oobctl.store import Install, Process, Server, database, db_now


def prepare(job_id: str, orders: Orders | None, expects: dict[str, Any], boot_path: BootPath) -> None:
    """What the installer will be told, and who it must be; an installer that has claimed keeps what it was told.

    orders: None where a script of somebody's own is started in place of an installer.
    """
    with database().write() as session:
        session.execute(
            update(Install)
            .where(Install.job_id == job_id, Install.claimed_at.is_(None))
            .values(orders=orders.as_json() if orders else None, expects=expects, boot_path=boot_path)
        )


def told_disks(job_id: str) -> list[str]:
    """The serial numbers of the disks that were chosen when it was asked for; none where none was known then."""
    return list((row(job_id).expects or {}).get("disks") or ())


def expected_uuid(install: Install) -> str | None:
    """Of the machine that it is for; None where that is not known, or a placeholder."""
    return normalise_uuid((install.expects or {}).get("system_uuid"))


def expected_macs(install: Install) -> tuple[str, ...]:
    """Of that machine's network cards, as far as they are known."""
    return tuple(mac for said in (install.expects or {}).get("macs") or () if (mac := normalise_mac(said)))


def path_of(job_id: str) -> BootPath:
    """From where the job starts its installer, once `prepare` has said so."""
    with database().read() as session:
        path = session.get_one(Install, job_id).boot_path
    assert path is not None
    return path


def row(job_id: str) -> Install:
    """The install, whatever became of it."""
    with database().read() as session:
        return session.get_one(Install, job_id)


def allow(job_id: str, moment: str) -> None:
    """From now on the installer may do that: `moment` is armed_at or one of may_..._at. The first time stays."""
    column = getattr(Install, moment)
    with database().write() as session:
        session.execute(update(Install).where(Install.job_id == job_id, column.is_(None)).values({moment: clock.now()}))


def look(job_id: str) -> Install:
    """The install as it stands. Raises InstallFailed where it cannot go on: refused, failed, stopped by an alarm."""
    with database().read() as session:
        found = session.get_one(Install, job_id)
    if found.alarm is not None:
        raise InstallFailed(
            f"{found.alarm} The reinstall was stopped. Look at both machines: one of them has no business with it.",
            alarm=True,
        )
    if found.phase == Phase.REFUSED:
        raise InstallFailed(f"The installer refused. {found.reason}", installer=found.reason)
    if found.phase == Phase.FAILED:
        raise InstallFailed(f"The installer failed: {found.reason}.", installer=found.reason)
    return found


class Silence:
    """How long an installer that was at work has said nothing, as far as there was somebody to hear it.

    It counts from when it is watched: installers try again until they are heard, so a boot service, a worker or a
    database that was away is no reason to take one for dead. longest: seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._heard = clock.now()

    def check(self, found: Install) -> None:
        """Raises InstallFailed where it is too long."""
        now = clock.now()
        self._heard = max(self._heard, found.heard_at or now)
        if (now - self._heard).total_seconds() <= self._longest:
            return
        if not _is_heard(found.server_id):
            self._heard = now
            return
        silent = (now - (found.heard_at or now)).total_seconds()
        raise InstallFailed(
            f"The installer has said nothing for {silent:.0f} s; last: {found.phase or 'its claim'}. "
            "Look at the server's screen."
        )


def _is_heard(server_id: str) -> bool:
    """Whether a boot service of the server's site is alive."""
    site = select(Server.site_id).where(Server.id == server_id).scalar_subquery()
    alive = select(Process.id).where(
        Process.kind == "boot", Process.site_id == site, Process.seen > db_now() - settings().dead_after_seconds
    )
    with database().read() as session:
        return session.scalar(alive.limit(1)) is not None
