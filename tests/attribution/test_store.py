"""Journeys from the event store: equal to plain loops, on one node and on two shards."""

import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tandem.accounts.model import Site
from tandem.attribution import store
from tandem.attribution.model.ask import Ask
from tandem.attribution.model.credits import by_all_models
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.core.query import Question
from tandem.crm import store as crm
from tandem.crm.model.deal import DealFact
from tandem.people import store as people
from tandem.people.jobs import stitch_where_needed
from tandem.people.model.identifier import Identifier, Link, visitor
from tests.attribution import naive
from tests.attribution.shop import CHANNELS, START, Visit, journeys, put
from tests.golden.crm import cookie_of

SINCE, UNTIL = START + timedelta(days=40), START + timedelta(days=70)
DAY = timedelta(days=1)


def crowd(seed: int, people: int = 250) -> list[Visit]:
    """People who come one to nine times within 80 days; some order, some twice, some reach goals, some are robots."""
    rng, visits = random.Random(seed), []
    for person in range(1, people + 1):
        for _ in range(rng.randint(1, 9)):
            at = START + timedelta(seconds=rng.randrange(80 * 86_400))
            is_buying = rng.random() < 0.15
            visits.append(
                Visit(
                    person * 1_000_003,
                    at,
                    rng.choice(CHANNELS),
                    orders=rng.randint(1, 2) if is_buying else 0,
                    revenue=rng.randint(5, 90) if is_buying else 0,
                    goals=tuple((rng.randint(0, 90), rng.randint(1, 2), 0.5) for _ in range(rng.choice((0, 0, 1, 2)))),
                    bot="search" if rng.random() < 0.05 else "",
                    site=2 if rng.random() < 0.05 else 1,
                )
            )
    visits += [
        Visit(7, SINCE, "Email", orders=1, revenue=10), Visit(8, UNTIL, "Email", orders=1, revenue=20),
        Visit(9, SINCE - timedelta(milliseconds=1), "Email", orders=1, revenue=40),
        Visit(10, SINCE - 30 * DAY, "Paid Search"), Visit(10, SINCE, "Direct", orders=1, revenue=1),
        Visit(11, SINCE - 30 * DAY - timedelta(milliseconds=1), "Paid Search"), Visit(11, SINCE, "Direct", orders=1),
    ]  # fmt: skip
    return visits


def ask(by: str = "channel", window: int = 30, **more: object) -> Ask:
    given = {"kind": "orders", "key": "", "since": SINCE, "until": UNTIL} | more
    return Ask(site=1, by=by, window=window, **given)  # type: ignore[arg-type]


Both = tuple[Warehouse, Warehouse]


@pytest.fixture
def both(warehouse: Warehouse, shards: Warehouse) -> Both:
    return warehouse, shards


def test_an_order_that_a_server_told_without_a_page_is_credited_to_the_visits_before_it(both: Both) -> None:
    put(both[0], [
        Visit(1, SINCE, "Email"),
        Visit(1, SINCE + timedelta(hours=2), "Direct", orders=1, revenue=70, pageviews=0),
        Visit(2, SINCE, "Direct", orders=1, revenue=5, pageviews=0),
    ])  # fmt: skip
    for engine in both:
        got = store.attribution_data(engine, ask())
        assert (got.totals.conversions, float(got.totals.worth)) == (2, 75)
        assert got.lone == (1, 5)
        credit, _ = by_all_models(got.journeys, got.lost)
        assert credit["first"].conversions[got.names.index("Email")] == 1


@pytest.mark.parametrize(("goal", "window"), [(0, 1), (0, 30), (2, 30), (2, 90)])
def test_journeys_and_credits_equal_plain_loops(both: Both, goal: int, window: int) -> None:
    visits = crowd(3)
    put(both[0], visits)
    won, lost = journeys(visits, SINCE, UNTIL, window, goal)
    with_touches = [j for j in won if j.touches]
    question = ask(window=window, kind="goal" if goal else "orders", key=str(goal) if goal else "", order=2)
    for engine in both:
        got = store.attribution_data(engine, question)
        place = [got.names.index(c) if c in got.names else -1 for c in CHANNELS]
        assert got.lone == (sum(j.weight for j in won if not j.touches), sum(j.worth for j in won if not j.touches))
        assert got.totals.conversions == sum(j.weight for j in won)
        assert float(got.totals.worth) == sum(j.worth for j in won)
        assert sorted(zip(got.journeys.lengths, got.journeys.weight, got.journeys.is_first, strict=True)) == sorted(
            (len(j.touches), j.weight, j.is_first) for j in with_touches
        )
        credit, _ = by_all_models(got.journeys, got.lost)
        for model in ("first", "last", "last_non_direct", "linear", "time_decay", "position", "shapley"):
            expected, worth = defaultdict(float), defaultdict(float)  # type: ignore[var-annotated]
            for j in with_touches:
                for touch, share in zip(j.touches, naive.shares(model, j.touches), strict=True):
                    expected[touch.value] += j.weight * share
                    worth[touch.value] += j.worth * share
            for v, at in enumerate(place):
                if at >= 0:
                    assert credit[model].conversions[at] == pytest.approx(expected[v], rel=1e-6), model
                    assert credit[model].worth[at] == pytest.approx(worth[v], rel=1e-6), model
        paths = [(tuple(t.value for t in j.touches), float(j.weight), 0.0) for j in with_touches]
        paths += [(tuple(CHANNELS.index(c) for c in way), 0.0, 1.0) for way in lost]
        chain = naive.markov_by_removal(paths, len(CHANNELS), 2)
        for v, at in enumerate(place):
            if at >= 0:
                assert credit["markov"].conversions[at] == pytest.approx(chain[v], abs=1e-6)


