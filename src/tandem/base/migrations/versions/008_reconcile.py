"""reconcile"""

import sqlalchemy as sa
from alembic import op

revision = "008"
down_revision = "007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of reconciliation."""
    op.create_table(
        "outside_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("file", sa.String(length=300), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("system", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("split", sa.String(length=20), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=True),
        sa.Column("last_on", sa.Date(), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("attribution", sa.String(length=100), nullable=False),
        sa.Column("share", sa.String(length=20), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_outside_imports_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_imports")),
    )
    with op.batch_alter_table("outside_imports", schema=None) as batch_op:
        batch_op.create_index("ix_outside_imports_site_digest", ["site_id", "digest"], unique=False)
    op.create_table(
        "outside_rules",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=240), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("bots", sa.String(length=20), nullable=False),
        sa.Column("sees_cookieless", sa.Boolean(), nullable=False),
        sa.Column("attribution", sa.String(length=20), nullable=False),
        sa.Column("orders", sa.String(length=20), nullable=False),
        sa.Column("goals", sa.String(length=20), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_outside_rules_site_id_sites")),
        sa.PrimaryKeyConstraint("site_id", "source", name=op.f("pk_outside_rules")),
    )
    op.create_table(
        "outside_findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=240), nullable=False),
        sa.Column("figure", sa.String(length=20), nullable=False),
        sa.Column("split", sa.String(length=20), nullable=False),
        sa.Column("part", sa.String(length=300), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("theirs", sa.String(length=40), nullable=False),
        sa.Column("ours", sa.String(length=40), nullable=False),
        sa.Column("unexplained", sa.String(length=40), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_outside_findings_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_findings")),
    )
    with op.batch_alter_table("outside_findings", schema=None) as batch_op:
        batch_op.create_index("ix_outside_findings_site_state", ["site_id", "state"], unique=False)


def downgrade() -> None:
    op.drop_table("outside_findings")
    op.drop_table("outside_rules")
    op.drop_table("outside_imports")
