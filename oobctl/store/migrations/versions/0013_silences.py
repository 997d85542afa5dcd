"""In which way a BMC gives no readings."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("server", sa.Column("silent_kind", sa.String(16), nullable=True))
