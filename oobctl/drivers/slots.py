"""The session slots of a BMC: a row is claimed before a login, removed after the logout, counted over all processes."""

from dataclasses import dataclass
from time import monotonic

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.errors import BmcAuthFailed, BmcSessionsExhausted, BmcUnreachable
from oobctl.ids import new_id
from oobctl.store import Bmc, BmcSession, Credential, database, db_now

STALE_SECONDS = 120.0  # without a heartbeat for so long a session is nobody's
_BEAT_SECONDS = 10.0


@dataclass(frozen=True)
class Leftover:
    """A session that a dead process, or a failed logout, left open at the BMC."""

    id: str
    native_id: str | None


class Slot:
    """One of our sessions at a BMC. `limit`: how many of the protocol all our processes may have there."""

    def __init__(self, endpoint: EndpointAddress, limit: int, purpose: SessionPurpose, holder: str) -> None:
        self._endpoint, self._limit, self._purpose, self._holder = endpoint, limit, purpose, holder
        self._id: str | None = None
        self._beaten = 0.0
        self._retired = False

    def claim(self) -> list[Leftover]:
        """Take a slot; call it before the login. Returns what dead processes left open, to be ended after the login.

        Raises BmcAuthFailed where the credential was parked meanwhile, BmcSessionsExhausted where no slot is left,
        BmcUnreachable after `retire`.
        """
        if self._retired:
            raise BmcUnreachable(f"The connection to the BMC at {self._endpoint.address} was closed meanwhile.")
        with database().write() as tx:
            tx.execute(select(Bmc.id).where(Bmc.id == self._endpoint.bmc_id).with_for_update())  # one claim at a time
            _refuse_parked(tx, self._endpoint)
            alive, leftovers = self._taken(tx)
            if len(alive) >= self._limit:
                raise self._exhausted(alive)
            self._id = new_id()
            tx.add(
                BmcSession(
                    id=self._id,
                    bmc_id=self._endpoint.bmc_id,
                    protocol=self._endpoint.protocol,
                    purpose=self._purpose,
                    holder=self._holder,
                    heartbeat=db_now(),
                )
            )
        self._beaten = monotonic()
        return leftovers

    def _taken(self, tx: Session) -> tuple[list[BmcSession], list[Leftover]]:
        now = tx.scalar(select(db_now())) or 0.0
        rows = tx.scalars(
            select(BmcSession).where(
                BmcSession.bmc_id == self._endpoint.bmc_id, BmcSession.protocol == self._endpoint.protocol
            )
        ).all()
        alive = [row for row in rows if row.heartbeat > now - STALE_SECONDS]
        return alive, [Leftover(row.id, row.native_id) for row in rows if row not in alive]

    def _exhausted(self, alive: list[BmcSession]) -> BmcSessionsExhausted:
        holders = ", ".join(sorted(f"{row.holder} ({row.purpose})" for row in alive))
        return BmcSessionsExhausted(
            f"All {self._limit} {self._endpoint.protocol} sessions that oobctl may open at this BMC are taken, by "
            f"{holders}. Try again when one of them has ended.",
            holders=[row.holder for row in alive],
        )

    def opened(self, native_id: str) -> None:
        """Note the BMC's own name of the session, right after the login."""
        self._update(native_id=native_id, heartbeat=db_now())

    def retire(self) -> None:
        """No login over this slot any more: a thread that still reads must not open a session that nobody closes."""
        self._retired = True

    def beat(self) -> None:
        """Say that the session is in use; writes only now and then."""
        if self._id is not None and monotonic() - self._beaten > _BEAT_SECONDS:
            self._beaten = monotonic()
            self._update(heartbeat=db_now())

    def release(self) -> None:
        """The session is closed at the BMC, or was never opened: the slot is free."""
        if self._id is not None:
            forget(self._id)
            self._id = None

    def abandon(self) -> None:
        """The logout failed: the row stays, visibly nobody's, until the next login ends the session."""
        if self._id is not None:
            disown(self._id)
            self._id = None

    def _update(self, **values: object) -> None:
        if self._id is None:
            return
        with database().write() as tx:
            tx.execute(update(BmcSession).where(BmcSession.id == self._id).values(**values))


def limit_of(protocol: Protocol, ours: int, purpose: SessionPurpose) -> int:
    """Polling leaves one of our slots for actions, where there is more than one."""
    return max(1, ours - 1) if purpose is SessionPurpose.POLL else ours


def forget(session_id: str) -> None:
    """Remove the row of a session that is no more."""
    with database().write() as tx:
        tx.execute(delete(BmcSession).where(BmcSession.id == session_id))


def disown(session_id: str) -> None:
    """Leave a session's row to whoever logs in next: it is nobody's, and still open at the BMC."""
    with database().write() as tx:
        tx.execute(update(BmcSession).where(BmcSession.id == session_id).values(heartbeat=0.0))


def disown_all(holder: str) -> list[BmcSession]:
    """As `disown`, for all that a dead process held. Returns these."""
    with database().write() as tx:
        rows = tx.scalars(select(BmcSession).where(BmcSession.holder == holder)).all()
        for row in rows:
            row.heartbeat = 0.0
        return list(rows)


def beat_all(holder: str) -> None:
    """Refresh every session of one holder, for a process that keeps many warm. What was disowned stays nobody's."""
    held = (BmcSession.holder == holder, BmcSession.heartbeat > 0)
    with database().write() as tx:
        tx.execute(update(BmcSession).where(*held).values(heartbeat=db_now()))


def _refuse_parked(tx: Session, endpoint: EndpointAddress) -> None:
    because = tx.scalar(
        select(Credential.parked_because).where(
            Credential.endpoint_id == endpoint.id, Credential.parked_at.is_not(None)
        )
    )
    if because is not None:
        raise parked_error(endpoint, because)


def parked_error(endpoint: EndpointAddress, because: str) -> BmcAuthFailed:
    """Why nothing is sent with a parked credential."""
    return BmcAuthFailed(
        f"The {endpoint.protocol} password of this BMC was refused before ({because}), so it was not tried again. "
        "Enter the right one at the endpoint."
    )
