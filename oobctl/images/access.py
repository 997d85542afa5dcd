"""Which BMC may fetch which image: an address that cannot be guessed, for as long as the image is in its slot."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.config import settings
from oobctl.drivers import media_slots
from oobctl.errors import ConfigurationError, NotAllowed
from oobctl.images import askers
from oobctl.images.installs import keys
from oobctl.store import Install, MediaAccess, Server, database

PREFIX = "/media"
INSTALLER = "oobctl-installer.iso"
"""The name under which BMCs fetch the installer: a medium for each job, made while it is fetched."""
_LASTS = timedelta(hours=24)
_KEY_BYTES = 18


def open_for(server_id: str, job_id: str, image: str, *, look: bool = False) -> str:
    """A new address of the image for the server's BMC, good for a day or until `close`. Its key is stored hashed.

    look: it is for the worker itself, wherever it asks from.
    Raises ConfigurationError where the media service has no address that a BMC can be given.
    """
    base = service()
    key = secrets.token_urlsafe(_KEY_BYTES)
    with database().write() as session:
        session.add(
            MediaAccess(
                key_hash=keys.hashed(key),
                server_id=server_id,
                job_id=job_id,
                image=image,
                expires_at=clock.now() + _LASTS,
                look=look,
            )
        )
        if image == INSTALLER and not look:  # its medium carries what comes of this key, for the claim
            keyed = update(Install).where(Install.job_id == job_id).values(key_hash=keys.hashed(keys.claim_key(key)))
            session.execute(keyed)
    return f"{base}{PREFIX}/{key}/{image}"


def close(server_id: str) -> None:
    """End all that the server's BMC may fetch."""
    with database().write() as session:
        close_in(session, server_id)


def close_in(session: Session, server_id: str, image: str | None = None) -> None:
    """As `close`, in the caller's transaction; of one image alone where it is named."""
    mine = (MediaAccess.server_id == server_id) & MediaAccess.closed_at.is_(None)
    if image is not None:
        mine &= MediaAccess.image == image
    session.execute(update(MediaAccess).where(mine).values(closed_at=clock.now()))


def close_job(job_id: str) -> None:
    """End what an action gave out, and leave what others have in a slot."""
    with database().write() as session:
        mine = (MediaAccess.job_id == job_id) & MediaAccess.closed_at.is_(None)
        session.execute(update(MediaAccess).where(mine).values(closed_at=clock.now()))


def keep_only(server_id: str, in_slots: Iterable[str | None]) -> None:
    """End what the server's BMC may fetch, but for what is in its slots, as the BMC says it.

    Of an image of which the BMC does not tell our key, the newest address is kept.
    """
    said = list(in_slots)
    with database().write() as session:
        mine = (MediaAccess.server_id == server_id) & MediaAccess.closed_at.is_(None)
        rows = list(session.scalars(select(MediaAccess).where(mine).order_by(MediaAccess.created_at.desc())))
        kept = {id(row) for row in (row_of(rows, image) for image in said) if row is not None}
        for row in rows:
            if id(row) not in kept:
                row.closed_at = clock.now()


def row_of(rows: Iterable[MediaAccess], image: str | None) -> MediaAccess | None:
    """Which of the rows is what a BMC says is in a slot: by the key in it, else by the image's name, else the first."""
    found = list(rows)
    if image is None:
        return found[0] if found else None
    key_hash = _key_hash_in(image)
    by_key = next((row for row in found if row.key_hash == key_hash), None)
    name = media_slots.file_name(image)
    return by_key or next((row for row in found if key_hash is None and row.image == name), None)


def _key_hash_in(url: str) -> str | None:
    """Of the key in an address as this module makes it, whichever host it names; None where there is none."""
    parts = urlsplit(url).path.rstrip("/").split("/")
    return keys.hashed(parts[-2]) if len(parts) >= 3 and f"/{parts[-3]}" == PREFIX else None


def servers_with(session: Session, image: str) -> list[Server]:
    """The servers whose BMCs may fetch the image now: it is in a slot of theirs, or about to be."""
    open_now = MediaAccess.closed_at.is_(None) & (MediaAccess.expires_at > clock.now())
    having = select(MediaAccess.server_id).where(MediaAccess.image == image, open_now)
    return list(session.scalars(select(Server).where(Server.id.in_(having)).order_by(Server.name)))


def image_of(key: str, asker: str | None = None) -> str | None:
    """The image that this key opens now; None for a wrong one, one that was closed, or one that is too old.

    asker: the address of who asks. Raises NotAllowed where it is none of the BMC that was given the key.
    """
    query = select(MediaAccess).where(
        MediaAccess.key_hash == keys.hashed(key), MediaAccess.closed_at.is_(None), MediaAccess.expires_at > clock.now()
    )
    with database().read() as session:
        row = session.scalar(query)
        if row is None:
            return None
        if asker is not None and not row.look and not settings().media_from_anywhere:
            server = session.get_one(Server, row.server_id)
            _check_asker(asker, server.name, [endpoint.address for endpoint in server.bmc.endpoints])
        return row.image


def _check_asker(asker: str, server: str, bmc: list[str]) -> None:
    if not askers.is_one_of(asker, bmc):
        raise NotAllowed(
            f"An image for {server} was asked for from {asker}, which is not its BMC ({', '.join(bmc)}). If its BMC "
            "reaches the media service through a NAT or a proxy, set OOBCTL_MEDIA_FROM_ANYWHERE=1."
        )


def service() -> str:
    """How BMCs reach the media service: a scheme, an address and a port. Raises ConfigurationError."""
    url = settings().media_address.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.path:
        raise ConfigurationError(
            f"OOBCTL_MEDIA_URL is {url!r}, and must be http://ADDRESS:PORT or https://ADDRESS:PORT, as BMCs reach it."
        )
    return url
