"""The one Redfish session that a site's processes share at a BMC: joined, left, and ended by the last who leaves.

Each that uses it has a row of its own with the same native_id. The token in the rows is sealed to the site; a session
that is being ended, or that the BMC no longer knows, has none, so nobody joins it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from oobctl.constants import SessionPurpose
from oobctl.drivers import circuit
from oobctl.drivers.holders import alive
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.slots import Joined, Leftover, Slot
from oobctl.errors import ConfigurationError
from oobctl.store import Bmc, BmcSession, database
from oobctl.vault import Secret, read_key, seal, unseal


@dataclass(frozen=True)
class Box:
    """Seals tokens to a site, and opens them with its key. secret: what we would log in with now."""

    endpoint: EndpointAddress
    public_key: bytes
    key: Path
    secret: Callable[[], Secret]

    def closed(self, token: str) -> bytes:
        content = json.dumps({"token": token, "password": _digest(self.secret())})
        return seal(self.public_key, self.endpoint.id, self.endpoint.address, Secret(self.secret().user, content))

    def opened(self, sealed: bytes) -> str | None:
        """The token; None where it was given for another user or password: who has the wrong one must find out."""
        try:
            found = unseal(read_key(self.key), self.endpoint.id, self.endpoint.address, sealed)
        except ConfigurationError:
            return None
        content = json.loads(found.password)
        ours = (found.user, content["password"]) == (self.secret().user, _digest(self.secret()))
        return str(content["token"]) if ours else None


class SharedSlot(Slot):
    """A slot whose login is made once for all that want one. `joined`: set by `claim` where there was a session."""

    shares = True

    def __init__(
        self,
        endpoint: EndpointAddress,
        limit: int,
        purpose: SessionPurpose,
        holder: str,
        box: Box,
        *,
        patience: float = 20.0,
    ) -> None:
        super().__init__(endpoint, limit, purpose, holder, patience=patience)
        self._box = box
        self._native: str | None = None

    def _take(self, tx: Session) -> list[Leftover]:
        self.joined = self._join(tx)
        if self.joined is not None:
            return []
        living, _ = self._taken(tx)
        if any(row.shared and row.native_id is None for row in living):
            raise circuit.Probed
        return super()._take(tx)

    def _join(self, tx: Session) -> Joined | None:
        """Also one that only a dead process held: it need not be ended and opened anew."""
        living, dead = self._taken(tx)
        for row in [*living, *dead]:
            if not row.shared or row.token is None or row.native_id is None:
                continue
            token = self._box.opened(row.token)
            if token is None:
                continue
            self._native = row.native_id
            tx.execute(delete(BmcSession).where(*self._same(), ~alive()))
            self._put(tx, native_id=row.native_id, token=row.token)
            return Joined(row.native_id, token)
        return None

    def _same(self) -> tuple[ColumnElement[bool], ...]:
        return (
            BmcSession.bmc_id == self._endpoint.bmc_id,
            BmcSession.protocol == self._endpoint.protocol,
            BmcSession.native_id == self._native,
        )

    def opened(self, native_id: str, token: str | None = None) -> None:
        self._native = native_id
        sealed = self._box.closed(token) if token is not None else None
        self._note(native_id=native_id, token=sealed, shared=sealed is not None)

    def alone(self) -> None:
        self._update(shared=False, token=None)

    def leave(self, *, whole: bool = False) -> bool:
        with database().write() as tx:
            tx.execute(select(Bmc.id).where(Bmc.id == self._endpoint.bmc_id).with_for_update())
            others = (*self._same(), BmcSession.id != self._id)
            used = tx.scalar(select(BmcSession.id).where(*others, alive()).limit(1))
            if used is not None and not whole:
                tx.execute(delete(BmcSession).where(BmcSession.id == self._id))
                self._forget_own()
                return False
            tx.execute(update(BmcSession).where(*self._same()).values(token=None))
            if used is None:
                tx.execute(delete(BmcSession).where(*others))
            return True

    def void(self) -> None:
        if self._native is not None:
            with database().write() as tx:
                tx.execute(update(BmcSession).where(*self._same()).values(token=None))

    def abandon(self) -> None:
        self.void()
        super().abandon()


def ends_with(row_id: str) -> bool:
    """Before the session of a dead process's row is ended: nobody joins it from now on.

    False where somebody uses it, who will end it: then the row is removed.
    """
    with database().write() as tx:
        row = tx.get(BmcSession, row_id)
        if row is None:
            return False
        tx.execute(select(Bmc.id).where(Bmc.id == row.bmc_id).with_for_update())
        same = (
            BmcSession.bmc_id == row.bmc_id,
            BmcSession.protocol == row.protocol,
            BmcSession.native_id == row.native_id,
            BmcSession.id != row_id,
        )
        if row.native_id is not None and tx.scalar(select(BmcSession.id).where(*same, alive()).limit(1)):
            tx.delete(row)
            return False
        row.token = None
        return True


def _digest(secret: Secret) -> str:
    return hashlib.sha256(secret.password.encode()).hexdigest()
