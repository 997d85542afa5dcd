"""iPXE scripts that accounts keep."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "boot_script",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("added_by", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_boot_script_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boot_script")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_boot_script_account_id_name")),
    )
    op.create_index(op.f("ix_boot_script_account_id"), "boot_script", ["account_id"])
