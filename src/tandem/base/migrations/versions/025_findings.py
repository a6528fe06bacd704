"""findings"""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from alembic import op

revision = "025"
down_revision = "024"
branch_labels = None
depends_on = None

STANDS = sa.text("state in ('open', 'ignored')")
STATES = {"open": "open", "settled": "explained", "gone": "fixed"}
AMOUNTS = ("theirs", "ours", "unexplained")
BEFORE: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.Integer(), "site_id": sa.Integer(), "source": sa.String(length=240), "figure": sa.String(length=20),
    "split": sa.String(length=20), "part": sa.String(length=300), "first_on": sa.Date(), "last_on": sa.Date(),
    "days": sa.Integer(), **dict.fromkeys(AMOUNTS, sa.String(length=40)), "raised_at": sa.DateTime(timezone=True),
    "state": sa.String(length=20), "settled_by": sa.Integer(), "settled_at": sa.DateTime(timezone=True),
    "note": sa.Text(),
}  # fmt: skip
NEEDS = {
    "cost": ["money.read"], "revenue": ["metrics.read", "money.read"], "leads": ["deals.read", "money.read"],
    "deals": ["deals.read", "money.read"],
}  # fmt: skip
SYSTEMS = {
    "ga4": "Google Analytics 4", "metrika": "Yandex Metrica", "google": "Google Ads", "yandex": "Yandex Direct",
    "meta": "Meta", "vk": "VK Ads", "tiktok": "TikTok", "microsoft": "Microsoft Advertising", "crm": "CRM",
    "other": "Other",
}  # fmt: skip
LABELS = {
    "users": "Users", "sessions": "Sessions", "pageviews": "Page views", "conversions": "Conversions",
    "orders": "Orders", "revenue": "Revenue", "clicks": "Ad clicks", "cost": "Ad cost", "leads": "Leads",
    "deals": "Deals",
}  # fmt: skip
MONEY = ("revenue", "cost")


def upgrade() -> None:
    """Failed checks of every area in one table; those of reconciliation move into it."""
    table = op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("slice", sa.String(length=20), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=600), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("side", sa.String(length=12), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("money", sa.String(length=40), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("needs", sa.JSON(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("ignored_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_findings_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    before = sa.table("outside_findings", *(sa.column(name, type_) for name, type_ in BEFORE.items()))
    rows = op.get_bind().execute(sa.select(before).order_by(before.c.id)).mappings().all()
    kept = _kept([dict(row) for row in rows])
    if kept:
        op.bulk_insert(table, kept)
    op.create_index("ix_findings_site_state", "findings", ["site_id", "state"])
    op.create_index("ix_findings_rule", "findings", ["site_id", "slice", "rule"])
    op.create_index(
        "ix_findings_standing", "findings", ["site_id", "slice", "rule", "subject"], unique=True,
        sqlite_where=STANDS, postgresql_where=STANDS,
    )  # fmt: skip
    op.drop_table("outside_findings")


def _kept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings of before. Of several open ones of a subject the newest stands; the next look makes it whole."""
    newest = {_key(row): row["id"] for row in rows if row["state"] == "open"}
    times, kept = dict[tuple[int, str], int](), list[dict[str, Any]]()
    for row in rows:
        if row["state"] == "open" and newest[_key(row)] != row["id"]:
            continue
        times[_key(row)] = times.get(_key(row), 0) + 1
        kept.append(_finding(row, times[_key(row)]))
    return kept


def _key(row: dict[str, Any]) -> tuple[int, str]:
    return row["site_id"], "|".join((row["source"], row["figure"], row["split"], row["part"]))


def _finding(row: dict[str, Any], times: int) -> dict[str, Any]:
    theirs, ours, unexplained = (Decimal(row[name]) for name in ("theirs", "ours", "unexplained"))
    larger = max(abs(theirs), abs(ours))
    share = abs(unexplained) / larger if larger else Decimal(0)
    system, _, account = row["source"].removeprefix("held:").partition(":")
    part = {"part": {"text": row["part"], "unit": row["split"]}} if row["part"] else {}
    query = {"source": row["source"], "figure": row["figure"], "by": "day",
             "period": f"{row['first_on']}..{row['last_on']}"}  # fmt: skip
    figure = "%(figure)s, %(part)s" if part else "%(figure)s"
    return {
        "site_id": row["site_id"], "slice": "reconcile", "rule": "unexplained", "subject": _key(row)[1],
        "severity": "high" if share > Decimal("0.25") else "medium", "side": "both",
        "title": figure + ": %(source)s and Tandem differ by %(share)s",
        "values": {
            "figure": {"term": LABELS.get(row["figure"], row["figure"])},
            "source": {"term": SYSTEMS.get(system, system), "text": account},
            "share": {"number": float(share), "unit": "share"}, **part,
        },
        "evidence": {name: row[name] for name in ("source", "figure", "split", "part", "days", *AMOUNTS)},
        "money": str(abs(unexplained)) if row["figure"] in MONEY else None,
        "address": "/reconciliation?" + urlencode(query),
        "needs": NEEDS.get(row["figure"], ["metrics.read", "money.read"]),
        "first_on": row["first_on"], "last_on": row["last_on"], "first_seen_at": row["raised_at"],
        "last_seen_at": row["settled_at"] or row["raised_at"], "times": times, "state": STATES[row["state"]],
        "ignored_until": None, "settled_by": row["settled_by"], "settled_at": row["settled_at"], "note": row["note"],
    }  # fmt: skip


def downgrade() -> None:
    """Findings are seen again at the next look; explanations of users stay behind."""
    op.create_table(
        "outside_findings",
        *(sa.Column(name, type_, nullable=name.startswith("settled_")) for name, type_ in BEFORE.items()),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_outside_findings_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_findings")),
    )
    op.create_index("ix_outside_findings_site_state", "outside_findings", ["site_id", "state"])
    op.drop_table("findings")
