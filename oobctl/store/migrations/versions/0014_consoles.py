"""Consoles, the links that share them, and where browsers reach a gateway."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "console_share",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("actor_id", sa.String(length=36), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_console_share_account_id_account")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_console_share_server_id_server")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_share")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_console_share_secret_hash")),
    )
    op.create_index(op.f("ix_console_share_server_id"), "console_share", ["server_id"])
    op.create_table(
        "console",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.String(length=36), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("panel_session", sa.String(length=64), nullable=True),
        sa.Column("share_id", sa.String(length=36), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_console_account_id_account")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_console_server_id_server")),
        sa.ForeignKeyConstraint(["share_id"], ["console_share.id"], name=op.f("fk_console_share_id_console_share")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_console_token_hash")),
    )
    op.create_index(op.f("ix_console_actor_id"), "console", ["actor_id"])
    op.create_index(op.f("ix_console_server_id"), "console", ["server_id"])
    op.create_index("ix_console_open", "console", ["ended_at", "gateway"])
    op.add_column("process", sa.Column("url", sa.String(length=256), nullable=True))
