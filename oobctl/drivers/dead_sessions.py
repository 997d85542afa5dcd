"""Sessions of ours at BMCs that nobody holds any more: of dead processes, and where a logout failed."""

import logging
import threading
from dataclasses import dataclass

from sqlalchemy import select

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import launch, redfish, refusals
from oobctl.drivers.holders import alive, line_held
from oobctl.drivers.redfish.loop import loop
from oobctl.drivers.slots import Leftover, disown_all, forget, keeps
from oobctl.drivers.ways import Rows, launch_login, redfish_login, rows_of
from oobctl.errors import NotSupported, OobctlError, StoreUnavailable
from oobctl.store import Bmc, BmcSession, Server, database

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Closed:
    """What came of it. closed: ended at the BMC, or gone there already; left: still open there, as far as is known."""

    closed: int
    left: int


def dead_sessions(server_id: str) -> list[BmcSession]:
    """Our sessions at the BMC of a server that were disowned, or whose heartbeat stands still and whose holder is gone.

    A session of a process that lives is its own, however long it was silent. What others opened is in no row of ours.
    """
    there = select(Server.bmc_id).where(Server.id == server_id).scalar_subquery()
    with database().read() as tx:
        return list(tx.scalars(select(BmcSession).where(BmcSession.bmc_id == there, ~alive())))


def dead_lines(server_id: str) -> list[BmcSession]:
    """Those of them for which the BMC may still hold a serial line."""
    there = select(Server.bmc_id).where(Server.id == server_id).scalar_subquery()
    with database().read() as tx:
        return list(tx.scalars(select(BmcSession).where(BmcSession.bmc_id == there, line_held())))


def close(server_id: str) -> Closed:
    """End the dead sessions at a server's BMC, and free their slots. Never raises for what the BMC answers.

    A Redfish session is deleted with user and password, which needs no free slot. An IPMI session has ended by itself
    within a minute of silence (IPMI 2.0, section 6.12.15): its row is removed, save that of a serial line that the BMC
    may still hold: who opens the line next ends it.
    """
    dead = dead_sessions(server_id)
    closed = sum(_close(row) for row in dead)
    return Closed(closed, len(dead) - closed)


def end_launches(site_id: str) -> None:
    """Log out of BMCs' own pages what nobody holds any more: a killed gateway's, and where a log-out failed.

    Never raises for what a BMC answers; what could not be ended is left to the next time. Raises StoreUnavailable.
    """
    there = select(Bmc.id).where(Bmc.site_id == site_id)
    kept = (BmcSession.token.is_not(None), BmcSession.shared.is_(False))
    with database().read() as tx:
        dead = list(tx.scalars(select(BmcSession).where(BmcSession.bmc_id.in_(there), *kept, ~alive())))
    for row in dead:
        _close(row)


def close_all_of(holder: str) -> None:
    """End at every BMC what a dead process left open there, and free its slots. Returns at once; never raises.

    It is done in a thread: a BMC may be dead as well. What could not be ended is left to the next login there.
    """
    try:
        dead = disown_all(holder)
    except StoreUnavailable as error:
        _log.warning("The sessions of the dead process %s wait: %s", holder, error.message)
        return
    if dead:
        threading.Thread(target=lambda: [_close(row) for row in dead], name="end-sessions", daemon=True).start()


def _close(row: BmcSession) -> bool:
    """True where nothing of it is left: IPMI and VNC end by themselves, one that others use is theirs to end."""
    try:
        if _line(row):
            return False
        if row.protocol is not Protocol.REDFISH or not _end(row):
            forget(row.id)
    except OobctlError as error:
        _log.warning("A session that %s left at a BMC was not ended: %s", row.holder, error.message)
        return False
    with database().read() as tx:
        return tx.get(BmcSession, row.id) is None


def _line(row: BmcSession) -> bool:
    """Whether the BMC may hold a serial line for it."""
    with database().read() as tx:
        return tx.scalar(select(BmcSession.id).where(BmcSession.id == row.id, line_held())) is not None


def _end(row: BmcSession) -> bool:
    """End a Redfish session with user and password, which needs no free slot. False where no server is there now."""
    with database().read() as tx:
        server_id = tx.scalar(select(Server.id).where(Server.bmc_id == row.bmc_id).limit(1))
    if server_id is None:
        return False
    rows = rows_of(server_id)
    login = redfish_login(rows, SessionPurpose(row.purpose), row.holder)
    with database().read() as tx:
        refusals.check(tx, login.endpoint)
    if keeps(row):
        return _end_launch(rows, row)
    redfish.end_leftover(login, Leftover(row.id, row.native_id, row.opened_at, row.shared))
    return True


def _end_launch(rows: Rows, row: BmcSession) -> bool:
    """Log a console in the BMC's own web pages out. False: its row is needed no more.

    Where its profile knows no such console now, or the password changed since, nobody can: it ends there by itself.
    """
    try:
        login, slot = launch_login(rows, row.holder)
    except NotSupported:
        return False
    kept = slot.kept(row.token or b"")
    if kept is not None:
        loop().result(launch.end_left(login, kept))
    return False
