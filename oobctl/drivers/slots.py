"""The session slots of a BMC: a row is claimed before a login, removed after the logout, counted over all processes."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, sleep

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from oobctl.config import settings
from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import circuit, loops, refusals
from oobctl.drivers.holders import alive, line_held, nobodys
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.errors import BmcBusy, BmcSessionsExhausted, BmcUnreachable, StoreUnavailable
from oobctl.ids import new_id
from oobctl.store import Bmc, BmcSession, database, db_now

_BEAT_SECONDS = 10.0
_HEART_SECONDS = 1.0  # between two heartbeats of a process
_LOOK_SECONDS = 0.1
_held: dict[str, float] = {}
"""The rows that this process uses (for what it lost track of it does not beat), and when by time.monotonic() each was
last known to be ours."""


@dataclass(frozen=True)
class Leftover:
    """A session that a dead process, or a failed logout, left open at the BMC.

    native_id None: its login, begun at `began`, came to nothing half way; maybe it left a session. line: the BMC may
    hold a serial line for it. kept: what its log-out needs is in its row (launch_slot): a gateway ends it.
    """

    id: str
    native_id: str | None
    began: datetime
    shared: bool
    line: bool = False
    kept: bool = False


@dataclass(frozen=True)
class Joined:
    """A session that another login opened, and its token."""

    native_id: str
    token: str = field(repr=False)


class _Passing(Exception):
    """No slot is left, and one that is taken is about to be another's: its login or its logout is under way."""

    def __init__(self, full: BmcSessionsExhausted) -> None:
        self.full = full


