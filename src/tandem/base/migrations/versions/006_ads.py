"""ads"""

import sqlalchemy as sa
from alembic import op

revision = "006"
down_revision = "004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of exchange rates and of ad imports."""
    op.create_table(
        "exchange_rates",
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("per_eur", sa.String(length=50), nullable=False),
        sa.PrimaryKeyConstraint("source", "currency", "on", name=op.f("pk_exchange_rates")),
    )
    op.create_table(
        "ad_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("file", sa.String(length=300), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("system", sa.String(length=20), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("is_forced", sa.Boolean(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_ad_imports_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ad_imports")),
    )
    op.create_index("ix_ad_imports_site_digest", "ad_imports", ["site_id", "digest"])
    op.create_table(
        "ad_import_days",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("load", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.String(length=40), nullable=False),
        sa.Column("original_cost", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["ad_imports.id"], name=op.f("fk_ad_import_days_import_id_ad_imports")),
        sa.PrimaryKeyConstraint("import_id", "account", "on", name=op.f("pk_ad_import_days")),
    )
    op.create_index("ix_ad_import_days_on", "ad_import_days", ["on"])
