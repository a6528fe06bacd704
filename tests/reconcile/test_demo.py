"""The demo's Google Analytics: what was planted is what the page names, and the lost tag is what it cannot name."""

from datetime import date, timedelta
from decimal import Decimal

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.demo.outside import ACCOUNT, LOST_DAYS, seed_outside
from tandem.reconcile import store
from tandem.reconcile.model.finding import SETTLES_DAYS
from tests.reconcile.conftest import NOW, Visit, cells, checked, noon, put


def test_the_page_finds_the_lost_tag_and_explains_the_rest(ctx: Context, site: Site, today: object) -> None:
    last = date(2026, 11, 19)
    days = [last - timedelta(days=i) for i in range(30)]
    visits = []
    for n, on in enumerate(days):
        base = n * 1000
        visits += [Visit(base + i, noon(on), "Paid Social") for i in range(120)]
        visits += [Visit(base + 200 + i, noon(on), bot="datacentre") for i in range(30)]
        visits += [Visit(base + 300 + i, noon(on, 22.5), "Email") for i in range(10)]  # the day before in London
    put(ctx.warehouse, site.id, visits)
    rules = seed_outside(ctx, site, NOW)
    source = f"ga4:{ACCOUNT}"
    assert store.rules_of(ctx.database, site, source) == rules
    found = checked(cells(ctx, site, rules, split="channel", source=source, first=days[-1], last=last))
    assert {c.part for c in found if c.unexplained} == {"Paid Social"}
    assert {c.on for c in found if c.unexplained} == set(days[:LOST_DAYS])
    assert {c.unexplained for c in found if c.part == "Paid Social"} == {Decimal(0), Decimal(-48)}
    assert {c.reasons["bots"] for c in found if c.part == "Direct"} == {30}
    kept = {f.part: f for f in store.differences_of(ctx.database, site)}
    settled = LOST_DAYS - SETTLES_DAYS
    assert (kept["Paid Social"].days, kept["Paid Social"].unexplained) == (settled, -48 * settled)
    assert kept["Paid Social"].first_on == last - timedelta(days=LOST_DAYS - 1)
