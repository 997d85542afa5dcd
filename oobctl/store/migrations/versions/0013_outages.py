"""In which way a BMC gives no readings: the code of the error. Since when a server's health is what it is."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("server", sa.Column("silent_code", sa.String(64), nullable=True))
    op.add_column("figures", sa.Column("health", sa.String(16), nullable=True))
    op.add_column("figures", sa.Column("health_since", sa.DateTime(timezone=True), nullable=True))
