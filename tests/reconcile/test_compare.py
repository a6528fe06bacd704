"""Differences that were planted, each of which the comparison must name and size exactly."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.accounts.model import Site
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.reconcile import queries
from tandem.reconcile.model.compare import REASONS, RECOUNTED, Cell, TheirValue, added, compared, noise_of
from tandem.reconcile.model.rules import CountingRules
from tests.reconcile.conftest import DAY, Bring, Visit, cells, checked, noon, put, several

GA = "Date,Session default channel group,Sessions,Total users,Views,Key events,Total revenue\n"


def by_reason(found: list[object]) -> dict[str, Decimal]:
    line = added(found, "all")[0]  # type: ignore[arg-type]
    return {name: value for name, value in line.reasons.items() if value} | {"unexplained": line.unexplained}


def test_a_shift_of_the_time_zone_is_named_and_sized(ctx: Context, site: Site, bring: Bring) -> None:
    # New York is six hours behind Warsaw: a visit at 02:00 of the 15th in Warsaw is one of the 14th there.
    visits = several(100) + several(30, noon(DAY, 24.0), 1000) + several(200, noon(DAY + timedelta(1)), 2000)
    put(ctx.warehouse, site.id, visits)
    bring(f"date,sessions\n{DAY},130\n{DAY + timedelta(1)},200\n")
    first, second = checked(cells(ctx, site, CountingRules(zone="America/New_York")))
    assert (first.ours, second.ours) == (100, 230)
    assert (first.reasons["zone"], second.reasons["zone"]) == (30, -30)
    assert (first.unexplained, second.unexplained) == (0, 0)
    plain = checked(cells(ctx, site))
    assert [c.unexplained for c in plain] == [30, -30]


def test_robots_are_named_by_how_the_system_filters_them(ctx: Context, site: Site, bring: Bring) -> None:
    visits = several(100) + several(40, first=500, bot="datacentre") + several(7, first=900, bot="search")
    put(ctx.warehouse, site.id, visits)
    bring(f"date,sessions\n{DAY},140\n")
    assert by_reason(cells(ctx, site, CountingRules(bots="undeclared"))) == {"bots": 40, "unexplained": 0}
    assert by_reason(cells(ctx, site, CountingRules(bots="all"))) == {"bots": 47, "unexplained": -7}
    assert by_reason(cells(ctx, site)) == {"unexplained": 40}


def test_visits_without_consent_are_taken_off(ctx: Context, site: Site, bring: Bring) -> None:
    put(ctx.warehouse, site.id, several(60) + several(40, first=500, loyalty="unknown"))
    bring(f"date,sessions,users\n{DAY},60,60\n")
    rules = CountingRules(sees_cookieless=False)
    assert by_reason(cells(ctx, site, rules)) == {"consent": -40, "unexplained": 0}
    assert by_reason(cells(ctx, site, rules, "users")) == {"consent": -40, "unexplained": 0}


def test_direct_visits_count_to_the_source_before_them(ctx: Context, site: Site, bring: Bring) -> None:
    earlier, much_earlier = noon(DAY - timedelta(20)), noon(DAY - timedelta(91))
    visits = [
        *several(50, earlier, 1, channel="Organic Search"),
        *several(50, noon(), 1),  # these come again, directly
        *several(10, noon(), 100),  # these never came otherwise
        *several(5, much_earlier, 200, channel="Email"),  # too long ago
        *several(5, noon(), 200),
        *several(8, noon(), 300, channel="Referral", bot="datacentre"),
    ]
    put(ctx.warehouse, site.id, visits)
    bring(GA + f"{DAY},Organic Search,50,50,50,0,0\n{DAY},Direct,15,15,15,0,0\n{DAY},Referral,8,8,8,0,0\n")
    rules = CountingRules(attribution="last_non_direct", bots="undeclared")
    for figure in ("sessions", "users", "pageviews"):
        found = {c.part: c for c in checked(cells(ctx, site, rules, figure, "channel"))}
        assert found["Organic Search"].reasons["attribution"] == 50, figure
        assert found["Direct"].reasons["attribution"] == -50
        assert found["Referral"].reasons["bots"] == 8
        assert all(c.unexplained == 0 for c in found.values())


def test_money_that_a_server_told_alone_moves_without_a_visit(ctx: Context, site: Site, bring: Bring) -> None:
    told = {"pageviews": 0, "goals": (7,), "orders": (("x", 100),)}
    visits = [
        Visit(1, noon(DAY - timedelta(3)), "Email"),
        Visit(1, noon(), **told),  # type: ignore[arg-type]
        Visit(2, noon(), orders=(("y", 30),)),
        Visit(3, noon(DAY, 8), "Referral", **told),  # type: ignore[arg-type]
        Visit(3, noon(), orders=(("z", 7),)),  # nothing but money came before it
        Visit(4, noon(DAY - timedelta(3)), "Email", loyalty="unknown"),
        Visit(4, noon(), loyalty="unknown", **told),  # type: ignore[arg-type]  # they see nothing of it
    ]
    put(ctx.warehouse, site.id, visits)
    bring(GA + f"{DAY},Email,0,0,0,1,100\n{DAY},Direct,2,2,2,0,37\n{DAY},Referral,0,0,0,1,100\n")
    rules = CountingRules(attribution="last_non_direct", sees_cookieless=False)
    for figure, email in (("revenue", 100), ("conversions", 1), ("sessions", 0), ("users", 0)):
        found = {c.part: c for c in checked(cells(ctx, site, rules, figure, "channel", first=DAY))}
        assert found["Email"].reasons["attribution"] == email, figure
        assert found["Direct"].reasons["attribution"] == -email
        assert all(c.unexplained == 0 for c in found.values()), figure


def test_a_user_who_came_both_ways_is_not_moved_twice(ctx: Context, site: Site, bring: Bring) -> None:
    put(ctx.warehouse, site.id, [Visit(1, noon(DAY, 8), "Email"), Visit(1, noon(DAY, 12)), Visit(2, noon(DAY, 12))])
    bring(GA + f"{DAY},Email,2,1,2,0,0\n{DAY},Direct,1,1,1,0,0\n")
    rules = CountingRules(attribution="last_non_direct")
    found = {c.part: c.reasons["attribution"] for c in checked(cells(ctx, site, rules, "users", "channel"))}
    assert found == {"Email": 0, "Direct": -1}


def test_conversions_move_with_their_visits(ctx: Context, site: Site, bring: Bring) -> None:
    visits = [
        Visit(1, noon(DAY - timedelta(3)), "Email"),
        Visit(1, noon(), goals=(7, 7, 8)),
        Visit(2, noon(), goals=(7,)),
    ]
    put(ctx.warehouse, site.id, visits)
    bring(GA + f"{DAY},Email,1,1,1,2,0\n{DAY},Direct,1,1,1,1,0\n")
    rules = CountingRules(attribution="last_non_direct", goals="once")
    found = {c.part: c for c in checked(cells(ctx, site, rules, "conversions", "channel"))}
    assert (found["Direct"].reasons["repeats"], found["Direct"].reasons["attribution"]) == (-1, -2)
    assert found["Email"].reasons["attribution"] == 2
    assert all(c.unexplained == 0 for c in found.values())


def test_only_the_goals_that_the_system_counts_are_compared(ctx: Context, site: Site, bring: Bring) -> None:
    visits = [
        Visit(1, noon(DAY - timedelta(3)), "Email"),
        Visit(1, noon(), goals=(7, 7, 8, 9)),  # direct, after an e-mail
        Visit(2, noon(), goals=(7, 8), bot="datacentre"),
    ]
    put(ctx.warehouse, site.id, visits)
    bring(GA + f"{DAY},Email,1,1,1,2,0\n{DAY},Direct,1,1,1,2,0\n")
    rules = CountingRules(goal_ids=(7, 9), bots="all", goals="once", attribution="last_non_direct")
    found = {c.part: c for c in checked(cells(ctx, site, rules, "conversions", "channel"))}
    assert found["Direct"].ours == 3
    reasons = {name: value for name, value in found["Direct"].reasons.items() if value}
    assert reasons == {"bots": 1, "repeats": -1, "attribution": -2}
    assert found["Email"].reasons["attribution"] == 2
    sessions = {c.part: c.ours for c in cells(ctx, site, rules, "sessions", "channel")}
    assert sessions["Direct"] == 1, "sessions know no goals"


def test_an_order_number_that_comes_again_is_taken_off(ctx: Context, site: Site, bring: Bring) -> None:
    visits = [
        Visit(1, noon(DAY - timedelta(2)), orders=(("A", 100),)),
        Visit(2, noon(), orders=(("A", 100), ("B", 30), ("B", 30), ("", 5), ("", 5))),
    ]
    put(ctx.warehouse, site.id, visits)
    bring(f"date,orders,revenue\n{DAY},3,40.00\n")
    rules = CountingRules(orders="once")
    assert by_reason(cells(ctx, site, rules, "revenue")) == {"repeats": -130, "unexplained": 0}
    assert by_reason(cells(ctx, site, rules, "orders")) == {"repeats": -2, "unexplained": 0}


def test_sampling_explains_what_it_can_and_no_more(ctx: Context, site: Site, bring: Bring) -> None:
    put(ctx.warehouse, site.id, several(1000))
    bring(f"date,sessions,sample share\n{DAY},1040,0.5\n{DAY + timedelta(1)},90,0.5\n")
    first, second = checked(cells(ctx, site))
    assert first.noise == pytest.approx(Decimal("1.96") * Decimal(1040).sqrt(), abs=Decimal("0.001"))  # 63.2
    assert (first.reasons["sampling"], first.unexplained) == (40, 0)
    assert second.reasons["sampling"] == second.noise == pytest.approx(Decimal("18.594"), abs=Decimal("0.001"))
    assert second.unexplained == 90 - second.noise


def test_the_error_of_sampled_money_follows_from_the_squares_of_amounts(ctx: Context, site: Site, bring: Bring) -> None:
    orders = [Visit(i, noon(), orders=((f"n{i}", amount),)) for i, amount in enumerate((10, 10, 200))]
    put(ctx.warehouse, site.id, orders)
    bring(f"date,revenue,sample share\n{DAY},250,50%\n")
    (cell,) = checked(cells(ctx, site, figure="revenue"))
    assert cell.noise == pytest.approx(Decimal("1.96") * Decimal(40_200).sqrt(), abs=Decimal("0.001"))
    assert (cell.reasons["sampling"], cell.unexplained) == (30, 0)


def test_other_and_withheld_rows_explain_shortages_up_to_their_size(ctx: Context, site: Site, bring: Bring) -> None:
    visits = several(100, channel="Email") + several(100, first=500, channel="Referral") + several(50, first=900)
    put(ctx.warehouse, site.id, visits)
    bring(
        "# GA4\n# Data thresholding applied\n"
        + GA
        + f"{DAY},Email,80,0,0,0,0\n{DAY},Referral,60,0,0,0,0\n{DAY},Direct,50,0,0,0,0\n{DAY},(other),20,0,0,0,0\n"
    )
    found = {c.part: c for c in checked(cells(ctx, site, CountingRules(), "sessions", "channel"))}
    assert found["(other)"].reasons["rows"] == 20
    # 20 rows are hidden in "(other)", 60 are missing: 20 of Email, 40 of Referral
    assert found["Email"].reasons["rows"] == Decimal("-6.6667")
    assert found["Referral"].reasons["rows"] == Decimal("-13.3333")
    bring(f"# GA4\nDate,Sessions\n{DAY},250\n")  # their total of the day: 40 more than the rows
    found = {c.part: c for c in checked(cells(ctx, site, CountingRules(), "sessions", "channel"))}
    assert sum(c.reasons["rows"] for c in found.values()) == -40
    assert all(c.unexplained == 0 for c in found.values())


def test_kinds_of_traffic_of_metrica_stand_against_our_channels(ctx: Context, site: Site, bring: Bring) -> None:
    visits = [
        Visit(1, noon(), "Paid Search"),
        Visit(1, noon(DAY, 12), "Paid Social"),
        Visit(2, noon(), "Organic Search"),
    ]
    put(ctx.warehouse, site.id, visits)
    text = f'"Отчет за период с {DAY} по {DAY}"\n"Дата визита";"Источник трафика";"Визиты";"Посетители"\n'
    bring(text + f'"{DAY}";"Переходы по рекламе";2;1\n"{DAY}";"Переходы из поисковых систем";1;1\n')
    for figure in ("sessions", "users"):
        found = checked(cells(ctx, site, figure=figure, split="channel"))
        assert {c.part: c.difference for c in found} == {"Ad traffic": 0, "Search engine traffic": 0}


def test_ours_is_the_figure_of_the_catalogue_on_one_node_and_on_two_shards(
    ctx: Context, site: Site, bring: Bring, shards: Warehouse
) -> None:
    visits = several(20, channel="Email", goals=(1, 1), orders=(("x", 10),)) + several(15, noon(DAY, 15), pageviews=3)
    put(ctx.warehouse, site.id, visits)
    bring(GA + f"{DAY},Email,20,20,20,40,200\n{DAY},Direct,15,15,45,0,0\n")
    rules = CountingRules(attribution="last_non_direct", orders="once", goals="once", bots="all", zone="Asia/Kolkata")
    for figure in ("sessions", "users", "pageviews", "conversions", "revenue"):
        here = checked(cells(ctx, site, rules, figure, "channel"))
        assert all(c.theirs == c.ours for c in here), figure
        local, ctx.warehouse = ctx.warehouse, shards
        try:
            there = cells(ctx, site, rules, figure, "channel")
        finally:
            ctx.warehouse = local
        assert there == here, figure


amounts = st.decimals(min_value=-10_000, max_value=10_000, places=4)
keys = st.tuples(st.sampled_from([date(2026, 10, 1), date(2026, 10, 2)]), st.sampled_from(["a", "b", "(other)"]))
counts = st.dictionaries(keys, amounts, max_size=6)
told = st.dictionaries(
    keys,
    st.builds(
        TheirValue, value=amounts, share=st.none() | st.decimals(min_value="0.01", max_value="0.99", places=2),
        is_other=st.booleans(),
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(told, st.lists(st.tuples(st.sampled_from(RECOUNTED), counts), max_size=5), counts)
def test_reasons_and_the_unexplained_always_add_up(theirs: object, steps: object, ours: object) -> None:
    found = compared(theirs, steps, ours, None, {date(2026, 10, 1): Decimal(7)})  # type: ignore[arg-type]
    checked(found)
    for by in ("day", "part", "all"):
        for line in added(found, by):
            assert line.theirs - line.ours == sum(line.reasons.values(), Decimal(0)) + line.unexplained
    assert all(set(c.reasons) == set(REASONS) for c in found)
    assert all(abs(c.reasons["sampling"]) <= c.noise for c in found)


@settings(deadline=None)
@given(st.integers(1, 10**6), st.decimals(min_value="0.01", max_value="0.98", places=2))
def test_a_smaller_sample_errs_more(value: int, share: Decimal) -> None:
    small, large = (
        TheirValue(value=Decimal(value), share=share),
        TheirValue(value=Decimal(value), share=share + Decimal("0.01")),
    )
    assert noise_of(small, None) > noise_of(large, None) >= 0
    assert noise_of(TheirValue(value=Decimal(value)), None) == 0


def test_a_comparison_is_for_those_who_may_see_both_sides() -> None:
    span = {"day": (DAY, DAY)}
    crm = queries.ComparedSource(
        id="held:crm", system="crm", account="", is_own=True, figures={"leads": span, "orders": span, "revenue": span}
    )
    ga = queries.ComparedSource(
        id="ga4:1", system="ga4", account="1", is_own=False, figures={"sessions": span, "revenue": span}
    )

    def seen(*acts: str) -> dict[str, list[str]]:
        reader = SimpleNamespace(may=lambda act: act in acts)
        return {s.id: list(s.figures) for s in queries.readable([crm, ga], reader)}  # type: ignore[arg-type]

    assert seen("money.read") == {}
    assert seen("money.read", "metrics.read") == {"ga4:1": ["sessions", "revenue"]}
    assert seen("metrics.read") == {"ga4:1": ["sessions"]}
    assert seen("money.read", "metrics.read", "deals.read") == {
        "held:crm": ["leads", "orders", "revenue"], "ga4:1": ["sessions", "revenue"],
    }  # fmt: skip


def test_what_sampling_may_have_moved_adds_up_in_quadrature() -> None:
    """The page's ±: samples of different days err independently, so 3 and 4 make 5 and not 7."""
    days = [
        Cell(on=DAY + timedelta(place), part="", theirs=Decimal(100), ours=Decimal(100), unexplained=Decimal(0),
             reasons=dict.fromkeys(REASONS, Decimal(0)), noise=Decimal(noise), is_sampled=True)
        for place, noise in enumerate((3, 4))
    ]  # fmt: skip
    assert [line.noise for line in added(days, "all")] == [5]
    assert [line.noise for line in added(days, "day")] == [3, 4]
