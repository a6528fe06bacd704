"""lease senders"""

import sqlalchemy as sa
from alembic import op

revision = "012"
down_revision = "011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who took a number, salted for the day: one sender must not empty a pool."""
    with op.batch_alter_table("number_leases") as table:
        table.add_column(sa.Column("sender", sa.String(16), nullable=False, server_default=""))
        table.create_index("ix_number_leases_sender", ["site_id", "sender", "seen_ms"])


def downgrade() -> None:
    with op.batch_alter_table("number_leases") as table:
        table.drop_index("ix_number_leases_sender")
        table.drop_column("sender")
