"""Reports as tables of text, brought into the store of a test."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tandem.accounts.model import Site
from tandem.ads import store
from tandem.ads.jobs import read_file
from tandem.ads.sources.report import AdHints
from tandem.core.context import Context

Bring = Callable[..., store.AdImport]
HEADS = {
    "campaign": "Day,Campaign,Campaign ID,Impr.,Clicks,Cost,Currency code",
    "keyword": "Day,Campaign,Campaign ID,Ad group,Keyword,Impr.,Clicks,Cost,Currency code",
}


def table(rows: str, level: str = "campaign", currency: str = "EUR") -> str:
    """A Google report of lines like `2026-10-01 brand 100 10 5.00`, words parted by spaces."""
    lines = [HEADS[level]]
    for line in rows.strip().splitlines():
        on, campaign, *rest = line.split()
        term = [f"Group of {campaign}", rest.pop(0)] if level == "keyword" else []
        lines.append(",".join([on, campaign, f"id-{campaign}", *term, *rest, currency]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def bring(ctx: Context, site: Site, tmp_path: Path) -> Bring:
    """Brings a report in and, unless told otherwise, confirms it."""
    count = 0

    def bring_(
        text: str, confirm: bool = True, is_forced: bool = False, at: Site | None = None, **hints: Any
    ) -> store.AdImport:
        nonlocal count
        count += 1
        path = tmp_path / f"report-{count}.csv"
        path.write_text(text)
        held = read_file(ctx, at or site, path, path.name, AdHints(**hints))
        if confirm and held.state == "staged":
            held = store.confirm(ctx, at or site, held, is_forced)
        return held

    return bring_


def cost_by(ctx: Context, site: Site, by: str = "on") -> dict[Any, Decimal]:
    """What the public view says."""
    rows = ctx.warehouse.ask(f"select {by}, sum(cost) from ad_days where site = {site.id} group by {by}").rows
    return {str(key): value for key, value in rows}
