"""Which BMC may fetch which image: an address that cannot be guessed, for as long as the image is in its slot."""

import hashlib
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.store import MediaAccess, database

PREFIX = "/media"
_LASTS = timedelta(hours=24)
_KEY_BYTES = 18


def open_for(server_id: str, job_id: str, image: str) -> str:
    """A new address of the image for the server's BMC, good for a day or until `close`. Its key is stored hashed.

    Raises ConfigurationError where the media service has no address that a BMC can be given.
    """
    base = service()
    key = secrets.token_urlsafe(_KEY_BYTES)
    with database().write() as session:
        session.add(
            MediaAccess(
                key_hash=hashed(key),
                server_id=server_id,
                job_id=job_id,
                image=image,
                expires_at=clock.now() + _LASTS,
            )
        )
    return f"{base}{PREFIX}/{key}/{image}"


def close(server_id: str) -> None:
    """End all that the server's BMC may fetch."""
    with database().write() as session:
        close_in(session, server_id)


def close_in(session: Session, server_id: str) -> None:
    """As `close`, in the caller's transaction."""
    session.execute(
        update(MediaAccess)
        .where(MediaAccess.server_id == server_id, MediaAccess.closed_at.is_(None))
        .values(closed_at=clock.now())
    )


def image_of(key: str) -> str | None:
    """The image that this key opens now; None for a wrong one, one that was closed, or one that is too old."""
    query = select(MediaAccess.image).where(
        MediaAccess.key_hash == hashed(key), MediaAccess.closed_at.is_(None), MediaAccess.expires_at > clock.now()
    )
    with database().read() as session:
        return session.scalar(query)


def is_ours(url: str | None) -> bool:
    """Whether an address is one of our media service."""
    return bool(url) and str(url).startswith(f"{service()}{PREFIX}/")


def service() -> str:
    """How BMCs reach the media service: a scheme, an address and a port. Raises ConfigurationError."""
    url = settings().media_address.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.path:
        raise ConfigurationError(
            f"OOBCTL_MEDIA_URL is {url!r}, and must be http://ADDRESS:PORT or https://ADDRESS:PORT, as BMCs reach it."
        )
    return url


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
