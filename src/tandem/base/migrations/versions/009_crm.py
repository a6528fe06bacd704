"""crm"""

import sqlalchemy as sa
from alembic import op

revision = "009"
down_revision = "008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of mappings, of records as their CRM told them, and of files that are being brought in."""
    op.create_table(
        "crm_mappings",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_crm_mappings_connection_id_connections"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_crm_mappings_made_by_people")),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_crm_mappings")),
    )  # fmt: skip
    op.create_table(
        "crm_records",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("ref", sa.String(length=300), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.String(length=16), nullable=False),
        sa.Column("visitor", sa.String(length=16), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=False),
        sa.Column("email", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_crm_records_connection_id_connections"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("connection_id", "kind", "ref", name=op.f("pk_crm_records")),
    )  # fmt: skip
    op.create_table(
        "crm_loads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_crm_loads_made_by_people")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_crm_loads_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_loads")),
    )


def downgrade() -> None:
    for table in ("crm_loads", "crm_records", "crm_mappings"):
        op.drop_table(table)
