"""What all tables share: the base class, times in UTC, JSON, the database's own clock."""

import enum
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Enum, Float, MetaData, String, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.functions import FunctionElement

from oobctl.ids import new_id

ID = String(36)


class Utc(TypeDecorator[datetime]):
    """Aware times in UTC; SQLite has none of its own and gives back what has no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone was to be stored: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_WORD = Enum(enum.Enum, native_enum=False, length=16, values_callable=lambda words: [word.value for word in words])
"""An enumeration is stored as its word, so that SQL and people can read it."""


class Base(DeclarativeBase):
    """Tables are named in the singular, after their noun."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Utc, dict[str, Any]: JSON, list[str]: JSON, enum.Enum: _WORD}  # noqa: RUF012


class Identified:
    """A row with an immutable id."""

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)


class db_now(FunctionElement[float]):
    """The database's clock, seconds since 1970: leases and heartbeats are judged by it alone."""

    type = Float()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql_now(element: Any, compiler: Any, **kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"
