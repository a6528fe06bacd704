"""What was stored beside visits before paths had one form: it is respelt when the product starts."""

from datetime import UTC, datetime

import pytest

from tandem.accounts.model import Site
from tandem.app import SLICES
from tandem.core.context import Context

WRITTEN, NORMAL = "/%D0%BA%D0%B0%2f", "/ка%2F"
MOMENTS = {"lease_rows": {"began": datetime(2026, 11, 1, tzinfo=UTC)}, "call_credit_rows": {}, "deal_origins": {}}


@pytest.mark.parametrize("table", MOMENTS)
def test_entry_pages_of_calls_and_deals_are_respelt_at_the_start(ctx: Context, site: Site, table: str) -> None:
    row = {"site": site.id, "entry": WRITTEN, **MOMENTS[table]}
    ctx.warehouse.insert(table, {name: [value] for name, value in row.items()})
    owner = next(s for s in SLICES if table in s.owns)
    owner.start(ctx)()
    asked = f"select entry from {table} where site = {{site:UInt32}}"
    assert ctx.warehouse.value(asked, site=site.id) == NORMAL


def test_every_stored_column_of_paths_is_respelt() -> None:
    """Visits are derived again from events; all others have their test above."""
    holding = {
        table
        for s in SLICES
        for step in s.schema()
        for text in step.statements
        for table in s.owns
        if f"create table if not exists {table} " in text and ("entry " in text or " path " in text)
    }
    assert holding == {*MOMENTS, "events", "visit_rows"}