def test_a_merged_person_has_one_journey_though_the_browsers_lie_on_different_shards(
    both: Both, ctx: Context, site: Site
) -> None:
    warehouse = both[0]
    put(
        warehouse,
        [Visit(v, START + (50 + v) * DAY, c) for v, c in ((1, "Paid Search"), (2, "Email"), (3, "Organic Search"))]
        + [Visit(4, START + 55 * DAY, "Direct", orders=1, revenue=90)],
    )
    assert [n for n, w in _credits(store.attribution_data(warehouse, ask()), "first").items() if w] == ["Direct"]
    office = Identifier("phone", "+48600100200")
    people.record(ctx, site, [Link(a=visitor(v), b=office, at=START, source="form", ref="") for v in (1, 2, 3, 4)])
    stitch_where_needed(ctx)
    reload_shards(both)
    for engine in both:
        got = store.attribution_data(engine, ask())
        assert {n: w for n, w in _credits(got, "first").items() if w} == {"Paid Search": 1.0}
        assert {n: round(w, 9) for n, w in _credits(got, "linear").items()} == {
            "Direct": 0.25, "Email": 0.25, "Organic Search": 0.25, "Paid Search": 0.25,
        }  # fmt: skip


def reload_shards(both: Both) -> None:
    """Nodes of their own in this one process learn of new persons."""
    for database in ("cluster", "shard"):
        for name in ("person_map", "person_news"):
            both[1].do(f"system reload dictionary {database}.{name}")


def _credits(got: store.AttributionData, model: str) -> dict[str, float]:
    credit, _ = by_all_models(got.journeys, got.lost)
    return dict(sorted(zip(got.names, credit[model].conversions.tolist(), strict=True)))


def test_filters_choose_whole_persons_and_a_filter_and_its_opposite_make_everyone(both: Both) -> None:
    visits = [v._replace(country=("PL", "DE")[v.visitor % 2]) for v in crowd(5)]
    put(both[0], visits)
    for engine in both:
        whole = store.totals(engine, ask())
        for op, opposite, values in (("is", "is_not", ("Email",)), ("contains", "contains_not", ("search",))):
            chosen = store.totals(engine, ask(filters=(("channel", op, values),)))
            others = store.totals(engine, ask(filters=(("channel", opposite, values),)))
            assert 0 < chosen.conversions < whole.conversions
            assert chosen.conversions + others.conversions == whole.conversions
        german = store.attribution_data(
            engine, ask(filters=(("country", "is", ("DE",)), ("channel", "is", ("Email",))))
        )
        buyers = {v.visitor for v in visits if v.country == "DE" and v.channel == "Email" and _counts(v)}
        expected, _ = journeys([v for v in visits if v.visitor in buyers], SINCE, UNTIL, 30)
        assert german.totals.conversions == sum(j.weight for j in expected)
        assert german.journeys.weight.sum() == sum(j.weight for j in expected if j.touches)


def _counts(v: Visit) -> bool:
    return not v.bot and v.site == 1 and SINCE - 30 * DAY <= v.at < UNTIL


def test_a_refund_without_an_order_is_no_conversion(both: Both) -> None:
    put(
        both[0],
        [Visit(1, START + 50 * DAY, "Email", orders=1, revenue=60), Visit(1, START + 51 * DAY, "Direct", revenue=-25)],
    )
    for engine in both:
        got = store.attribution_data(engine, ask())
        assert got.totals == store.Totals(conversions=1, worth=Decimal(60), refunds=Decimal(-25))
        assert len(got.journeys.starts) == 1


