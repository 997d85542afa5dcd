"""What sensors read over time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("units", sa.String(length=16), nullable=False),
        sa.Column("qualifier", sa.String(length=256), nullable=False),
        sa.Column("reading_type", sa.String(length=16), nullable=False),
        sa.Column("context", sa.String(length=64), nullable=True),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_series_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("server_id", "position", name="uq_series_position"),
        sa.UniqueConstraint("server_id", "name", "units", "qualifier", name="uq_series_what"),
    )
    op.create_table(
        "sample",
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_sample_server_id_server")),
        sa.PrimaryKeyConstraint("server_id", "step", "at", name=op.f("pk_sample")),
        sqlite_with_rowid=False,
    )
