"""imports of calls and deals from files"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from tandem.base.database import UtcDateTime

revision = "029"
down_revision = "028"
branch_labels = None
depends_on = None

FAILED = {"code": "failed"}


def upgrade() -> None:
    """Imports of calls and deals wait to be confirmed and can be undone; files that were on their way in go on."""
    for name in ("call_imports", "deal_imports"):
        op.create_table(
            name,
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("site_id", sa.Integer(), nullable=False),
            sa.Column("made_at", UtcDateTime(), nullable=False),
            sa.Column("made_by", sa.Integer(), nullable=True),
            sa.Column("connection_id", sa.Integer(), nullable=True),
            sa.Column("file", sa.String(length=300), nullable=False),
            sa.Column("digest", sa.String(length=64), nullable=False),
            sa.Column("system", sa.String(length=20), nullable=False),
            sa.Column("state", sa.String(length=20), nullable=False),
            sa.Column("place", sa.BigInteger(), nullable=False),
            sa.Column("rows", sa.Integer(), nullable=False),
            sa.Column("problems", sa.JSON(), nullable=False),
            sa.Column("notes", sa.JSON(), nullable=False),
            sa.Column("confirmed_at", UtcDateTime(), nullable=True),
            sa.Column("undone_at", UtcDateTime(), nullable=True),
            sa.Column("hints", sa.JSON(), nullable=False),
            sa.Column("summary", sa.JSON(), nullable=False),
            sa.Column("left", sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f(f"fk_{name}_site_id_sites")),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        )
        op.create_index(op.f(f"ix_{name}_site_state"), name, ["site_id", "state"])
    op.create_table(
        "import_files",
        sa.Column("area", sa.String(length=20), nullable=False),
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("area", "import_id", "nth", name=op.f("pk_import_files")),
    )
    _move_waiting()
    op.drop_table("crm_loads")


def _move_waiting() -> None:
    """Files of deals that were taken are applied by the same job as before; of those that failed, that they did."""
    loads = sa.table("crm_loads", *map(sa.column, ("id", "site_id", "made_by", "problem", "sealed")),
                     sa.column("made_at", UtcDateTime()))  # fmt: skip
    columns = ("id", "site_id", "made_by", "file", "digest", "system", "state", "place", "rows", "left")
    imports = sa.table(
        "deal_imports", *map(sa.column, columns),
        *(sa.column(name, sa.JSON()) for name in ("problems", "notes", "hints", "summary")),
        *(sa.column(name, UtcDateTime()) for name in ("made_at", "confirmed_at")),
    )  # fmt: skip
    files = sa.table("import_files", *map(sa.column, ("area", "import_id", "nth", "sealed")))
    bind = op.get_bind()
    for load in bind.execute(sa.select(loads).order_by(loads.c.id)).all():
        bind.execute(imports.insert().values(_import(load)))
        blocks = [] if load.problem else [block for block in load.sealed.split(b"\n") if block]
        for nth, block in enumerate(blocks):
            bind.execute(files.insert().values(area="deals", import_id=load.id, nth=nth, sealed=block))


def _import(load: sa.Row[tuple[object, ...]]) -> dict[str, object]:
    at: datetime = load.made_at
    return {
        "id": load.id, "site_id": load.site_id, "made_at": at, "made_by": load.made_by, "file": "file", "digest": "",
        "system": "csv", "state": "refused" if load.problem else "applying",
        "place": int(at.timestamp() * 1e9), "rows": 0, "left": 0, "problems": [FAILED] if load.problem else [],
        "notes": [], "hints": {}, "summary": {}, "confirmed_at": None if load.problem else at,
    }  # fmt: skip


def downgrade() -> None:
    """Files that wait are forgotten; what was imported stays, and cannot be undone."""
    op.create_table(
        "crm_loads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_crm_loads_made_by_people")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_crm_loads_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_loads")),
    )
    for name in ("import_files", "deal_imports", "call_imports"):
        op.drop_table(name)
