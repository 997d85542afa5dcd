"""Records are inserted and never changed: the database itself refuses."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.store import AuditRecord, Database, database


def count() -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).select_from(AuditRecord)) or 0


@pytest.fixture
def one_record(db: Database) -> None:
    with database().write() as session:
        record.event(session, SYSTEM, Tag.SITE_ADD, reason="there has to be one")


@pytest.mark.usefixtures("one_record")
@pytest.mark.parametrize("statement", ["UPDATE audit_record SET reason = 'other'", "DELETE FROM audit_record"])
def test_a_record_can_be_neither_changed_nor_deleted(statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), database().write() as session:
        session.execute(text(statement))
    assert count() == 1


@pytest.mark.usefixtures("one_record")
def test_the_records_cannot_be_emptied_in_one_go() -> None:
    if database().is_sqlite:
        pytest.skip("SQLite has no TRUNCATE; its DELETE is refused")
    with pytest.raises(DBAPIError, match="append-only"), database().write() as session:
        session.execute(text("TRUNCATE audit_record"))
    assert count() == 1


@pytest.mark.usefixtures("one_record")
def test_a_record_cannot_be_replaced_under_its_id() -> None:
    columns = ", ".join(
        column.name if column.name != "reason" else "'other'" for column in AuditRecord.__table__.columns
    )
    insert = f"INTO audit_record SELECT {columns} FROM audit_record"
    replace = f"INSERT OR REPLACE {insert}" if database().is_sqlite else f"INSERT {insert}"
    with pytest.raises(DBAPIError), database().write() as session:
        session.execute(text(replace))
    with database().read() as session:
        assert session.scalars(select(AuditRecord.reason)).all() == ["there has to be one"]


@pytest.mark.usefixtures("one_record")
def test_a_record_cannot_be_replaced_under_the_databases_own_number_of_it() -> None:
    if not database().is_sqlite:
        pytest.skip("PostgreSQL has no such number that an insert could name")
    names = [column.name for column in AuditRecord.__table__.columns]
    values = ", ".join({"id": "'another-id'", "actor_name": "'forged'"}.get(name, name) for name in names)
    replace = (
        f"INSERT OR REPLACE INTO audit_record (rowid, {', '.join(names)}) SELECT rowid, {values} FROM audit_record"
    )
    with pytest.raises(DBAPIError, match="append-only"), database().write() as session:
        session.execute(text(replace))
    with database().read() as session:
        assert "forged" not in session.scalars(select(AuditRecord.actor_name)).all()
