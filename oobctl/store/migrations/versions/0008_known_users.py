"""Which users of a BMC are known: the next reading of each says who is there."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("bmc", sa.Column("known_users", sa.JSON(), nullable=True))
