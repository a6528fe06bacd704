"""What a visitor sent is no formula in the spreadsheet of whoever exports it."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tandem.accounts.model import Site
from tandem.base.csv_cells import safe_cell
from tandem.core.context import Context
from tandem.maintenance.export import export
from tests.base.test_csv_cells import ORDINARY, SPLIT


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


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_cells_are_the_same_as_those_of_other_files(ctx: Context, site: Site, tmp_path: Path, ending: str) -> None:
    at, texts = datetime(2026, 3, 29, 12, tzinfo=UTC), [*SPLIT, *ORDINARY]
    columns = {
        "site": site.id, "at": at, "received": at, "visitor": 9, "kind": "event", "path": "/x",
    }  # fmt: skip
    ctx.warehouse.insert(
        "events",
        {name: [value] * len(texts) for name, value in columns.items()}
        | {"id": list(range(1, len(texts) + 1)), "name": texts, "props": [{"plan": text} for text in texts]},
    )
    path = tmp_path / f"all.{ending}"
    args = {"file": str(path), "site": site.key, "since": "2026-03-28", "until": "2026-03-31"}
    export(ctx, args, lambda share, text: None)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file)) if ending == "csv" else [json.loads(line) for line in file]
    assert [row["name"] for row in rows] == ([safe_cell(text) for text in texts] if ending == "csv" else texts)
    assert ("x;=cmd" in path.read_text()) == (ending != "csv"), "nor in a property"
