"""Making an installation: its folder, its database, its site and the site's key."""

import os
from pathlib import Path

from sqlalchemy import select

from oobctl import vault
from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.jobs import engine
from oobctl.store import Account, Site, database
from oobctl.store.migrate import check, migrate

PROVIDER = "provider"
"""The account whose members are staff."""


def initialise(site: str) -> list[str]:
    """Make or upgrade all that a site needs; what is there already stays. Returns sentences of what was done.

    Raises ConfigurationError, StoreUnavailable.
    """
    done = make_home()
    migrate(database())
    engine.migrate()
    done.append(f"The database {database().engine.url.render_as_string(hide_password=True)} is ready.")
    with database().write() as session:
        if session.scalar(select(Account).where(Account.kind == PROVIDER)) is None:
            session.add(Account(name=PROVIDER, kind=PROVIDER))
        found = session.scalar(select(Site).where(Site.name == site))
        if found is None:
            found = Site(name=site, public_key=b"")
            session.add(found)
            session.flush()
            found.public_key = vault.make_key(key_path(found.id))
            record.event(session, SYSTEM, Tag.SITE_ADD, parameters={"name": site}, reason="oobctl init")
            done.append(f"The site {site} was made. Its key is {key_path(found.id)}: keep a copy in a safe place.")
        elif not key_path(found.id).exists():
            done.append(f"The key of the site {site} is not on this machine: only a panel can run here.")
    return done


def key_path(site_id: str) -> Path:
    """Where a site's private key lies."""
    return settings().keys / f"{site_id}.key"


def find_site(name: str) -> Site:
    """The site of that name, after a check that the tables are this release's. Raises ConfigurationError."""
    check(database())
    with database().read() as session:
        found = session.scalar(select(Site).where(Site.name == name))
    if found is None:
        raise ConfigurationError(f"There is no site {name!r} in the database. Run: oobctl init --site {name}")
    return found


def make_home() -> list[str]:
    """The folder OOBCTL_HOME; a sentence where it was made. Raises ConfigurationError where it can't be used."""
    home = settings().home
    existed = home.exists()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The folder {home} cannot be made: {error.strerror}. Set OOBCTL_HOME.") from error
    if not os.access(home, os.W_OK):
        raise ConfigurationError(f"The folder {home} cannot be written to. Set OOBCTL_HOME, or change its owner.")
    return [] if existed else [f"The folder {home.resolve()} was made."]
