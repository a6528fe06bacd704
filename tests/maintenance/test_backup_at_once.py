"""A backup while others work: of both stores it has what is of one moment."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tandem.accounts.model import Site
from tandem.ads import store as ads
from tandem.ads.jobs import read_file
from tandem.ads.sources.report import AdHints
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.maintenance import archive, backup, facts
from tandem.maintenance.facts import Span, Stored
from tests.ads.conftest import cost_by, table


@pytest.mark.parametrize("while_written", ["ad_rows", "ad_loads"])
def test_an_import_waits_until_a_backup_has_the_tables_that_it_writes(
    ctx: Context, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, while_written: str
) -> None:
    report = tmp_path / "report.csv"
    report.write_text(table("2026-10-02 brand 100 10 70.00"))
    real = facts.lines_of

    def bring() -> None:
        ads.confirm(ctx, site, read_file(ctx, site, report, "report.csv", AdHints()))

    colleague = threading.Thread(target=bring)

    def lines_of(warehouse: Warehouse, stored: Stored, span: Span) -> Iterator[bytes]:
        if stored.name == while_written:
            colleague.start()
            colleague.join(0.5)
        return real(warehouse, stored, span)

    monkeypatch.setattr(facts, "lines_of", lines_of)
    backup.backup(ctx, {"file": str(tmp_path / "tandem.tar")}, lambda *_: None)
    colleague.join(20)
    assert cost_by(ctx, site) == {"2026-10-02": Decimal(70)}
    rows = {one.name: one.rows for one in archive.verify(tmp_path / "tandem.tar").tables}
    assert (rows["ad_imports"] > 0, rows["ad_rows"], rows["ad_loads"]) == (False, 0, 0)
