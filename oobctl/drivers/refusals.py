"""A BMC that refused a password: whether it is asked again, when, and from when on nobody tries it any more.

A BMC that starts refuses good passwords for a while, so one refusal of a secret that has let us in proves nothing. One
that is asked too often locks our user out, so it is asked once more, after a pause, by one login. Times are the
database's.
"""

import hashlib
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.errors import BmcAuthFailed, BmcAuthUnconfirmed
from oobctl.store import Bmc, Credential, Server, database, db_now


def digest(sealed: bytes) -> bytes:
    """What a sealed secret is known by in `credential.let_in`."""
    return hashlib.sha256(sealed).digest()


# --- before a login --------------------------------------------------------------------------------------------------


def check(tx: Session, endpoint: EndpointAddress) -> None:
    """Raises BmcAuthFailed where the credential is parked, BmcAuthUnconfirmed where the BMC is let be for now."""
    row = _row(tx, endpoint.id)
    if row is None:
        return
    if row.parked_at is not None:
        raise parked_error(endpoint, str(row.parked_because))
    now = _now(tx)
    if row.refused_at is not None and row.refused_at <= now < row.retry_at:  # else the clock was ahead then
        raise BmcAuthUnconfirmed(
            f"The BMC at {endpoint.address} refused our {endpoint.protocol} password at {_words(row.refused_at)}. "
            f"It may be starting, so it is asked again at {_words(row.retry_at)}; nothing was sent.",
            retry_after=round(row.retry_at - now, 1),
        )


def asks(tx: Session, endpoint: EndpointAddress, seconds: float) -> None:
    """A login begins, after `check`, which can take so long: after a refusal the others wait for what comes of it."""
    row = _row(tx, endpoint.id)
    if row is not None and row.refused_at is not None:
        row.retry_at = _now(tx) + seconds


def parked_error(endpoint: EndpointAddress, because: str) -> BmcAuthFailed:
    """Why nothing is sent with a parked credential."""
    return BmcAuthFailed(
        f"The {endpoint.protocol} password of this BMC was refused before ({because}), so it was not tried again. "
        "Enter the right one at the endpoint."
    )


# --- after it --------------------------------------------------------------------------------------------------------


def let_in(endpoint_id: str, secret: bytes) -> None:
    """The BMC let us in with the secret of that digest: it is tried first from now on, and refusals are forgotten."""
    with database().read() as tx:
        row = _row(tx, endpoint_id)
        if row is None or (row.let_in, row.refused_at) == (secret, None):
            return
    with database().write() as tx:
        new = {"let_in": secret, "refused_at": None, "retry_at": 0.0}
        tx.execute(update(Credential).where(Credential.endpoint_id == endpoint_id).values(**new))


def refused(endpoint: EndpointAddress, tried: set[bytes], pause: float, refusal: BmcAuthFailed) -> None:
    """The BMC refused the secrets of these digests. Nothing comes of it where somebody changed them meanwhile.

    Returns where the credential is parked. Raises BmcAuthUnconfirmed where one of them has let us in, and this is
    the first refusal of it, or not `pause` seconds after the first: it is asked again then. While the BMC restarts by
    our command, refusals count for nothing.
    """
    with database().write() as tx:
        row = _row(tx, endpoint.id, lock=True)
        if row is None or row.parked_at is not None:
            return
        held = {digest(sealed) for sealed in (row.sealed, row.next_sealed) if sealed is not None}
        if not held <= tried:
            return
        now = _now(tx)
        up_since = tx.scalar(select(Bmc.restarts_until).where(Bmc.id == endpoint.bmc_id)) or 0.0
        before = row.refused_at if row.refused_at is not None and now >= row.refused_at + pause else None
        confirmed = before is not None and before >= up_since
        if now >= up_since and (row.let_in not in held or confirmed):
            row.parked_at, row.parked_because = clock.now(), refusal.message
            row.refused_at, row.retry_at = None, 0.0
            return
        if row.refused_at is None or before is not None or row.refused_at > now:
            row.refused_at = now
        row.retry_at = row.refused_at + pause
        again = row.retry_at
    raise BmcAuthUnconfirmed(
        f"{refusal.message} It may be starting, so it is asked again at {_words(again)}, and until then nothing is "
        "sent. Refused then too, a password that had let us in counts as wrong."
    ) from refusal


def restarts(server_id: str, seconds: float) -> None:
    """The BMC of that server is made to restart: for so long no refusal of its counts. Call it before the command."""
    with database().write() as tx:
        bmc = tx.get_one(Bmc, tx.get_one(Server, server_id).bmc_id)
        bmc.restarts_until = _now(tx) + seconds


def _row(tx: Session, endpoint_id: str, *, lock: bool = False) -> Credential | None:
    query = select(Credential).where(Credential.endpoint_id == endpoint_id)
    return tx.scalar(query.with_for_update() if lock else query)


def _now(tx: Session) -> float:
    return tx.scalar(select(db_now())) or 0.0


def _words(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S UTC")
