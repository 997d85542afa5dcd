"""An image's address that the worker opened for its own look, and no BMC was given."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("media_access", sa.Column("look", sa.Boolean(), nullable=False, server_default=sa.false()))