class Slot:
    """One of our sessions at a BMC. `limit`: how many of the protocol all our processes may have there.

    patience: seconds that a login may take, and so the longest wait for another one's.
    """

    shares = False
    crowded = False  # with what dead processes left there is no room: that is to be ended before the login
    joined: Joined | None = None

    def __init__(
        self, endpoint: EndpointAddress, limit: int, purpose: SessionPurpose, holder: str, *, patience: float = 20.0
    ) -> None:
        self._endpoint, self._limit, self.purpose, self._holder = endpoint, limit, purpose, holder
        self._patience = patience
        self._id: str | None = None
        self._probe: str | None = None
        self._retired = False

    def claim(self) -> list[Leftover]:
        """Take a slot; call it before the login. Returns what dead processes left open, to be ended after the login.

        Waits for another login that is under way, and where all slots are taken for as long as one of them comes to
        something (for no longer than a login takes). Raises BmcAuthFailed where the credential was parked meanwhile,
        BmcAuthUnconfirmed where the BMC refused it and is let be for now, BmcSessionsExhausted where no slot is left,
        BmcUnreachable after `retire` and where the BMC is let be, BmcBusy where the other login takes too long.
        """
        began = monotonic()
        while True:
            if self._retired:
                raise BmcUnreachable(f"The connection to the BMC at {self._endpoint.address} was closed meanwhile.")
            try:
                with database().write() as tx:
                    tx.execute(select(Bmc.id).where(Bmc.id == self._endpoint.bmc_id).with_for_update())  # one at a time
                    refusals.check(tx, self._endpoint)
                    found = self._take(tx)
                    if self.joined is None:
                        refusals.asks(tx, self._endpoint, 2 * self._patience)
            except _Passing as passing:
                if monotonic() - began > self._patience:
                    raise passing.full from None
                sleep(_LOOK_SECONDS)
                continue
            except circuit.Probed:
                if monotonic() - began > 2 * self._patience:
                    raise BmcBusy(
                        f"Another login of oobctl at the BMC at {self._endpoint.address} has been under way for long. "
                        "Try again in a minute.",
                        retry_after=_BEAT_SECONDS,
                    ) from None
                sleep(_LOOK_SECONDS)
                continue
            if self._id is not None:
                _held[self._id] = monotonic()
            return found

    def _take(self, tx: Session) -> list[Leftover]:
        """A row of our own. Raises circuit.Probed where another login has to end first, _Passing where one may."""
        self._probe = circuit.admit(tx, self._endpoint, self.purpose, 2 * self._patience)
        living, dead = self._taken(tx)
        taken = len({row.native_id or row.id for row in living})
        if taken >= self._limit:
            full = self._exhausted(living)
            raise _Passing(full) if any(_passes(row) for row in living) else full
        for row in dead:
            row.heartbeat = nobodys(row)  # who holds it and was silent for too long sees that it was given away
        used = {row.native_id for row in living if row.native_id is not None}
        left = [row for row in dead if row.native_id not in used]
        lines = set(tx.scalars(select(BmcSession.id).where(line_held(), BmcSession.bmc_id == self._endpoint.bmc_id)))
        leftovers = [
            Leftover(row.id, row.native_id, row.opened_at, row.shared, row.id in lines, keeps(row)) for row in left
        ]
        self.crowded = taken + len(leftovers) >= self._limit
        self._put(tx)
        return leftovers

    def _put(self, tx: Session, **more: object) -> None:
        self._id = new_id()
        _held[self._id] = 0.0
        row = BmcSession(id=self._id, bmc_id=self._endpoint.bmc_id, protocol=self._endpoint.protocol)
        row.purpose, row.holder, row.shared = self.purpose, self._holder, self.shares
        for name, value in more.items():
            setattr(row, name, value)
        row.heartbeat = tx.scalar(select(db_now())) or 0.0
        tx.add(row)

    def _taken(self, tx: Session) -> tuple[list[BmcSession], list[BmcSession]]:
        """Our rows here: the living ones, and those that nobody holds."""
        ours = (BmcSession.bmc_id == self._endpoint.bmc_id, BmcSession.protocol == self._endpoint.protocol)
        rows = tx.execute(select(BmcSession, alive()).where(*ours).order_by(BmcSession.id)).all()
        return [row for row, lives in rows if lives], [row for row, lives in rows if not lives]

    def refuse_crowd(self, before: Sequence[Leftover]) -> None:
        """After what was left was to be ended: a poll does not log in where it could not be, an action does.

        Raises BmcSessionsExhausted; the slot is given back then.
        """
        with database().read() as tx:
            left = tx.scalars(select(BmcSession.id).where(BmcSession.id.in_([one.id for one in before]))).all()
        if len(left) >= self._limit and self.purpose is SessionPurpose.POLL:
            self.release()
            raise BmcSessionsExhausted(
                f"{len(left)} sessions that oobctl left at the BMC at {self._endpoint.address} could not be ended. "
                "What is free there is left to people. They end by themselves, mostly within half an hour."
            )

    def _exhausted(self, living: list[BmcSession]) -> BmcSessionsExhausted:
        holders = ", ".join(sorted(f"{row.holder} ({row.purpose})" for row in living))
        return BmcSessionsExhausted(
            f"All {self._limit} {self._endpoint.protocol} sessions that oobctl may open at this BMC are taken, by "
            f"{holders}. Try again when one of them has ended.",
            holders=[row.holder for row in living],
        )

    def unanswered(self) -> None:
        """The login was left unanswered: others let the BMC be for a while."""
        circuit.unanswered(self._endpoint.id, self._probe)
        self._probe = None

    def answered(self) -> None:
        """The BMC answered the login, whatever it said."""
        if self._probe is not None:
            circuit.answered(self._endpoint.id)
            self._probe = None

    def opened(self, native_id: str, token: str | None = None) -> None:
        """Note the BMC's own name of the session, right after the login; the token, for those who may share it.

        Raises BmcBusy where the slot was given away in the meantime: then the session is to be ended.
        """
        self._note(native_id=native_id)

    def _note(self, **values: object) -> None:
        if not self._update(heartbeat=db_now(), **values):
            raise BmcBusy(
                f"oobctl stood still in its login at the BMC at {self._endpoint.address}, and was taken for dead. "
                "Try again.",
                retry_after=_BEAT_SECONDS,
            )

    def alone(self) -> None:
        """The BMC has no sessions, or gave one that nobody else can use: there is nothing to share."""

    def leave(self, *, whole: bool = False) -> bool:
        """Before a logout. Returns whether the session is to be ended at the BMC; where not, the slot is given back.

        whole: it is to be ended whoever else uses it: they log in anew.
        """
        return True

    def void(self) -> None:
        """The session is no more: nobody joins it."""

    def retire(self) -> None:
        """No login over this slot any more: a thread that still reads must not open a session that nobody closes."""
        self._retired = True

    def holds(self) -> bool:
        """Whether the slot is still ours: asked before each use of the session, and written down now and then.

        False where this process stood still for so long that others took it for dead: the session may be ended, and
        the slot another's. Where that can't be told, a reading goes on (who takes over needs the database too), and
        what acts raises StoreUnavailable.
        """
        if self._id is None:
            return False
        now = monotonic()
        if now - _held.get(self._id, 0.0) > _sure_seconds():
            return loops.aside(lambda: self._look_up(now))
        return True

    def _look_up(self, now: float) -> bool:
        try:
            if not self._update(heartbeat=db_now()):
                return False
        except StoreUnavailable:
            if self.purpose is not SessionPurpose.POLL:
                raise
        if self._id is not None:
            _held[self._id] = now
        return True

    def release(self) -> None:
        """The session is closed at the BMC, or was never opened: the slot is free."""
        free, self._id = self._id, None
        if free is not None:
            _held.pop(free, None)
            forget(free)

    def _forget_own(self) -> None:
        if self._id is not None:
            _held.pop(self._id, None)
            self._id = None

    def abandon(self) -> None:
        """The logout failed: the row stays, visibly nobody's, until the next login ends the session."""
        if self._id is not None:
            _held.pop(self._id, None)
            disown(self._id)
            self._id = None

    def give_back(self) -> None:
        """The login failed in an unforeseen way: whatever it left, the row keeps nobody waiting. Never raises."""
        lost, self._id = self._id, None
        if lost is not None:
            _held.pop(lost, None)
            with suppress(StoreUnavailable):  # then it is stale before long: nobody beats for it any more
                disown(lost)

    def _update(self, **values: object) -> bool:
        """Write into our row. False where it is ours no more: another one's word on that is never written over."""
        if self._id is None:
            return False
        ours = (BmcSession.id == self._id, BmcSession.heartbeat > 0)
        with database().write() as tx:
            written = tx.execute(update(BmcSession).where(*ours).values(**values).returning(BmcSession.id))
            return written.first() is not None


