"""What the page shows: rows with cost and comparison, ways, times, and whose conversions they are."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.attribution import queries, store
from tandem.attribution.model.ask import checked
from tandem.attribution.model.report import LONE, CreditRow
from tandem.attribution.model.sankey import END, HEIGHT, OTHERS, sankey
from tandem.base.errors import UserError
from tandem.core.context import Context
from tests.attribution.shop import START, Visit, put
from tests.attribution.test_store import SINCE, ask

DAY = timedelta(days=1)


VISITS = [
    Visit(1, START + 50 * DAY, "Paid Search"),
    Visit(1, START + 52 * DAY, "Email"),
    Visit(1, START + 53 * DAY, "Direct", orders=1, revenue=90),
    Visit(1, START + 60 * DAY, "Direct", orders=1, revenue=30),
    Visit(2, START + 55 * DAY, "Paid Search", orders=2, revenue=60),
    Visit(3, START + 30 * DAY, "Email", orders=1, revenue=10),
    Visit(4, START + 45 * DAY, "Organic Search"),
]


def test_rows_ways_times_and_customers(ctx: Context) -> None:
    put(ctx.warehouse, VISITS)
    before = ask(since=SINCE - 30 * DAY, until=SINCE)
    found = queries.answered(ctx.warehouse, ask(), "linear", before)
    rows = {r.key: r for r in found.rows}
    third = pytest.approx(1 / 3)
    assert (rows["Paid Search"].credit, rows["Direct"].credit, rows["Email"].credit) == (
        pytest.approx(2 + 1 / 3), pytest.approx(1 + 1 / 3), third,
    )  # fmt: skip
    assert (rows["Paid Search"].worth, rows["Email"].worth) == (pytest.approx(90), pytest.approx(30))
    assert (rows["Email"].before, rows["Direct"].before) == (1.0, 0.0)
    assert [rows[c].assisted for c in ("Paid Search", "Email", "Direct")] == [1.0, 1.0, 0.0]
    assert all(r.low <= r.credit <= r.high for r in found.rows)
    assert sum(r.share for r in found.rows) == pytest.approx(1)
    assert found.cost is None
    assert found.ways[0].keys == ("Paid Search",)
    assert {w.keys for w in found.ways[1:]} == {("Direct",), ("Paid Search", "Email", "Direct")}
    course = found.course
    assert (course.first_count, course.again_count, course.again_worth) == (3.0, 1.0, 30.0)
    assert course.visits_mean == pytest.approx(6 / 4)
    assert course.several_share == pytest.approx(1 / 4)
    assert course.days_median == 0.0
    assert [(b.name, b.conversions) for b in course.lags if b.conversions] == [("0", 3.0), ("2–3", 1.0)]
    assert [(b.name, b.conversions) for b in course.lengths if b.conversions] == [("1", 3.0), ("3", 1.0)]


def reported(name: str, visits: int, reported: int) -> store.Paid:
    return store.Paid(name=name, visits=visits, reported=reported, matched=reported)


def test_nothing_is_set_against_a_part_of_the_cost(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """It said that Paid Search returned 18,718%: the cost of one of its two ad systems was known."""
    put(ctx.warehouse, VISITS)
    spent = [store.Spend(name="Paid Search", cost=Decimal(30), clicks=9)]
    monkeypatch.setattr(store, "spend", lambda warehouse, question: spent)

    def answer(*paid: store.Paid) -> tuple[queries.MoneyAnswer, CreditRow]:
        monkeypatch.setattr(store, "paid", lambda warehouse, question: list(paid))
        found = queries.answered(ctx.warehouse, ask(), "last")
        return found, next(r for r in found.rows if r.key == "Paid Search")

    part, row = answer(reported("Paid Search", 100, 40), reported("paid_search", 100, 100))
    assert (part.is_cost_whole, part.reported, row.reported) == (False, 0.7, 0.7)
    assert (row.cost, row.cost_per_conversion, row.roas, row.romi, row.payback_days) == (30.0, None, None, None, None)
    whole, row = answer(reported("Paid Search", 200, 196))
    assert (whole.is_cost_whole, row.cost_per_conversion, row.romi) == (True, 15.0, 1.0)
    assert row.payback_days is not None


def test_paid_visits_without_any_cost_did_not_come_for_nothing(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    put(ctx.warehouse, VISITS)
    monkeypatch.setattr(store, "spend", lambda *_: [store.Spend(name="Display", cost=Decimal(30), clicks=9)])
    monkeypatch.setattr(store, "paid", lambda *_: [reported("Paid Search", 10, 0), reported("Display", 5, 5)])
    rows = {r.key: r for r in queries.answered(ctx.warehouse, ask(), "last").rows}
    assert (rows["Paid Search"].cost, rows["Paid Search"].clicks) == (None, None)
    assert rows["Email"].cost == 0.0


def test_all_rows_together_divide_like_by_like(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a half-reported channel stood in the sum without a word that its own row dared not divide by it."""
    put(ctx.warehouse, [
        Visit(1, START + 50 * DAY, "Paid Search", orders=2, revenue=60),
        Visit(2, START + 50 * DAY, "Email", orders=4, revenue=400),
        Visit(3, START + 50 * DAY, "Organic Search"),
    ])  # fmt: skip
    spent = {"Paid Search": 30, "Email": 7, "Organic Search": 6, "Print": 4}
    monkeypatch.setattr(
        store, "spend", lambda *_: [store.Spend(name=n, cost=Decimal(c), clicks=1) for n, c in spent.items()]
    )
    monkeypatch.setattr(store, "paid", lambda *_: [reported("Paid Search", 190, 190), reported("Email", 10, 5)])
    found = queries.answered(ctx.warehouse, ask(), "last")
    assert (found.cost, found.unplaced_cost) == (47.0, 10.0), "who brought nothing has no row, but a cost"
    assert found.cost_per_conversion == (30 + 6 + 4) / 2
    assert found.romi == (60 - 40) / 40
    monkeypatch.setattr(store, "paid", lambda *_: [reported("Paid Search", 100, 40)])
    unsure = queries.answered(ctx.warehouse, ask(), "last")
    assert (unsure.cost_per_conversion, unsure.romi) == (None, None)


