"""Sessions of ours at one BMC that nobody holds any more: a BMC often misbehaves because all of its slots are taken."""

import logging
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl.constants import Protocol
from oobctl.drivers.connect import end_session
from oobctl.drivers.slots import STALE_SECONDS, forget
from oobctl.errors import OobctlError
from oobctl.store import BmcSession, Process, Server, database, db_now

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
    with database().read() as tx:
        bmc_id = tx.scalar(select(Server.bmc_id).where(Server.id == server_id))
        now = tx.scalar(select(db_now())) or 0.0
        alive = set(tx.scalars(select(Process.id)))
        return [row for row in _rows(tx, bmc_id) if _is_dead(row, now, alive)]


def close(server_id: str) -> Closed:
    """End the dead sessions at a server's BMC, and free their slots. Never raises for what the BMC answers.

    A Redfish session is deleted with user and password, which needs no free slot. An IPMI session has ended by itself
    within a minute of silence (IPMI 2.0, section 6.12.15): its row is removed.
    """
    dead = dead_sessions(server_id)
    closed = sum(_close(row) for row in dead)
    return Closed(closed, len(dead) - closed)


def _rows(tx: Session, bmc_id: str | None) -> list[BmcSession]:
    return list(tx.scalars(select(BmcSession).where(BmcSession.bmc_id == bmc_id)))


def _is_dead(row: BmcSession, now: float, alive: set[str]) -> bool:
    if row.heartbeat <= 0:  # disowned: its logout failed, or its holder was found dead
        return True
    return row.heartbeat <= now - STALE_SECONDS and row.holder not in alive


def _close(row: BmcSession) -> bool:
    try:
        if row.protocol == Protocol.REDFISH and row.native_id is not None and not end_session(row, row.native_id):
            return False
    except OobctlError as error:
        _log.warning("A session that %s left at a BMC was not ended: %s", row.holder, error.message)
        return False
    forget(row.id)
    return True
