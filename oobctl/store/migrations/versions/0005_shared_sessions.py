"""Sessions that a site's processes share, and BMCs that do not answer."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("bmc_session", sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("bmc_session", sa.Column("token", sa.LargeBinary(), nullable=True))
    op.create_table(
        "bmc_circuit",
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.Float(), nullable=False),
        sa.Column("probe", sa.String(length=36), nullable=True),
        sa.Column("probe_until", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["endpoint.id"],
            name=op.f("fk_bmc_circuit_endpoint_id_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_bmc_circuit")),
    )
