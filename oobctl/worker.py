"""A site's worker: carries its jobs out, and asks for what is due: overrides, users, passwords, silent BMCs."""

import threading
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, or_, select, update

from oobctl import clock, control, profiles, vault
from oobctl.access import SYSTEM
from oobctl.audit import refusals
from oobctl.config import settings
from oobctl.constants import ENDED_STATES, BootEnabled, BootSource, Lifecycle
from oobctl.errors import OobctlError
from oobctl.healing import heal_silent
from oobctl.ids import new_id
from oobctl.installation import find_site, key_path
from oobctl.jobs import engine, recovery
from oobctl.store import (
    Account,
    Bmc,
    BmcUser,
    BootOverride,
    Credential,
    Endpoint,
    Install,
    Job,
    JobSecret,
    Server,
    database,
)

log = structlog.get_logger()

_CLEAR_AGAIN_SECONDS = 300
_ROTATE = "bmc.rotate_password"
_ROTATED_AT_ONCE = 3


def run(site: str, stop: threading.Event) -> None:
    """Work for a site until `stop` is set. Raises ConfigurationError where its key or the tables are missing."""
    found = find_site(site)
    vault.read_key(key_path(found.id))
    profiles.load_all()
    executor = f"worker-{new_id()}"
    recovery.beat(executor, "worker", found.id, first=True)
    heart = recovery.Beating(executor, "worker", found.id)
    heart.start()
    keeper = recovery.Recovery(executor, found.id, control.find, lambda: _tidy(found.id))
    keeper.start()
    try:
        keeper.runner = engine.launch(found.id, executor, control.find)
        log.info("the worker is ready", site=site, worker=executor)
        stop.wait()
    finally:
        keeper.stop()  # it takes over by the engine
        engine.stop()  # the heart beats on meanwhile: nobody must take over what is being handed over
        heart.stop()
        recovery.leave(executor)


def _tidy(site_id: str) -> None:
    with database().write() as session:
        refusals.tell_counted(session)
    clear_overrides(site_id)
    remove_expired_users(site_id)
    release_servers(site_id)
    forget_secrets()
    rotate_passwords(site_id)
    heal_silent(site_id)


def clear_overrides(site_id: str) -> None:
    """Ask for the end of boot-once overrides that a boot has used, or that expired: the job reads before it acts."""
    now = clock.now()
    due = (
        select(BootOverride)
        .join(Server)
        .where(
            Server.site_id == site_id,
            BootOverride.closed_at.is_(None),
            or_(BootOverride.expires_at <= now, BootOverride.boot_seen_at.is_not(None)),
        )
    )
    with database().read() as session:
        rows = [(row, session.get_one(Server, row.server_id).bmc.profile) for row in session.scalars(due)]
    for row, profile in rows:
        try:
            if row.expires_at <= now or _used(row, profile, now):
                _clear(row, now)
        except OobctlError as error:
            log.info("a boot override waits to be cleared", server=row.server_id, because=error.message)


def _used(row: BootOverride, profile: str, now: datetime) -> bool:
    """A boot began so long ago that the firmware has surely used the override."""
    used_within = timedelta(seconds=profiles.find(profile).boot.used_within)
    return row.boot_seen_at is not None and row.boot_seen_at + used_within <= now


