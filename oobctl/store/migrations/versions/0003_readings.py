"""Latest readings, log entries, BIOS registries and baselines, temporary users of BMCs, secrets of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "attribute_registry",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribute_registry")),
    )
    op.create_table(
        "bios_baseline",
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("saved_by", sa.String(length=128), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_bios_baseline_account_id_account")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_bios_baseline_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bios_baseline")),
    )
    op.create_index(op.f("ix_bios_baseline_server_id"), "bios_baseline", ["server_id"], unique=False)
    op.create_table(
        "event_log_entry",
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("log", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(length=128), nullable=True),
        sa.Column("component", sa.String(length=256), nullable=True),
        sa.Column("asserted", sa.Boolean(), nullable=True),
        sa.Column("repaired", sa.Boolean(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_event_log_entry_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_log_entry")),
        sa.UniqueConstraint(
            "server_id", "log", "entry_id", "digest", name=op.f("uq_event_log_entry_server_id_log_entry_id_digest")
        ),
    )
    op.create_index("ix_event_log_entry_server_id_seen_at", "event_log_entry", ["server_id", "seen_at"], unique=False)
    op.create_table(
        "reading",
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("capability", sa.String(length=16), nullable=False),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_reading_server_id_server")),
        sa.PrimaryKeyConstraint("server_id", "capability", name=op.f("pk_reading")),
    )
    op.create_table(
        "bmc_user",
        sa.Column("bmc_id", sa.String(length=36), nullable=False),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["bmc_id"], ["bmc.id"], name=op.f("fk_bmc_user_bmc_id_bmc")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_bmc_user_job_id_job")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_bmc_user_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bmc_user")),
    )
    op.create_index(op.f("ix_bmc_user_bmc_id"), "bmc_user", ["bmc_id"], unique=False)
    op.create_index(op.f("ix_bmc_user_server_id"), "bmc_user", ["server_id"], unique=False)
    op.create_table(
        "job_secret",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_secret_job_id_job")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_secret")),
    )
    op.add_column("credential", sa.Column("next_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("credential", sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
