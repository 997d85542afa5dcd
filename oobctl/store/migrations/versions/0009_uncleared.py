"""Since when a server that changed hands may still have what its last tenant set at its BMC."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("server", sa.Column("uncleared_since", sa.DateTime(timezone=True), nullable=True))