def _clear(row: BootOverride, now: datetime) -> None:
    """One job; another one while it is not closed, but only every few minutes."""
    wanted = {"source": BootSource.NONE, "enabled": BootEnabled.DISABLED}
    attempt = int(now.timestamp() // _CLEAR_AGAIN_SECONDS)
    control.submit(SYSTEM, "boot.set", row.server_id, wanted, idempotency_key=f"override-{row.id}-{attempt}")


def remove_expired_users(site_id: str) -> None:
    """Ask for the end of temporary BMC users whose time is over; one that was never made is just forgotten.

    Over as well: that of one whose account was suspended while its job was under way.
    """
    now = clock.now()
    due = (
        select(BmcUser)
        .join(Server)
        .join(Job, Job.id == BmcUser.job_id)
        .outerjoin(Account, Account.id == Job.account_id)
        .where(Server.site_id == site_id, BmcUser.removed_at.is_(None))
        .where(or_(BmcUser.expires_at <= now, Account.suspended_at >= Job.created_at))
        .where(Server.lifecycle != Lifecycle.RETIRED)  # retired by force: there is no password to get in with
    )
    with database().write() as session:
        rows = list(session.scalars(due))
        for row in rows:
            if row.active_from is None and session.get_one(Job, row.job_id).state.ended:
                row.removed_at = now
    for row in rows:
        if row.active_from is not None:
            attempt = int(now.timestamp() // _CLEAR_AGAIN_SECONDS)
            _ask("bmc.user_remove", row.server_id, {"name": row.name}, f"bmc-user-{row.id}-{attempt}")


def release_servers(site_id: str) -> None:
    """Ask for the end of what last tenants set at BMCs; of one that is silent when it answers again."""
    now = clock.now()
    due = select(Server.id, Server.uncleared_since).where(
        Server.site_id == site_id,
        Server.uncleared_since.is_not(None),
        Server.silent_since.is_(None),
        Server.lifecycle.in_((Lifecycle.READY, Lifecycle.ASSIGNED, Lifecycle.SUSPENDED)),
    )
    with database().read() as session:
        rows = session.execute(due).all()
    for server_id, since in rows:
        assert since is not None
        attempt = int(now.timestamp() // _CLEAR_AGAIN_SECONDS)
        _ask("server.release", server_id, {}, f"release-{server_id}-{since.timestamp():.6f}-{attempt}")


def forget_secrets() -> None:
    """What a job needed, and will need no more."""
    ended = select(Job.id).where(Job.id == JobSecret.job_id, Job.state.in_(ENDED_STATES)).exists()
    with database().write() as session:
        session.execute(delete(JobSecret).where(ended))
        over = select(Job.id).where(Job.id == Install.job_id, Job.state.in_(ENDED_STATES)).exists()
        still = Install.closed_at.is_(None) | Install.sealed.is_not(None)
        session.execute(update(Install).where(over, still).values(sealed=None, closed_at=clock.now()))


def rotate_passwords(site_id: str) -> None:
    """The fleet's rotation: passwords that are older than the installation wants, a few BMCs at a time."""
    days = settings().rotate_passwords_days
    if not days:
        return
    oldest = clock.now() - timedelta(days=days)
    waiting = Job.state.not_in(ENDED_STATES)
    due = (
        select(Bmc.id, func.min(Server.id))
        .join(Server, Server.bmc_id == Bmc.id)
        .join(Endpoint, Endpoint.bmc_id == Bmc.id)
        .join(Credential)
        .where(
            Bmc.site_id == site_id,
            Server.lifecycle.in_((Lifecycle.READY, Lifecycle.ASSIGNED)),
            Server.silent_since.is_(None),
            Credential.parked_at.is_(None),
            Credential.refused_at.is_(None),
            func.coalesce(Credential.rotated_at, Credential.created_at) <= oldest,
        )
        .group_by(Bmc.id)
        .order_by(func.min(func.coalesce(Credential.rotated_at, Credential.created_at)))
    )
    with database().read() as session:
        open_now = session.scalar(select(func.count()).where(Job.action == _ROTATE, Job.site_id == site_id, waiting))
        room = _ROTATED_AT_ONCE - (open_now or 0)
        rows = session.execute(due.limit(max(0, room))).all() if room > 0 else []
    today = clock.now().date().isoformat()  # one try a day: a BMC that refuses is not asked again and again
    for bmc_id, server_id in rows:
        _ask(_ROTATE, server_id, {}, f"rotate-{bmc_id}-{today}")


def _ask(action: str, server_id: str, parameters: dict[str, object], key: str) -> None:
    """As the system; a server that is busy or may not be asked now waits for the next round."""
    try:
        control.submit(SYSTEM, action, server_id, parameters, idempotency_key=key)
    except OobctlError as error:
        log.info("a server waits for what is due", action=action, server=server_id, because=error.message)
