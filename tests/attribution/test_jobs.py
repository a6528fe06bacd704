"""Who gets the credit, written down for the catalogue: equal to the page Money, and never left behind."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.attribution import store
from tandem.attribution.jobs import write_credits
from tandem.attribution.model.credits import by_all_models
from tandem.attribution.model.interval import interval
from tandem.base.translations import translations
from tandem.collect.store import add_goal
from tandem.core.context import Context
from tandem.core.query import Question
from tandem.core.slice import Recount
from tandem.metrics.catalogue.attribution import ESTIMATES
from tandem.metrics.chance import is_clear
from tests.attribution.shop import START, Visit, put
from tests.attribution.test_store import SINCE, UNTIL, ask, crowd

CONVERSIONS, REVENUE = "attribution.conversions", "attribution.revenue"


def credited(ctx: Context, site: Site, **more: Any) -> dict[str, dict[str, Any]]:
    """The answers of the catalogue by channel."""
    given = {"since": SINCE, "until": UNTIL, "by": ("channel",)} | more
    ctx.runner.look_again()
    question = Question(site=site.id, zone=site.zone, metrics=(CONVERSIONS, REVENUE), **given)
    return {str(row.key[0]) if row.key else "": row.metrics for row in ctx.runner.ask(question).rows}


@pytest.mark.parametrize("kind", ["orders", "goal"])
def test_the_catalogue_tells_what_money_tells(ctx: Context, site: Site, kind: str) -> None:
    visits = [*crowd(5), Visit(900, SINCE, "Direct", orders=1, revenue=9, goals=((0, 1, 9.0),), pageviews=0)]
    if kind == "goal":
        ctx.runner.main_goals = lambda _: (1,)
        ctx.offers.goal_names = lambda _: {"1": "Asks for a quote"}
        assert add_goal(ctx.database, site, "Asks for a quote", "event", "quote").id == 1
        quotes = [tuple((minutes, goal, 0.0) for minutes, goal, _ in v.goals) for v in visits]
        visits = [v._replace(orders=0, revenue=0.0, goals=g) for v, g in zip(visits, quotes, strict=True)]
    put(ctx.warehouse, visits)
    assert write_credits(ctx) >= 3, "a month each"
    found = store.attribution_data(ctx.warehouse, ask(kind=kind, key="1" if kind == "goal" else ""))
    credit = by_all_models(found.journeys, found.lost)[0]["shapley"]
    low, high = interval(credit.conversions, credit.sum_of_squares)
    answers = credited(ctx, site)
    assert found.lone[0] > 0 and found.totals.conversions > 30
    assert answers["Unassigned"][CONVERSIONS] == pytest.approx(found.lone[0])
    assert set(answers) == {*found.names, "Unassigned"}
    for place, name in enumerate(found.names):
        answer = answers[name]
        assert answer[CONVERSIONS] == pytest.approx(credit.conversions[place])
        assert answer[REVENUE] == pytest.approx(credit.worth[place])
        assert answer[f"{CONVERSIONS}.low"] == pytest.approx(low[place], rel=0.01)
        assert answer[f"{CONVERSIONS}.high"] == pytest.approx(high[place], rel=0.01)
        assert answer[f"{REVENUE}.low"] <= answer[REVENUE] <= answer[f"{REVENUE}.high"]
    total = credited(ctx, site, by=())[""]
    assert total[CONVERSIONS] == pytest.approx(found.totals.conversions)
    assert total[REVENUE] == pytest.approx(float(found.totals.worth))
    assert sum(a[CONVERSIONS] for a in credited(ctx, site, by=("day",)).values()) == pytest.approx(total[CONVERSIONS])


def test_the_catalogue_names_its_model_wherever_it_is_read() -> None:
    """The page Money takes the Markov chain unless told otherwise: the same words had two values."""
    for estimate in ESTIMATES:
        assert estimate.label.endswith("(Shapley)") and "(Shapley model)" in estimate.marketers
        for language in ("ru", "pl"):
            label, text = (translations(language).gettext(one) for one in (estimate.label, estimate.marketers))
            assert ("Шепл" in label + text) if language == "ru" else ("Shapley" in label and "Shapley" in text)


def test_only_months_with_news_are_written_again(ctx: Context, site: Site) -> None:
    put(ctx.warehouse, crowd(6))
    assert write_credits(ctx) > 0
    assert write_credits(ctx) == 0
    before = credited(ctx, site)
    late = Visit(999, START + timedelta(days=79), "Paid Search", orders=1, revenue=500)
    put(ctx.warehouse, [late._replace(visitor=v) for v in (1_000, 1_001)])
    assert write_credits(ctx) == 1, "November's; September's and October's visits are the same"
    assert {name: pytest.approx(metrics) for name, metrics in before.items()} == credited(ctx, site)
    more = credited(ctx, site, until=UNTIL + timedelta(days=30))
    assert more["Paid Search"][REVENUE] >= before["Paid Search"][REVENUE] + 1000


def test_what_is_erased_is_credited_to_nobody(ctx: Context, site: Site) -> None:
    put(ctx.warehouse, [Visit(1, SINCE, "Email", orders=1, revenue=10)])
    write_credits(ctx)
    assert credited(ctx, site)["Email"][REVENUE] == 10
    ctx.warehouse.do("truncate table visit_rows")
    assert write_credits(ctx) == 1
    assert credited(ctx, site) == {}
    assert credited(ctx, site, by=())[""] == {
        CONVERSIONS: 0, REVENUE: 0, f"{CONVERSIONS}.low": 0, f"{REVENUE}.low": 0,
        f"{CONVERSIONS}.high": pytest.approx(3.69, rel=0.01), f"{REVENUE}.high": 0,
    }  # fmt: skip


def test_while_visits_are_derived_anew_nothing_is_written(ctx: Context, site: Site) -> None:
    put(ctx.warehouse, crowd(7))
    ctx.offers.recounted = lambda _: Recount(share=0.4, is_all=True)
    assert write_credits(ctx) == 0
    ctx.offers.recounted = lambda _: None
    assert write_credits(ctx) > 0


def test_a_site_that_fails_keeps_no_other_waiting(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    other = accounts.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"], "UTC", "EUR", "cookie")
    put(ctx.warehouse, [Visit(1, SINCE, "Email", orders=1, revenue=10, site=one.id) for one in (site, other)])
    states = store.month_states
    monkeypatch.setattr(
        store, "month_states", lambda warehouse, ask: 1 / 0 if ask.site == site.id else states(warehouse, ask)
    )
    with pytest.raises(ZeroDivisionError):
        write_credits(ctx)
    assert credited(ctx, other)["Email"][REVENUE] == 10
    assert credited(ctx, site) == {}


def test_a_month_that_is_half_written_is_not_seen(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    put(ctx.warehouse, [Visit(1, SINCE, "Email", orders=1, revenue=10)])
    write_credits(ctx)
    put(ctx.warehouse, [Visit(1, SINCE, "Email", orders=1, revenue=10), Visit(2, SINCE, "Email", orders=1, revenue=5)])
    insert = ctx.warehouse.insert

    def cut_off(table: str, columns: Any, token: str = "") -> int:
        if table == "credit_months":
            raise OSError("the power fails")
        return insert(table, columns, token)

    monkeypatch.setattr(ctx.warehouse, "insert", cut_off)
    with pytest.raises(OSError):
        write_credits(ctx)
    assert credited(ctx, site)["Email"][REVENUE] == 10
    monkeypatch.undo()
    assert write_credits(ctx) == 1
    assert credited(ctx, site)["Email"][REVENUE] == 15


def test_a_change_is_clear_where_ranges_have_nothing_in_common() -> None:
    def told(value: float) -> dict[str, float | int | None]:
        low, high = interval(np.array([value]), np.array([value]))
        return {CONVERSIONS: value, f"{CONVERSIONS}.low": low[0], f"{CONVERSIONS}.high": high[0]}

    assert is_clear(CONVERSIONS, told(100), told(50))
    assert not is_clear(CONVERSIONS, told(100), told(80))
    assert not is_clear(CONVERSIONS, {CONVERSIONS: 100}, told(50)), "without a range nothing is claimed"