def test_without_any_visit_there_is_nothing_and_nothing_breaks(both: Both) -> None:
    for engine in both:
        got = store.attribution_data(engine, ask())
        credit, chain = by_all_models(got.journeys, got.lost)
        assert got.names == []
        assert all(c.conversions.size == 0 for c in credit.values())
        assert np.isfinite(chain.error)


def test_a_conversion_without_a_visit_in_the_window_is_credited_to_nobody(both: Both) -> None:
    at: datetime = START + 50 * DAY
    put(both[0], [Visit(1, at, "Email", goals=((3 * 24 * 60, 1, 9.0),))])
    for engine in both:
        got = store.attribution_data(engine, ask(kind="goal", key="1", window=1))
        assert got.lone == (1.0, 9.0)
        assert len(got.journeys.starts) == 0


def test_a_wide_split_takes_the_first_order_whatever_was_asked(both: Both) -> None:
    visits = [
        Visit(v, START + timedelta(days=45 + v % 9, hours=h), "Paid Search", term=f"word {v * 3 + h}", orders=h == 1)
        for v in range(40)
        for h in range(2)
    ]
    put(both[0], visits)
    for engine in both:
        got = store.attribution_data(engine, ask(by="term", order=3))
        assert len(got.names) == 80
        assert got.lost.order == 1
        credit, _ = by_all_models(got.journeys, got.lost)
        assert credit["markov"].conversions.sum() == pytest.approx(40)


def test_a_call_counts_by_parts_to_its_likely_visits_and_else_to_its_caller(both: Both) -> None:
    warehouse, at = both[0], START + 50 * DAY
    put(warehouse, [Visit(101, at, "Paid Search"), Visit(101, at + DAY, "Email"), Visit(102, at, "Direct")])
    calls = {"site": [1, 1], "call": [11, 12], "at": [at + 2 * DAY, at + 3 * DAY], "direction": ["in", "in"]}
    warehouse.insert("call_rows", calls | {"caller": [501, 502]})
    warehouse.insert("call_credit_rows", {
        "site": [1, 1], "call": [11, 11], "nth": [1, 2], "visitor": [101, 102], "certainty": [0.6, 0.3],
        "channel": ["Email", "Direct"], "version": [1, 1],
    })  # fmt: skip
    for engine in both:
        got = store.attribution_data(engine, ask(kind="calls"))
        assert got.totals.conversions == 2, "as many as there were calls"
        assert got.lone == (pytest.approx(1.1), 0.0)
        assert _credits(got, "linear") == {
            "Direct": pytest.approx(0.3), "Email": pytest.approx(0.3), "Paid Search": pytest.approx(0.3),
        }  # fmt: skip


def test_a_call_to_the_number_of_a_billboard_is_credited_to_it_as_on_the_page_of_calls(
    both: Both, ctx: Context, site: Site
) -> None:
    warehouse, at = both[0], START + 50 * DAY
    put(warehouse, [Visit(101, at, "Paid Search"), Visit(102, at, "Direct")])
    calls = {"site": [1, 1, 1], "call": [11, 12, 13], "at": [at + 2 * DAY] * 3, "direction": ["in"] * 3}
    warehouse.insert("call_rows", calls | {"caller": [501, 101, 503]})
    warehouse.insert("call_credit_rows", {
        "site": [1, 1, 1], "call": [11, 12, 13], "nth": [1, 1, 1], "visitor": [0, 0, 102],
        "certainty": [1.0, 1.0, 0.75],
        "channel": ["Offline", "Offline", "Direct"], "campaign": ["A4", "A4", ""], "version": [1, 1, 1],
        "how": ["static", "static", "number"],
    })  # fmt: skip
    page = ctx.runner.ask(Question(
        site=1, zone="UTC", metrics=("calls.calls",), since=SINCE, until=UNTIL, by=("channel",),
    ))  # fmt: skip
    for engine in both:
        got = store.attribution_data(engine, ask(kind="calls"))
        last = _credits(got, "last")
        assert {name: count for name, count in last.items() if count} == {"Direct": 0.75, "Offline": 2.0}
        assert _credits(got, "first")["Paid Search"] == 1, "a known caller's journey began with an ad"
        assert got.lone == (0.25, 0.0)
        by_campaign = store.attribution_data(engine, ask(by="campaign", kind="calls"))
        assert "A4" in by_campaign.names
    assert {row.key[0]: row.metrics["calls.calls"] for row in page.rows}["Offline"] == 2


