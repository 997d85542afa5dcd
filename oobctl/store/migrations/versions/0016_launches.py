"""Where browsers reach BMCs' own consoles at a gateway."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("process", sa.Column("launch_url", sa.String(length=256), nullable=True))
