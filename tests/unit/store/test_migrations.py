"""Migrations: from nothing to this release, on both databases, and what they make is what the models say."""

import hashlib

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from oobctl.errors import ConfigurationError, StoreUnavailable
from oobctl.store import Base, Database, use
from oobctl.store.migrate import _config, check, migrate
from tests.databases import Databases

VALUES = {"box": b"box", "at": "2026-01-01 00:00:00+00:00"}


@pytest.fixture
def empty(database_kind: str, databases: Databases):  # type: ignore[no-untyped-def]
    url = databases.empty(database_kind)
    found = Database(url)
    yield found
    found.close()
    use(None)
    databases.drop(url)


def is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    return kind != "table" or name in Base.metadata.tables


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        options = {"include_object": is_ours, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def test_the_migrations_make_what_the_models_say(empty: Database) -> None:
    migrate(empty)
    assert differences(empty) == []


def test_the_comparison_sees_a_missing_column(empty: Database) -> None:
    migrate(empty)
    with empty.engine.execution_options(oobctl_write=True).begin() as connection:
        connection.execute(text("ALTER TABLE job DROP COLUMN resolution"))
    assert differences(empty) != []


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    migrate(empty)
    migrate(empty)
    check(empty)


def test_a_database_without_tables_says_what_to_run(empty: Database) -> None:
    with pytest.raises(ConfigurationError, match="Run: oobctl init"):
        check(empty)


def test_a_database_of_another_release_says_both_numbers(empty: Database) -> None:
    migrate(empty)
    with empty.engine.execution_options(oobctl_write=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(ConfigurationError, match="is at 0001, this release needs"):
        check(empty)


def test_a_file_that_is_no_database_is_told_and_left_as_it_is(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "oobctl.db").write_bytes(b"this is somebody's letter, not a database" * 50)
    before = (tmp_path / "oobctl.db").read_bytes()
    for look in (check, migrate):
        with pytest.raises(StoreUnavailable, match=r"oobctl\.db"):
            look(Database(f"sqlite:///{tmp_path / 'oobctl.db'}"))
    assert (tmp_path / "oobctl.db").read_bytes() == before


def test_passwords_in_use_before_0006_are_taken_to_have_let_us_in(empty: Database) -> None:
    config = _config()
    inserts = (
        "INSERT INTO site (id, name, public_key, created_at) VALUES ('s', 'main', :box, :at)",
        "INSERT INTO bmc (id, site_id, profile, created_at) VALUES ('b', 's', 'generic-ipmi', :at)",
        "INSERT INTO endpoint (id, bmc_id, protocol, address, port) VALUES ('e', 'b', 'ipmi', '127.0.9.1', 623)",
        "INSERT INTO credential (id, endpoint_id, sealed, created_at) VALUES ('c', 'e', :box, :at)",
    )
    with empty.engine.execution_options(oobctl_write=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for statement in inserts:
            values = {name: value for name, value in VALUES.items() if f":{name}" in statement}
            connection.execute(text(statement), values)
    migrate(empty)
    with empty.engine.connect() as connection:
        row = connection.execute(text("SELECT let_in, refused_at, retry_at FROM credential")).one()
    assert (bytes(row.let_in), row.refused_at, row.retry_at) == (hashlib.sha256(b"box").digest(), None, 0)