def test_leads_and_deals_end_journeys_when_they_were_created(both: Both, ctx: Context, site: Site) -> None:
    at = START + 50 * DAY
    put(both[0], [Visit(101, at, "Paid Search"), Visit(102, at, "Email"), Visit(102, at + DAY, "Direct")])
    deal = {"system": "webhook", "updated_at": at + 20 * DAY, "currency": site.currency}
    crm.record(ctx, site, 1, [
        DealFact(id="1", created_at=at + DAY / 2, client=cookie_of(101), stage="Paid", stage_kind="won",
                 amount=Decimal(900), refunded=Decimal(100), cost=Decimal(500), **deal),
        DealFact(id="2", created_at=at + 2 * DAY, client=cookie_of(102), stage="Paid", stage_kind="won",
                 amount=Decimal(300), **deal),
        DealFact(id="3", created_at=at + 3 * DAY, stage="Talks", stage_kind="open", **deal),
        DealFact(id="4", created_at=UNTIL + DAY, stage="Talks", **deal | {"updated_at": UNTIL + DAY}),
    ])  # fmt: skip
    stitch_where_needed(ctx)
    reload_shards(both)
    runner = ctx.runner
    metrics = ("crm.leads", "crm.qualified", "crm.won", "crm.revenue", "crm.margin")
    asked = Question(site=site.id, zone="UTC", metrics=metrics, since=SINCE, until=UNTIL)
    metric = runner.ask(asked).total
    for engine in both:
        totals = {kind: store.totals(engine, ask(kind=kind)) for kind in ("leads", "qualified", "won", "margin")}
        assert [totals[k].conversions for k in totals] == [3, 2, 2, 1]
        assert (totals["won"].worth, totals["margin"].worth) == (Decimal(1100), Decimal(300))
        counts = [totals[k].conversions for k in ("leads", "qualified", "won")]
        assert counts == [metric[f] for f in metrics[:3]], "as many as on the page of deals"
        assert [totals[k].worth for k in ("won", "margin")] == [metric[f] for f in metrics[3:]]
        assert store.totals(engine, ask(kind="stage", key="Talks")).conversions == 1
        assert store.attribution_data(engine, ask(kind="leads")).lone == (1.0, 0.0), "nobody knows whose the third is"
        won = store.attribution_data(engine, ask(kind="won"))
        assert _credits(won, "linear") == {"Direct": 0.5, "Email": 0.5, "Paid Search": 1.0}
        assert store.stages(engine, site.id) == ["Paid", "Talks"]


def test_a_deal_known_by_its_utm_fields_only_is_credited_to_them_as_on_the_page_of_deals(
    both: Both, ctx: Context, site: Site
) -> None:
    at = START + 50 * DAY
    put(both[0], [Visit(101, at, "Organic Search"), Visit(103, at, "Direct"), Visit(103, at + 3 * DAY, "Email")])
    deal = {"system": "webhook", "updated_at": at + 20 * DAY, "stage": "Paid", "stage_kind": "won"}
    google = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "Only the CRM knows"}
    crm.record(ctx, site, 1, [
        DealFact(id="1", created_at=at + DAY, amount=Decimal(500), **google, **deal),
        DealFact(id="2", created_at=at + DAY, amount=Decimal(300), client=cookie_of(101), **google, **deal),
        DealFact(id="3", created_at=at + DAY, amount=Decimal(200), client=cookie_of(103), **google, **deal),
        DealFact(id="4", created_at=at + DAY, amount=Decimal(100), **deal),
    ])  # fmt: skip
    stitch_where_needed(ctx)
    reload_shards(both)
    asked = Question(site=site.id, zone="UTC", metrics=("crm.won",), since=SINCE, until=UNTIL, by=("channel",))
    page = {row.key[0]: row.metrics["crm.won"] for row in ctx.runner.ask(asked).rows}
    assert page == {"Organic Search": 1, "Paid Search": 2, "Unassigned": 1}
    for engine in both:
        found = store.attribution_data(engine, ask(kind="won"))
        assert {n: w for n, w in _credits(found, "last").items() if w} == {
            "Organic Search": 1.0, "Paid Search": 2.0,
        }  # fmt: skip
        assert {n: w for n, w in _credits(found, "linear").items() if w} == {
            "Organic Search": 1.0, "Paid Search": 1.5, "Direct": 0.5,
        }  # fmt: skip
        by_campaign = store.attribution_data(engine, ask(kind="won", by="campaign"))
        assert _credits(by_campaign, "last")["Only the CRM knows"] == 2.0
        assert found.lone == (1.0, 100.0)
        assert found.lost.weight[found.lost.onto == found.lost.values + 1].sum() == 1, (
            "one went on to nothing: by e-mail"
        )
