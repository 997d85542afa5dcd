"""The secrets of an endpoint's credential: which to log in with, and the change of one for the next with no lock-out.

While a password is rotated the row holds two sealed secrets, and one of them is right. The one that let us in last is
tried first; whoever is refused with it tries the other. What a refusal of both means is decided in refusals.py.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import MANAGEMENT
from oobctl.drivers import refusals
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.refusals import digest, parked_error
from oobctl.errors import BmcAuthFailed, ConfigurationError, StoreUnavailable
from oobctl.store import Bmc, Credential, Endpoint, Site, database
from oobctl.vault import Secret, read_key, seal, unseal


class Secrets:
    """The secrets of one endpoint's logins, each given once a login. From any thread that holds the login."""

    def __init__(self, endpoint: EndpointAddress, site_id: str, name: str) -> None:
        self._endpoint, self._site_id, self._name = endpoint, site_id, name
        self._tried: set[bytes] = set()
        self._now = b""  # the digest of the one that was given last

    @property
    def key(self) -> Path:
        """The file with the site's private key."""
        return settings().keys / f"{self._site_id}.key"

    def first(self, credential: Credential | None) -> Secret:
        """The secret that let us in last; else the one that is not a rotation's next.

        Raises BmcAuthFailed where the credential is parked, ConfigurationError where there is none or the key does not
        open it.
        """
        if credential is None:
            raise ConfigurationError(
                f"There is no {self._endpoint.protocol} password for the BMC of {self._name}. Enter it at the endpoint."
            )
        if credential.parked_at is not None:
            raise parked_error(self._endpoint, str(credential.parked_because))
        return self._open(_in_order(credential)[0])

    def best(self) -> Secret | None:
        """Before another login: as `first`, by the row as it is now; None where there is none, or it is parked."""
        row = self._row()
        self._tried.clear()
        return self._open(_in_order(row)[0]) if row is not None else None

    def another(self) -> Secret | None:
        """After a refusal: one that was not tried, as the row is now; None where there is none."""
        row = self._row()
        left = [one for one in _in_order(row) if digest(one) not in self._tried] if row is not None else []
        return self._open(left[0]) if left else None

    def let_in(self) -> None:
        """The BMC took the secret that was given last. Where the database is away that is found out again later."""
        with suppress(StoreUnavailable):
            refusals.let_in(self._endpoint.id, self._now)

    def refused(self, refusal: BmcAuthFailed, pause: float) -> None:
        """All that were given in this login are refused. Raises BmcAuthUnconfirmed as `refusals.refused` does."""
        refusals.refused(self._endpoint, self._tried, pause, refusal)

    def _row(self) -> Credential | None:
        query = select(Credential).where(Credential.endpoint_id == self._endpoint.id, Credential.parked_at.is_(None))
        with database().read() as tx:
            return tx.scalar(query)

    def _open(self, sealed: bytes) -> Secret:
        self._now = digest(sealed)
        self._tried.add(self._now)
        return unseal(read_key(self.key), self._endpoint.id, self._endpoint.address, sealed)


def _in_order(row: Credential) -> list[bytes]:
    """The sealed secrets, the one that let us in last in front: each refused try brings a lock-out nearer."""
    held = [sealed for sealed in (row.sealed, row.next_sealed) if sealed is not None]
    return sorted(held, key=lambda sealed: digest(sealed) != row.let_in)


def only(endpoint: Endpoint, site_id: str, sealed: bytes) -> Secret:
    """One sealed secret of an endpoint, opened. Raises ConfigurationError."""
    return unseal(read_key(settings().keys / f"{site_id}.key"), endpoint.id, endpoint.address, sealed)


# --- rotation --------------------------------------------------------------------------------------------------------


def begin(bmc_id: str, make_password: Callable[[], str]) -> list[str]:
    """Give every credential of a BMC the same next password, for its own user; one that has a next keeps it.

    The others get that one then: a BMC may have one list of users for all protocols. The password of its screen (VNC)
    is none of a user's: it stays.
    It is in the database before anything is sent. Returns the ids of the endpoints.
    """
    with database().write() as tx:
        bmc = tx.get_one(Bmc, bmc_id)
        site = tx.get_one(Site, bmc.site_id)
        password = _next_password(bmc, site.id) or make_password()
        for endpoint in bmc.endpoints:
            credential = endpoint.credential
            if endpoint.protocol not in MANAGEMENT or credential is None or credential.next_sealed is not None:
                continue
            user = only(endpoint, site.id, credential.sealed).user
            credential.next_sealed = seal(site.public_key, endpoint.id, endpoint.address, Secret(user, password))
        changed = [endpoint for endpoint in bmc.endpoints if endpoint.protocol in MANAGEMENT]
        return [endpoint.id for endpoint in changed if endpoint.credential is not None]


def _next_password(bmc: Bmc, site_id: str) -> str | None:
    for endpoint in bmc.endpoints:
        if endpoint.credential is not None and endpoint.credential.next_sealed is not None:
            return only(endpoint, site_id, endpoint.credential.next_sealed).password
    return None


def promote(endpoint_id: str, sealed: bytes) -> bool:
    """The next secret holds: the one before it is forgotten. False where somebody changed the credential meanwhile."""
    new: dict[str, object] = {
        "sealed": sealed,
        "next_sealed": None,
        "rotated_at": clock.now(),
        "let_in": digest(sealed),
    }
    new |= {"parked_at": None, "parked_because": None, "refused_at": None, "retry_at": 0.0}
    with database().write() as tx:
        return tx.execute(_where_next_is(endpoint_id, sealed).values(**new)).first() is not None


def drop(endpoint_id: str, sealed: bytes) -> bool:
    """The next secret never came to hold: it is forgotten. False where it let us in, or was changed meanwhile."""
    held = or_(Credential.let_in.is_(None), Credential.let_in != digest(sealed))
    with database().write() as tx:
        return tx.execute(_where_next_is(endpoint_id, sealed).where(held).values(next_sealed=None)).first() is not None


def _where_next_is(endpoint_id: str, sealed: bytes) -> ReturningUpdate[tuple[str]]:
    row = (Credential.endpoint_id == endpoint_id) & (Credential.next_sealed == sealed)
    return update(Credential).where(row).returning(Credential.id)
