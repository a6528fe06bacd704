"""words of CRM files"""

import sqlalchemy as sa
from alembic import op

revision = "027"
down_revision = "026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What people said the stages and currencies in files of deals mean."""
    op.create_table(
        "crm_file_words",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("currencies", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_crm_file_words_site_id_sites")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_crm_file_words")),
    )


def downgrade() -> None:
    """People can say it again."""
    op.drop_table("crm_file_words")
