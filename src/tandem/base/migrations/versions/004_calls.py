"""calls"""

import sqlalchemy as sa
from alembic import op

revision = "004"
down_revision = "003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number pools, their numbers, and which visit has which number now."""
    op.create_table(
        "number_pools",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("swaps", sa.JSON(), nullable=False),
        sa.Column("reveal", sa.String(length=10), nullable=False),
        sa.Column("hold_s", sa.Integer(), nullable=False),
        sa.Column("overflow", sa.String(length=20), nullable=False),
        sa.Column("price", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_number_pools_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_pools")),
    )
    op.create_table(
        "numbers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("campaign", sa.String(length=200), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["number_pools.id"], name=op.f("fk_numbers_pool_id_number_pools")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_numbers_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_numbers")),
        sa.UniqueConstraint("site_id", "number", name=op.f("uq_numbers_site_id_number")),
    )
    with op.batch_alter_table("numbers", schema=None) as batch_op:
        batch_op.create_index("ix_numbers_pool_used", ["pool_id", "used_ms"], unique=False)
    texts = [
        sa.Column(name, sa.String(length=size), nullable=False)
        for name, size in (
            ("channel", 60), ("source", 300), ("medium", 300), ("campaign", 300), ("term", 300), ("content", 300),
            ("entry", 2000),
        )
    ]  # fmt: skip
    op.create_table(
        "number_leases",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("visitor", sa.String(length=16), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("tapped_ms", sa.BigInteger(), nullable=False),
        *texts,
        sa.Column("is_overflow", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_number_leases_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_leases")),
    )
    with op.batch_alter_table("number_leases", schema=None) as batch_op:
        batch_op.create_index("ix_number_leases_seen", ["seen_ms"], unique=False)
        batch_op.create_index("ix_number_leases_visitor", ["site_id", "visitor", "seen_ms"], unique=False)
