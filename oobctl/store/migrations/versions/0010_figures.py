"""The few numbers that a fleet is compared by, one row a server; how old readings are, found without their contents."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "figures",
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("inlet", sa.String(length=128), nullable=True),
        sa.Column("inlet_celsius", sa.Double(), nullable=True),
        sa.Column("inlet_upper_caution", sa.Double(), nullable=True),
        sa.Column("inlet_upper_critical", sa.Double(), nullable=True),
        sa.Column("too_hot", sa.JSON(), nullable=True),
        sa.Column("sensors_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("watts", sa.Double(), nullable=True),
        sa.Column("watts_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_figures_server_id_server")),
        sa.PrimaryKeyConstraint("server_id", name=op.f("pk_figures")),
    )
    op.create_index("ix_reading_capability_read_at", "reading", ["capability", "read_at", "server_id"])
    op.create_index(op.f("ix_server_rack_id"), "server", ["rack_id"])
