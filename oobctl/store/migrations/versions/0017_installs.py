"""Reinstalls of operating systems; the boot services' public key and certificate authority of a site."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_MOMENTS = (
    "may_claim_at", "claimed_at", "heard_at", "may_write_at", "first_write_at", "written_at", "configured_at",
    "may_reboot_at", "first_boot_at", "closed_at",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("site", sa.Column("boot_public_key", sa.LargeBinary(), nullable=True))
    op.add_column("site", sa.Column("boot_ca", sa.Text(), nullable=True))
    op.create_table(
        "install",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("expects", sa.JSON(), nullable=True),
        sa.Column("boot_path", sa.String(length=16), nullable=True),
        sa.Column("key_hash", sa.String(length=64), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("claimed_by", sa.JSON(), nullable=True),
        sa.Column("alarm", sa.Text(), nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("phone_hash", sa.String(length=64), nullable=True),
        sa.Column("first_boot", sa.JSON(), nullable=True),
        sa.Column("log_lines", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in _MOMENTS),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_install_job_id_job")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_install_server_id_server")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_install")),
    )
    for column in ("server_id", "key_hash", "token_hash", "phone_hash"):
        op.create_index(op.f(f"ix_install_{column}"), "install", [column])
    op.create_table(
        "install_log",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["install.job_id"], name=op.f("fk_install_log_job_id_install")),
        sa.PrimaryKeyConstraint("job_id", "first", name=op.f("pk_install_log")),
    )
