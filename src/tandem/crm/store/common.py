"""What the parts of this store share."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tandem.accounts.model import Site
from tandem.base.warehouse import Step, questions_in, steps_of
from tandem.core.context import Context

HERE = Path(__file__).parents[1]
SQL = questions_in(HERE / "sql")
AT_ONCE = 2_000
"""How many records one question asks about."""

PRICED = 1 << 11
ROW = (
    "site", "deal", "version", "is_deleted", "connection", "system", "ref", "kind", "parent", "at", "updated", "closed",
    "stage", "stage_kind", "pipeline", "amount", "refunded", "cost", "original_amount", "original_refund",
    "original_cost", "currency", "source_text", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
    "click", "visitor", "node", "phone", "email", "responsible", "lost_reason",
)  # fmt: skip
STEP = ("site", "deal", "node", "at", "stage", "stage_kind", "version")
NODE = ROW.index("node")


def schema() -> list[Step]:
    return steps_of("crm", HERE / "schema")


def asked(ctx: Context, question: str, site: Site, **params: Any) -> Iterator[dict[str, Any]]:
    """The rows of one of this slice's questions, as dicts."""
    answer = ctx.warehouse.ask(SQL[question], {"site": site.id, **params})
    return (dict(zip(answer.names, row, strict=True)) for row in answer.rows)


def columns_of(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