def keeps(row: BmcSession) -> bool:
    """Whether what a log-out needs stands in the row (launch_slot)."""
    return row.token is not None and not row.shared


def _passes(row: BmcSession) -> bool:
    """Its login is under way, or its session is being ended or was lost, and is about to be given back."""
    return row.native_id is None or (row.shared and row.token is None)


def _sure_seconds() -> float:
    """For how long after its word in the database nobody can have taken this process for dead."""
    return min(_BEAT_SECONDS, max(0.0, settings().dead_after_seconds - _HEART_SECONDS))


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
        row = tx.get(BmcSession, session_id)
        if row is not None:
            row.heartbeat = nobodys(row)


@dataclass(frozen=True)
class Others:
    """What else of ours is at a BMC.

    names: of sessions, as it calls them. busy: a login is under way. half: how many logins died in it.
    """

    names: frozenset[str]
    busy: bool
    half: int


def others(endpoint: EndpointAddress, but: str) -> Others:
    """All of our rows but one."""
    ours = (BmcSession.bmc_id == endpoint.bmc_id, BmcSession.protocol == endpoint.protocol, BmcSession.id != but)
    with database().read() as tx:
        rows = tx.execute(select(BmcSession, alive()).where(*ours)).all()
    nameless = [(row, lives) for row, lives in rows if row.native_id is None]
    busy = any(lives for _, lives in nameless)
    half = sum(row.shared and not lives for row, lives in nameless)
    return Others(frozenset(row.native_id for row, _ in rows if row.native_id is not None), busy, half)


def disown_all(holder: str) -> list[BmcSession]:
    """As `disown`, for all that a dead process held. Returns these."""
    with database().write() as tx:
        rows = tx.scalars(select(BmcSession).where(BmcSession.holder == holder)).all()
        for row in rows:
            row.heartbeat = nobodys(row)
        return list(rows)


def beat_all(holder: str) -> None:
    """Refresh every session of one holder, for a process that keeps many warm.

    What was disowned stays nobody's, and what the process lost track of becomes so.
    """
    held = (BmcSession.holder == holder, BmcSession.heartbeat > 0)
    began = monotonic()
    with database().write() as tx:
        ours = tx.scalars(select(BmcSession.id).where(*held)).all()
        now = tx.scalar(select(db_now())) or 0.0
        rows = [{"id": row, "heartbeat": now if row in _held else 0.0} for row in ours]
        if rows:
            tx.execute(update(BmcSession), rows)
    _known(ours, began)


def look_all(holder: str) -> None:
    """See that every session of one holder is still ours, so that none has to be looked up at its next use."""
    began = monotonic()
    with database().read() as tx:
        ours = tx.scalars(select(BmcSession.id).where(BmcSession.holder == holder, BmcSession.heartbeat > 0)).all()
    _known(ours, began)


def _known(ours: Sequence[str], at: float) -> None:
    for row in ours:
        known = _held.get(row)  # another thread may give it back meanwhile
        if known is not None:
            _held[row] = max(at, known)
