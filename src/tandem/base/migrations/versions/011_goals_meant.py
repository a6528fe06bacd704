"""goals meant"""

import sqlalchemy as sa
from alembic import op

revision = "011"
down_revision = "010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Which goals of ours an outside system's conversions or leads are; none named: all."""
    op.add_column("outside_rules", sa.Column("goal_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("outside_rules", "goal_ids")
