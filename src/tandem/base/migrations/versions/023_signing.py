"""signing"""

import sqlalchemy as sa
from alembic import op

revision = "023"
down_revision = "022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The sealed secrets with which the servers of sites sign who a browser is."""
    op.create_table(
        "signing_secrets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_signing_secrets_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_secrets")),
    )
    with op.batch_alter_table("signing_secrets", schema=None) as batch_op:
        batch_op.create_index("ix_signing_secrets_site", ["site_id", "retired_at"], unique=False)


def downgrade() -> None:
    op.drop_table("signing_secrets")
