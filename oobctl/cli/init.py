"""`oobctl init`: the database, the site, its key, and a first administrator."""

from collections.abc import Callable
from typing import Annotated

import typer
from sqlalchemy import select

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.cli.passwords import new_password
from oobctl.config import settings
from oobctl.constants import Role
from oobctl.errors import ConfigurationError
from oobctl.installation import PROVIDER, initialise
from oobctl.panel_secret import create_secret
from oobctl.store import User, database


def init(
    site: Annotated[str | None, typer.Option(help="The site to make; its key is written to OOBCTL_HOME/keys.")] = None,
    administrator: Annotated[
        str | None, typer.Option(help="Also make this administrator; the password is asked for, or read from stdin.")
    ] = None,
) -> None:
    """Make or upgrade this installation. What is there already stays as it is."""
    prepare(site or settings().site, say=print)
    if administrator is None:
        return
    with database().read() as session:
        if session.scalar(select(User).where(User.name == administrator)) is not None:
            print(f"The user {administrator} is there already.")
            return
    administer.add_user(SYSTEM, administrator, new_password(administrator), PROVIDER, Role.ADMINISTRATOR)
    print(f"The administrator {administrator} can sign in at {settings().url}.")


def prepare(site: str, say: Callable[[str], None]) -> None:
    """What every start makes sure of: the database, the site and its key, the panel's secret."""
    for sentence in initialise(site):
        say(sentence)
    try:
        create_secret(settings().home)
    except OSError as error:
        raise ConfigurationError(
            f"The panel's secret cannot be written to {settings().home}: {error.strerror}. Set OOBCTL_HOME."
        ) from error
