"""Of jobs that do not keep all that was asked: a digest of it, so that a repeated request is known as the same."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("job", sa.Column("asked_digest", sa.String(length=64), nullable=True))
