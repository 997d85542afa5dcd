"""Bringing the tables to this release, and saying so where they are not."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from oobctl.errors import ConfigurationError, StoreUnavailable
from oobctl.store.database import Database, said
from oobctl.store.postgresql import patient


def migrate(database: Database) -> None:
    """Make or upgrade the tables. Raises StoreUnavailable where the database does not answer or refuses."""
    config = _config()
    try:
        with database.engine.execution_options(oobctl_write=True).begin() as connection, patient(connection):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise StoreUnavailable(f"The tables could not be made in {_shown(database)}: {said(error)}.") from error


def check(database: Database) -> None:
    """Raises ConfigurationError where the tables are not those of this release."""
    try:
        with database.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise StoreUnavailable(f"The database {_shown(database)} does not answer: {said(error)}.") from error
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise ConfigurationError(
            f"The database {_shown(database)} is at {found or 'nothing'}, this release needs {wanted}. Run: oobctl init"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _shown(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=True)
