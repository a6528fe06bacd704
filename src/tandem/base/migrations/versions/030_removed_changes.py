"""removed changes"""

import sqlalchemy as sa
from alembic import op

revision = "030"
down_revision = "029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """When a change was taken out of the log: until it is forgotten, it can be put back."""
    op.add_column("changes", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """What was removed is gone, as it was before there was a way back."""
    op.execute("delete from change_effects where change_id in (select id from changes where removed_at is not null)")
    op.execute("delete from changes where removed_at is not null")
    op.drop_column("changes", "removed_at")
