"""In which way and when a BMC gives no readings. Since when a server's health is what it is."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("server", sa.Column("silent_code", sa.String(64), nullable=True))
    op.add_column("figures", sa.Column("health", sa.String(16), nullable=True))
    op.add_column("figures", sa.Column("health_since", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "outage",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("server_id", sa.String(36), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name="fk_outage_server_id_server"),
        sa.PrimaryKeyConstraint("id", name="pk_outage"),
    )
    op.create_index("ix_outage_server_id_from_at", "outage", ["server_id", "from_at"])
    still = sa.text("until_at IS NULL")
    op.create_index(
        "uq_outage_server_id_open", "outage", ["server_id"], unique=True, sqlite_where=still, postgresql_where=still
    )
