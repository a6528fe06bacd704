"""first steps"""

import sqlalchemy as sa
from alembic import op

revision = "015"
down_revision = "023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who wants to see the first steps of which site no more."""
    op.create_table(
        "first_steps_put_away",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_first_steps_put_away_person_id_people")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_first_steps_put_away_site_id_sites")),
        sa.PrimaryKeyConstraint("person_id", "site_id", name=op.f("pk_first_steps_put_away")),
    )


def downgrade() -> None:
    op.drop_table("first_steps_put_away")