def test_cost_meets_credit_by_name_however_it_is_written(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    put(ctx.warehouse, VISITS)
    spent = [
        store.Spend(name="paid_search", cost=Decimal(30), clicks=9),
        store.Spend(name="Print", cost=Decimal(5), clicks=0),
    ]
    monkeypatch.setattr(store, "spend", lambda warehouse, question: spent)
    monkeypatch.setattr(store, "paid", lambda warehouse, question: [reported("Paid Search", 10, 10)])
    found = queries.answered(ctx.warehouse, ask(), "last")
    paid = next(r for r in found.rows if r.key == "Paid Search")
    assert (paid.credit, paid.cost, paid.cost_per_conversion) == (2.0, 30.0, 15.0)
    assert (paid.roas, paid.romi) == (2.0, 1.0)
    assert (found.cost, found.unplaced_cost) == (35.0, 5.0)
    filtered = queries.answered(ctx.warehouse, ask(filters=(("channel", "is", ("Email",)),)), "last")
    assert filtered.cost is None


def test_conversions_without_a_visit_have_a_row_of_their_own(ctx: Context) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email", goals=((3 * 24 * 60, 1, 9.0), (5, 1, 1.0)))])
    found = queries.answered(ctx.warehouse, ask(kind="goal", key="1", window=1), "markov")
    assert {r.key: r.credit for r in found.rows} == {"Email": 1.0, LONE: 1.0}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"kind": "wishes"}, "kind of conversion"),
        ({"by": "bot"}, "split by"),
        ({"window": 0}, "1 to 90"),
        ({"window": 91}, "1 to 90"),
        ({"order": 4}, "order"),
        ({"filters": (("page", "is", ("/",)),)}, "filtered by page"),
    ],
)
def test_what_cannot_be_answered_is_refused(part: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        checked(ask(**part))  # type: ignore[arg-type]


ways = st.lists(
    st.tuples(st.lists(st.sampled_from("abcdefghijk"), min_size=1, max_size=6).map(tuple), st.integers(1, 50)),
    min_size=1, max_size=25,
)  # fmt: skip


@given(ways)
@settings(max_examples=60, deadline=None)
def test_a_drawing_loses_nobody_and_stays_in_its_box(told: list[tuple[tuple[str, ...], int]]) -> None:
    drawing = sankey([(way, float(count)) for way, count in told])
    total = sum(count for _, count in told)
    (end,) = (n for n in drawing.nodes if n.key == END)
    assert end.count == total
    assert sum(link.count for link in drawing.links if link.target == END) == total
    assert all(n.y >= 0 and n.y + n.height <= HEIGHT + 0.5 for n in drawing.nodes)
    columns = {n.x for n in drawing.nodes}
    for x in columns - {end.x}:
        stood = [n for n in drawing.nodes if n.x == x]
        assert len(stood) <= 7
        assert sum(1 for n in stood if n.key == OTHERS) <= 1
        tops = sorted((n.y, n.y + n.height) for n in stood)
        assert all(low + 0.2 >= high for (_, high), (low, _) in pairwise(tops))
    assert np.isfinite([n.y for n in drawing.nodes]).all()


def test_nothing_draws_nothing() -> None:
    assert sankey([]).nodes == []
