"""same things"""

import sqlalchemy as sa
from alembic import op

revision = "010"
down_revision = "009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whether an ad system's or a CRM's figures count the same things as ours, so that differences raise findings."""
    op.add_column("outside_rules", sa.Column("is_same", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("outside_rules", "is_same")
