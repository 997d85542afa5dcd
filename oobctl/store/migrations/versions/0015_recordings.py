"""Recordings of consoles, the keys to them, and whose consoles are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_LOG_IS_OPEN = sa.text("ended_at IS NULL AND purpose = 'log'")


def upgrade() -> None:
    op.create_table(
        "recording",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=True),
        sa.Column("consoles", sa.JSON(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recording_account_id_account")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_recording_job_id_job")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_recording_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
    )
    op.create_index("ix_recording_ended_at", "recording", ["ended_at"])
    op.create_index(op.f("ix_recording_gateway"), "recording", ["gateway"])
    op.create_index(op.f("ix_recording_job_id"), "recording", ["job_id"])
    op.create_index(op.f("ix_recording_server_id_began_at"), "recording", ["server_id", "began_at"])
    op.create_index(
        "uq_recording_server_id_log", "recording", ["server_id"], unique=True, sqlite_where=_LOG_IS_OPEN,
        postgresql_where=_LOG_IS_OPEN,
    )  # fmt: skip
    op.create_table(
        "recording_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("recording_id", sa.String(length=36), nullable=True),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("panel_session", sa.String(length=64), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"], name=op.f("fk_recording_key_recording_id_recording")
        ),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_recording_key_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_recording_key_token_hash")),
    )
    op.create_index(op.f("ix_recording_key_server_id"), "recording_key", ["server_id"])
    op.create_index(op.f("ix_recording_key_token_expires_at"), "recording_key", ["token_expires_at"])
    op.add_column("account", sa.Column("record_consoles", sa.String(length=16), nullable=True))
    op.add_column("server", sa.Column("record_consoles", sa.String(length=16), nullable=True))
    op.add_column("server", sa.Column("serial_log", sa.String(length=16), nullable=False, server_default="off"))
