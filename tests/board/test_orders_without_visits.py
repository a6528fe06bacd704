"""Orders that a shop's server tells without a page view: one sum on every page, and a row of their own."""

from datetime import timedelta
from pathlib import Path

from tandem.accounts.model import Site
from tandem.attribution.routes import ROUTES as MONEY
from tandem.base import clock
from tandem.board.routes import ROUTES as BOARD
from tandem.collect.loader import Loader
from tandem.core.context import Context
from tandem.core.query import Question
from tests.collect.conftest import told
from tests.inside import opened_by_admin

ORDERED = {"kind": "event", "name": "order", "currency": "EUR", "marks": ["api"], "agent": "", "country": ""}


def test_orders_without_a_visit_are_one_sum_and_a_row_of_their_own(ctx: Context, site: Site, tmp_path: Path) -> None:
    """They stood among those of Direct, as if somebody had typed the address. One visitor came before, one never."""
    noon = clock.now() - timedelta(days=3)
    came = told(site.id, 1, noon - timedelta(days=1), referrer="https://www.google.com/")
    records = [came, told(site.id, 1, noon, amount="60", **ORDERED), told(site.id, 2, noon, amount="40", **ORDERED)]  # type: ignore[arg-type]
    Loader(ctx.warehouse, ctx.database, tmp_path).load(records, "orders")
    metrics = ("collect.visits", "collect.orders", "collect.revenue")
    span = {"since": noon - timedelta(days=9), "until": clock.now()}
    for by, came_from, alone in (("channel", "Organic Search", "No visit"), ("source", "google", "(no visit)")):
        asked = Question(site=site.id, zone="UTC", metrics=metrics, by=(by,), **span)  # type: ignore[arg-type]
        rows = {row.key[0]: tuple(map(float, row.metrics.values())) for row in ctx.runner.ask(asked).rows}  # type: ignore[arg-type]
        assert rows == {came_from: (1, 0, 0), alone: (0, 2, 100)}
    with opened_by_admin(ctx, site, [*BOARD, *MONEY]) as browser:
        pages = {page: browser.get(f"/{page}?period=7d&compare=none").text for page in ("board", "traffic", "money")}
    assert all("€100" in page for page in pages.values())
    assert "No visit</" in pages["traffic"]
    assert "(no visit in the window)" in pages["money"], "who never came is nobody's; the other one is the search's"
