"""main goals"""

import sqlalchemy as sa
from alembic import op

revision = "022"
down_revision = "021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Which goals conversions rest on; the others are steps on the way."""
    with op.batch_alter_table("goals") as table:
        table.add_column(sa.Column("is_main", sa.Boolean(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("goals") as table:
        table.drop_column("is_main")
