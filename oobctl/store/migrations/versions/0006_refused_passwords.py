"""Which secret a BMC let us in with, when it refused one, and until when it is known to restart."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("credential", sa.Column("let_in", sa.LargeBinary(), nullable=True))
    op.add_column("credential", sa.Column("refused_at", sa.Float(), nullable=True))
    op.add_column("credential", sa.Column("retry_at", sa.Float(), server_default="0", nullable=False))
    op.add_column("bmc", sa.Column("restarts_until", sa.Float(), server_default="0", nullable=False))
    _all_have_let_us_in()


def _all_have_let_us_in() -> None:
    """What is in use is taken to have let us in: one that has not is found out at its second refusal."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, sealed FROM credential WHERE parked_at IS NULL")).all()
    for row in rows:
        values = {"id": row.id, "let_in": hashlib.sha256(row.sealed).digest()}
        connection.execute(sa.text("UPDATE credential SET let_in = :let_in WHERE id = :id"), values)
