"""Where browsers reach BMCs' own consoles at a gateway; keys that a gateway is to press."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("process", sa.Column("launch_url", sa.String(length=256), nullable=True))
    op.create_table(
        "setup_key_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("keysym", sa.Integer(), nullable=False),
        sa.Column("every", sa.Float(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_setup_key_request_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setup_key_request")),
    )
    op.create_index(op.f("ix_setup_key_request_server_id"), "setup_key_request", ["server_id"])
