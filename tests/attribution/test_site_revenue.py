"""Money's revenue beside Traffic's: every part of the difference is computed, and the parts sum to it."""

from collections.abc import Iterator
from decimal import Decimal
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.attribution import store
from tandem.attribution.model.site_revenue import Overlap, bridge
from tandem.attribution.routes import ROUTES
from tandem.collect import store as collect
from tandem.core.context import Context
from tests.attribution.shop import START, Visit, put
from tests.attribution.test_questions import DAY
from tests.attribution.test_store import Both, ask, both, crowd
from tests.inside import opened_by_admin

__all__ = ["both"]
SPAN = "period=2026-10-11..2026-11-09"
Browser = TestClient[Litestar]
money = st.decimals(-10_000, 10_000, places=4)


@pytest.fixture
def browser(ctx: Context, site: Site) -> Iterator[Browser]:
    put(ctx.warehouse, [
        Visit(1, START + 50 * DAY, "Email", orders=1, revenue=100, goals=((5, 1, 90.0),)),
        Visit(1, START + 55 * DAY, "Direct", revenue=-30),
        Visit(2, START + 51 * DAY, "Email", orders=1, revenue=70),
        Visit(2, START + 52 * DAY, "Direct", orders=1, revenue=5.55),
        Visit(3, START + 52 * DAY, "Direct", goals=((5, 1, 12.0),)),
    ])  # fmt: skip
    collect.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    ctx.offers.goal_names = lambda site: {str(g.id): g.name for g in collect.goals_of(ctx.database, site)}
    with opened_by_admin(ctx, site, ROUTES) as client:
        yield client


def ledger(browser: Browser, query: str) -> list[tuple[str, str]]:
    """The lines below the table: what each says, and its money."""
    page = unescape(browser.get(f"/money?{SPAN}&{query}").text)
    rows = page.partition('<table class="ledger">')[2].partition("</table>")[0].split("<tr>")[1:]
    cells = [row.partition("</th>") for row in rows]
    return [(_text(said), _text(money)) for said, _, money in cells]


def _text(html: str) -> str:
    return " ".join("".join(part.partition(">")[2] for part in ("x>" + html).split("<")).split())


def test_refunds_without_an_order_are_the_difference_of_orders(browser: Browser) -> None:
    assert ledger(browser, "conversion=orders") == [
        ("Revenue here", "€175.55"),
        ("Refunds in visits without an order: subtracted on Traffic, credited to no channel here", "−€30.00"),
        ("Revenue on Traffic", "€145.55"),
    ]


def test_a_goal_of_other_people_than_those_who_ordered(browser: Browser) -> None:
    assert ledger(browser, "conversion=goal:1") == [
        ("Revenue here", "€102.00"),
        ("People who placed no order on the site in this period: counted here only", "−€12.00"),
        ("Orders on the site, less refunds, of people without such a conversion in this period: "
         "counted on Traffic only", "+€75.55"),
        ("People with both: the amounts of their orders, less refunds, differ from those of their conversions",
         "−€20.00"),
        ("Revenue on Traffic", "€145.55"),
    ]  # fmt: skip


def test_filters_choose_people_here_and_visits_there(browser: Browser) -> None:
    lines = ledger(browser, "conversion=orders&f=channel:is:Email")
    assert lines[0] == ("Revenue here", "€175.55") and lines[-1] == ("Revenue on Traffic", "€170.00")
    assert lines[1:-1] == [
        ("Refunds in visits without an order: subtracted on Traffic, credited to no channel here", "−€30.00"),
        ("Filters select people here and visits on Traffic", "+€24.45"),
    ]


def test_the_same_revenue_needs_no_word(ctx: Context, site: Site) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email", orders=1, revenue=100)])
    with opened_by_admin(ctx, site, ROUTES) as browser:
        assert ledger(browser, "conversion=orders") == []


@pytest.mark.parametrize("filters", [(), (("channel", "is", ("Email",)),)])
def test_people_with_one_with_the_other_and_with_both_equal_plain_loops(
    both: Both, filters: tuple[tuple[str, str, tuple[str, ...]], ...]
) -> None:
    visits = crowd(7)
    put(both[0], visits)
    question = ask(kind="goal", key="2", filters=filters)
    inside = [v for v in visits if v.site == 1 and not v.bot]
    since, until = question.since, question.until
    chosen = {v.visitor for v in inside if not filters or (v.channel == "Email" and since - 30 * DAY <= v.at < until)}
    credited, ordered = dict[int, float](), dict[int, float]()
    for v in inside:
        if v.visitor not in chosen:
            continue
        for minutes, goal, amount in v.goals:
            if goal == 2 and since <= v.at + minutes * DAY / 1440 < until:
                credited[v.visitor] = credited.get(v.visitor, 0) + amount
        if (v.orders or v.revenue) and since <= v.at < until:
            ordered[v.visitor] = ordered.get(v.visitor, 0) + v.revenue
    two = credited.keys() & ordered.keys()
    assert two and credited.keys() - two and ordered.keys() - two
    for engine in both:
        got = store.overlap(engine, question)
        assert float(got.credited_alone) == sum(credited[p] for p in credited.keys() - two)
        assert float(got.ordered_alone) == sum(ordered[p] for p in ordered.keys() - two)
        assert float(got.credited_of_both) == sum(credited[p] for p in two)
        assert float(got.ordered_of_both) == sum(ordered[p] for p in two)


@given(money, money, money, money, money)
@settings(max_examples=200, deadline=None)
def test_parts_in_cents_sum_to_the_difference(a: Decimal, b: Decimal, c: Decimal, d: Decimal, there: Decimal) -> None:
    overlap = Overlap(credited_alone=a, ordered_alone=b, credited_of_both=c, ordered_of_both=d)
    found = bridge(a + c, there, overlap.parts)
    if found is not None:
        assert found.here + sum(part.money for part in found.parts) == found.there
