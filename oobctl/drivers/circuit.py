"""Whether a BMC that left logins unanswered is asked again: after a growing pause, by one login at a time."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl.constants import SessionPurpose
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.errors import BmcUnreachable
from oobctl.ids import new_id
from oobctl.store import BmcCircuit, database, db_now

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0


class Probed(Exception):
    """Another login asks this BMC now: its result is worth the wait."""


def admit(tx: Session, endpoint: EndpointAddress, purpose: SessionPurpose, seconds: float) -> str | None:
    """In the transaction that claims a slot. Returns the probe's name where the login is one (it may take `seconds`).

    A poll waits for the pause to be over, raising BmcUnreachable until then; what a person or a job asks for is asked
    at once. Raises Probed where another login asks now.
    """
    row = tx.get(BmcCircuit, endpoint.id)
    if row is None or not row.failures:
        return None
    now = tx.scalar(select(db_now())) or 0.0
    if row.probe is not None and _waits(now, row.probe_until):
        raise Probed
    if purpose is SessionPurpose.POLL and _waits(now, row.retry_at):
        raise BmcUnreachable(
            f"The BMC at {endpoint.address} left {row.failures} logins over {endpoint.protocol} in a row unanswered. "
            f"It is asked again in {row.retry_at - now:.0f} s, or at once by any action.",
            retry_after=round(row.retry_at - now, 1),
        )
    row.probe, row.probe_until = new_id(), now + seconds
    return row.probe


def _waits(now: float, until: float) -> bool:
    """Nobody waits longer than the longest pause: the database's clock was ahead when that was written."""
    return now < until <= now + _LONGEST_SECONDS


def unanswered(endpoint_id: str, probe: str | None) -> None:
    """A login was left unanswered: polls let the BMC be, twice as long each time. What was no probe counts once."""
    with database().write() as tx:
        row = tx.get(BmcCircuit, endpoint_id, with_for_update=True)
        if row is None:
            row = BmcCircuit(endpoint_id=endpoint_id, failures=0, retry_at=0.0, probe_until=0.0)
            tx.add(row)
        elif row.failures and (probe is None or row.probe != probe):
            return
        row.failures += 1
        pause = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(row.failures - 1, 32))
        row.retry_at, row.probe = (tx.scalar(select(db_now())) or 0.0) + pause, None


def answered(endpoint_id: str) -> None:
    """The BMC answered a login, whatever it said: all may ask it."""
    with database().write() as tx:
        tx.execute(
            update(BmcCircuit).where(BmcCircuit.endpoint_id == endpoint_id).values(failures=0, retry_at=0.0, probe=None)
        )
