"""Which of a site's monitors reads a BMC."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("bmc", sa.Column("monitor", sa.String(64), nullable=True))
    op.create_index("ix_bmc_monitor", "bmc", ["monitor"])
