"""The secrets of an endpoint's credential: which to log in with, and the change of one for the next with no lock-out.

While a password is rotated the row holds two sealed secrets, and one of them is right. Whoever is refused with one
tries the other before the credential is parked.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select, update

from oobctl import clock
from oobctl.config import settings
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.slots import parked_error
from oobctl.errors import BmcAuthFailed, ConfigurationError
from oobctl.store import Bmc, Credential, Endpoint, Site, database
from oobctl.vault import Secret, read_key, seal, unseal


class Secrets:
    """One login's secrets, each given once. From any thread that holds the login."""

    def __init__(self, endpoint: EndpointAddress, site_id: str, name: str) -> None:
        self._endpoint, self._site_id, self._name = endpoint, site_id, name
        self._tried: set[bytes] = set()

    @property
    def key(self) -> Path:
        """The file with the site's private key."""
        return settings().keys / f"{self._site_id}.key"

    def first(self, credential: Credential | None) -> Secret:
        """The secret that holds.

        Raises BmcAuthFailed where the credential is parked, ConfigurationError where there is none or the key does not
        open it.
        """
        if credential is None:
            raise ConfigurationError(
                f"There is no {self._endpoint.protocol} password for the BMC of {self._name}. Enter it at the endpoint."
            )
        if credential.parked_at is not None:
            raise parked_error(self._endpoint, str(credential.parked_because))
        return self._open(credential.sealed)

    def another(self) -> Secret | None:
        """After a refusal: one that was not tried, as the row is now; None where there is none."""
        with database().read() as tx:
            row = tx.scalar(select(Credential).where(Credential.endpoint_id == self._endpoint.id))
        if row is None or row.parked_at is not None:
            return None
        for sealed in (row.sealed, row.next_sealed):
            if sealed is not None and _digest(sealed) not in self._tried:
                return self._open(sealed)
        return None

    def park(self, refusal: BmcAuthFailed) -> None:
        """Keep every process from trying a refused credential again: BMCs lock users out. The first refusal stays.

        One that somebody changed since it was tried is left alone.
        """
        with database().write() as tx:
            row = tx.scalar(select(Credential).where(Credential.endpoint_id == self._endpoint.id).with_for_update())
            if row is None or row.parked_at is not None:
                return
            held = {_digest(sealed) for sealed in (row.sealed, row.next_sealed) if sealed is not None}
            if held <= self._tried:
                row.parked_at, row.parked_because = clock.now(), refusal.message

    def _open(self, sealed: bytes) -> Secret:
        self._tried.add(_digest(sealed))
        return unseal(read_key(self.key), self._endpoint.id, self._endpoint.address, sealed)


def only(endpoint: Endpoint, site_id: str, sealed: bytes) -> Secret:
    """One sealed secret of an endpoint, opened. Raises ConfigurationError."""
    return unseal(read_key(settings().keys / f"{site_id}.key"), endpoint.id, endpoint.address, sealed)


# --- rotation --------------------------------------------------------------------------------------------------------


def begin(bmc_id: str, make_password: Callable[[], str]) -> list[str]:
    """Give every credential of a BMC the same next password, for its own user; one that has a next keeps it.

    The others get that one then: a BMC may have one list of users for all protocols.
    It is in the database before anything is sent. Returns the ids of the endpoints.
    """
    with database().write() as tx:
        bmc = tx.get_one(Bmc, bmc_id)
        site = tx.get_one(Site, bmc.site_id)
        password = _next_password(bmc, site.id) or make_password()
        for endpoint in bmc.endpoints:
            credential = endpoint.credential
            if credential is None or credential.next_sealed is not None:
                continue
            user = only(endpoint, site.id, credential.sealed).user
            credential.next_sealed = seal(site.public_key, endpoint.id, endpoint.address, Secret(user, password))
        return [endpoint.id for endpoint in bmc.endpoints if endpoint.credential is not None]


def _next_password(bmc: Bmc, site_id: str) -> str | None:
    for endpoint in bmc.endpoints:
        if endpoint.credential is not None and endpoint.credential.next_sealed is not None:
            return only(endpoint, site_id, endpoint.credential.next_sealed).password
    return None


def promote(endpoint_id: str, sealed: bytes) -> bool:
    """The next secret holds: the one before it is forgotten. False where somebody changed the credential meanwhile."""
    new: dict[str, object] = {"sealed": sealed, "next_sealed": None, "rotated_at": clock.now()}
    new |= {"parked_at": None, "parked_because": None}
    return _change(endpoint_id, sealed, new)


def drop(endpoint_id: str, sealed: bytes) -> bool:
    """The next secret never came to hold: it is forgotten. False where somebody changed the credential meanwhile."""
    return _change(endpoint_id, sealed, {"next_sealed": None})


def _change(endpoint_id: str, sealed: bytes, values: dict[str, object]) -> bool:
    row = (Credential.endpoint_id == endpoint_id) & (Credential.next_sealed == sealed)
    with database().write() as tx:
        return tx.execute(update(Credential).where(row).values(**values).returning(Credential.id)).first() is not None


def _digest(sealed: bytes) -> bytes:
    return hashlib.sha256(sealed).digest()
