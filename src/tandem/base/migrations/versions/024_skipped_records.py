"""skipped records"""

import sqlalchemy as sa
from alembic import op

revision = "024"
down_revision = "015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Records of connections that could not be read, and why a deals file could not be imported."""
    op.create_table(
        "skipped_records",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_skipped_records_connection_id_connections"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("connection_id", "key", name=op.f("pk_skipped_records")),
    )  # fmt: skip
    with op.batch_alter_table("crm_loads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("problem", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("crm_loads", schema=None) as batch_op:
        batch_op.drop_column("problem")
    op.drop_table("skipped_records")
