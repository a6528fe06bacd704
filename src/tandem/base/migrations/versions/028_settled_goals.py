"""settled goals"""

import sqlalchemy as sa
from alembic import op

revision = "028"
down_revision = "027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Which goals all visits of a site tell of rightly, while others are counted for the past."""
    op.add_column("healings", sa.Column("settled_goals", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """All goals are then taken to be counted anew."""
    op.drop_column("healings", "settled_goals")
