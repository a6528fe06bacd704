"""What a visitor sent is no formula in the spreadsheet of whoever exports it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.maintenance.export import export


@pytest.mark.parametrize(("ending", "expected"), [("csv", "'=HYPERLINK(1)"), ("ndjson", '"=HYPERLINK(1)"')])
def test_formulas_are_marked_in_csv_only(ctx: Context, site: Site, tmp_path: Path, ending: str, expected: str) -> None:
    at = datetime(2026, 3, 29, 12, tzinfo=UTC)
    fact = {
        "site": site.id, "id": 1, "visitor": 9, "at": at, "received": at, "kind": "event", "name": "a=b", "path": "/x",
        "query": "=HYPERLINK(1)", "referrer": "-2+3",
    }  # fmt: skip
    ctx.warehouse.insert("events", {name: [value] for name, value in fact.items()})
    path = tmp_path / f"all.{ending}"
    args = {"file": str(path), "site": site.key, "since": "2026-03-28", "until": "2026-03-31"}
    assert export(ctx, args, lambda share, text: None)["events"] == 1
    written = path.read_text()
    assert expected in written
    assert ("'-2+3" in written) == (ending == "csv")
    assert "'a=b" not in written
