"""What the BMCs may fetch from the media service."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "media_access",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("image", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_media_access_job_id_job")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_media_access_server_id_server")),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_media_access")),
    )
    op.create_index(op.f("ix_media_access_server_id"), "media_access", ["server_id"], unique=False)
