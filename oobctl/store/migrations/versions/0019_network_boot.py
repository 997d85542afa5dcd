"""Booting an installer from the network."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("site", sa.Column("network_boot", sa.String(length=16), nullable=True))
    op.add_column("server", sa.Column("boot_macs", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("install", sa.Column("armed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("install", sa.Column("script_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("install", sa.Column("script_to", sa.String(length=64), nullable=True))
