"""Since when a server that changed hands may still have what its last tenant set at its BMC."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("server", sa.Column("uncleared_since", sa.DateTime(timezone=True), nullable=True))
