"""From a question to what the page shows: rows by all models, ways, and how long conversions take."""

import math
import re
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np

from tandem.accounts.model import Site
from tandem.attribution import store
from tandem.attribution.model.ask import SPENT_BY, Ask
from tandem.attribution.model.credits import by_all_models
from tandem.attribution.model.definitions import MODELS
from tandem.attribution.model.interval import interval
from tandem.attribution.model.journey import (
    SHARES,
    Floats,
    Journeys,
    ValueCredit,
    frequent,
    payback_days,
    present,
    weighted_median,
)
from tandem.attribution.model.report import ENOUGH_REPORTED, LONE, CreditRow, SavedResult
from tandem.attribution.model.sankey import Sankey, sankey
from tandem.attribution.model.site_revenue import Bridge, Why, bridge
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.metrics.address import Address
from tandem.metrics.breakdown import splits_of

MOST_WAYS, DRAWN_WAYS = 10, 60
LAGS = ((1.0, "0"), (2.0, "1"), (4.0, "2–3"), (8.0, "4–7"), (15.0, "8–14"), (31.0, "15–30"), (61.0, "31–60"),
        (1e9, "61–90"))  # fmt: skip
"""Days from the first visit to the conversion: end of each class, and its name."""
REVENUE = ("orders", "goal", "won")
"""Kinds whose money stands beside the revenue of Traffic; margin is another thing."""
LENGTHS = ((1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5"), (9, "6–9"), (10**9, "10+"))


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One frequent way to a conversion."""

    keys: tuple[str, ...]
    conversions: float
    worth: float


class Bar(NamedTuple):
    """One class of a distribution: its name, conversions, and their part of all."""

    name: str
    conversions: float
    share: float


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How conversions come about: how long it takes, by how many visits, from whom. `None` without conversions."""

    days_median: float | None
    visits_mean: float | None
    several_share: float | None
    lags: list[Bar]
    lengths: list[Bar]
    first_count: float
    first_worth: float
    again_count: float
    again_worth: float


class MoneyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows of one question."""

    rows: list[CreditRow]
    totals: store.Totals
    order: int
    error: float
    ways: list[Way]
    drawing: Sankey
    course: Course
    cost: float | None
    unplaced_cost: float
    """Of it, what was spent on values without a conversion, so without a row."""
    reported: float = 1.0
    """Of all paid visits, the share on days of which the cost is known (0 to 1), …"""
    matched: float = 1.0
    """… and the share that was matched to it."""

    @property
    def is_cost_whole(self) -> bool:
        """Whether what was brought may be set against the cost."""
        return self.reported >= ENOUGH_REPORTED

    @property
    def cost_per_conversion(self) -> float | None:
        """All cost that is known whole, over the conversions of the rows that have it."""
        credit = sum(row.credit for row in self.rows if row.whole_cost)
        return self._whole_cost / credit if credit and self.is_cost_whole else None

    @property
    def romi(self) -> float | None:
        """What the rows whose cost is known whole brought beyond all such cost, as a share of it."""
        worth = [row.worth for row in self.rows if row.whole_cost]
        return (sum(worth) - self._whole_cost) / self._whole_cost if worth and self.is_cost_whole else None

    @property
    def _whole_cost(self) -> float:
        """The cost but for rows of which a part is unknown: what they brought is left out as well."""
        return (self.cost or 0.0) - sum(row.cost or 0.0 for row in self.rows if not row.whole_cost)

    @property
    def lone(self) -> CreditRow | None:
        return next((row for row in self.rows if row.is_lone), None)

    @property
    def result(self) -> SavedResult:
        """What a kept report freezes."""
        rows = [(r.key, r.credit, r.low, r.high, r.worth) for r in self.rows]
        return SavedResult(conversions=float(self.totals.conversions), worth=float(self.totals.worth), rows=rows)


def usual_conversion(ctx: Context, site: Site) -> str:
    """What the page is about unless its address names it: orders, or the main goal where that is something else.

    A site without a shop has no orders; its conversions, as the board counts them, are what reaches the main goal.
    """
    names = ctx.offers.goal_names(site)
    main = [goal for goal in ctx.runner.main_goals(site.id) if str(goal) in names]

    def usual() -> str:
        return "orders" if store.are_orders(ctx.warehouse, site.id, main) else f"goal:{main[0]}"

    return ctx.runner.kept(("money.usual", site.id, tuple(main)), usual) if main else "orders"


def answered(warehouse: Warehouse, ask: Ask, model: str, before: Ask | None = None) -> MoneyAnswer:
    """The rows of a question by one model (and by all beside it), the largest credit first."""
    data = store.attribution_data(warehouse, ask)
    credit, chain = by_all_models(data.journeys, data.lost)
    earlier = _credits_of(warehouse, before, model) if before else None
    costs, unplaced = _costs(warehouse, ask, data.names)
    cost = None if costs is None else sum(spent for spent, _ in costs.values()) + unplaced
    paid = store.paid(warehouse, ask) if costs is not None else []
    rows = _rows(data, credit, model)
    if earlier is not None:
        rows = [msgspec.structs.replace(r, before=earlier.get(r.key, 0.0)) for r in rows]
    if costs is not None:
        rows = _with_costs(data, rows, costs, paid, credit[model].worth, model)
    ways = frequent(data.journeys, DRAWN_WAYS)
    named = [(tuple(data.names[v] for v in way), count, worth) for way, count, worth in ways]
    return MoneyAnswer(
        rows=rows,
        totals=data.totals,
        order=data.lost.order,
        error=chain.error,
        ways=[Way(keys=keys, conversions=count, worth=worth) for keys, count, worth in named[:MOST_WAYS]],
        drawing=sankey([(keys, count) for keys, count, _ in named]),
        course=course_of(data.journeys),
        cost=cost,
        unplaced_cost=0.0 if cost is None else round(cost - sum(row.cost or 0.0 for row in rows), 4),
        reported=_share([(p.reported, p.visits) for p in paid]),
        matched=_share([(p.matched, p.visits) for p in paid]),
    )


def _rows(data: store.AttributionData, credit: dict[str, ValueCredit], model: str) -> list[CreditRow]:
    chosen, last, there = credit[model], credit["last"], present(data.journeys)
    low, high = interval(chosen.conversions, chosen.sum_of_squares)
    total = float(data.totals.conversions) or 1.0
    rows = [
        CreditRow(
            key=name,
            credit=float(chosen.conversions[i]),
            low=float(low[i]),
            high=float(high[i]),
            share=float(chosen.conversions[i]) / total,
            worth=float(chosen.worth[i]),
            assisted=float(there[i] - last.conversions[i]),
            by_model={m: float(credit[m].conversions[i]) for m in MODELS},
        )
        for i, name in enumerate(data.names)
        if there[i] or chosen.conversions[i] > 1e-9
    ]
    count, worth = data.lone
    if count:
        none_low, none_high = interval(np.array([count]), np.array([count]))
        rows.append(
            CreditRow(
                key=LONE, credit=count, low=float(none_low[0]), high=float(none_high[0]), share=count / total,
                worth=worth, assisted=0.0, by_model=dict.fromkeys(MODELS, count),
            )
        )  # fmt: skip
    return sorted(rows, key=lambda r: (-r.credit, r.key))


def _credits_of(warehouse: Warehouse, ask: Ask, model: str) -> dict[str, float]:
    data = store.attribution_data(warehouse, ask)
    credit, _ = by_all_models(data.journeys, data.lost)
    credits = dict(zip(data.names, credit[model].conversions.tolist(), strict=True))
    return credits | ({LONE: data.lone[0]} if data.lone[0] else {})


# ── beside Traffic ──


def revenue_bridge(ctx: Context, address: Address, ask: Ask, totals: store.Totals) -> Bridge | None:
    """How the money of this page becomes the revenue that Traffic shows of the same days; None where it is the same.

    None also where nobody sees another sum: Traffic has no revenue then, cannot apply a filter, or hides it.
    """
    there = _revenue_on_traffic(ctx, address)
    if not there or not totals.worth or ask.kind not in REVENUE:
        return None
    if ask.kind == "orders":
        parts: dict[Why, Decimal] = {"refunds": totals.refunds}
    else:
        parts = ctx.runner.kept(("money.overlap", ask), lambda: store.overlap(ctx.warehouse, ask)).parts
    return bridge(totals.worth, there, parts)


def _revenue_on_traffic(ctx: Context, address: Address) -> Decimal:
    metric = "collect.revenue"
    is_filtered_alike = all(f.by in splits_of(metric) for f in address.where)
    if not is_filtered_alike or not address.readable((metric,)):
        return Decimal(0)
    return Decimal(str(ctx.runner.ask(address.question((metric,))).total[metric] or 0))


# ── cost ──


def _costs(warehouse: Warehouse, ask: Ask, names: list[str]) -> tuple[dict[str, tuple[float, int]] | None, float]:
    """Cost and clicks by value, and what was spent on values that no visit has; None where nothing is known.

    Persons can be filtered, what ads cost cannot; so filtered pages show no cost rather than a wrong one.
    """
    if ask.by not in SPENT_BY or ask.filters:
        return None, 0.0
    spent = store.spend(warehouse, ask)
    if not spent:
        return None, 0.0
    place = {matched(name): name for name in reversed(names)}
    costs: dict[str, tuple[float, int]] = {}
    unplaced = 0.0
    for s in spent:
        name = place.get(matched(s.name))
        if name is None:
            unplaced += float(s.cost)
        else:
            cost, clicks = costs.get(name, (0.0, 0))
            costs[name] = (cost + float(s.cost), clicks + s.clicks)
    return costs, unplaced


def _with_costs(
    data: store.AttributionData, rows: list[CreditRow], costs: dict[str, tuple[float, int]], paid: list[store.Paid],
    worth: Floats, model: str,
) -> list[CreditRow]:  # fmt: skip
    """The rows with what they cost, and when that came back. The chain has no shares of journeys: the equal split's."""
    reported = {name: _share(parts) for name, parts in _by_name(paid).items()}
    shares = SHARES.get(model, SHARES["shapley"])(data.journeys)
    rows = [row if row.is_lone else _with_cost(row, costs, reported.get(matched(row.key))) for row in rows]
    whole = {row.key: row.whole_cost or 0.0 for row in rows}
    cost = np.array([whole.get(name, 0.0) for name in data.names])
    back = dict(zip(data.names, payback_days(data.journeys, shares, worth, cost).tolist(), strict=True))
    return [
        row if row.is_lone or math.isnan(back[row.key]) else msgspec.structs.replace(row, payback_days=back[row.key])
        for row in rows
    ]


def _with_cost(row: CreditRow, costs: dict[str, tuple[float, int]], reported: float | None) -> CreditRow:
    """One row with its cost: none where it has paid visits but no cost, which nobody gave away.

    reported   the share of its paid visits on reported days; None without any
    """
    spend = costs.get(row.key) or ((0.0, 0) if reported is None else (None, None))
    share = 1.0 if reported is None else reported
    return msgspec.structs.replace(row, cost=spend[0], clicks=spend[1], reported=share)


def _by_name(paid: list[store.Paid]) -> dict[str, list[tuple[int, int]]]:
    """Reported and all paid visits of names that are the same."""
    by_name: dict[str, list[tuple[int, int]]] = {}
    for p in paid:
        by_name.setdefault(matched(p.name), []).append((p.reported, p.visits))
    return by_name


def _share(parts: list[tuple[int, int]]) -> float:
    """The sum of the first over the sum of the second; 1 of nothing."""
    whole = sum(visits for _, visits in parts)
    return sum(some for some, _ in parts) / whole if whole else 1.0


def matched(name: str) -> str:
    """A name as ad systems and links both may write it: case, spaces, pluses and underscores told apart no more."""
    return re.sub(r"(?:[\s_+]|%20)+", " ", name.casefold()).strip()


# ── how conversions come about ──


def course_of(journeys: Journeys) -> Course:
    """Times, lengths, and whose conversions they are."""
    weight, total = journeys.weight, float(journeys.weight.sum())
    is_first = journeys.is_first
    has_any = total > 0
    return Course(
        days_median=weighted_median(journeys.days, weight) if has_any else None,
        visits_mean=float((journeys.lengths * weight).sum() / total) if has_any else None,
        several_share=float(weight[journeys.lengths > 1].sum() / total) if has_any else None,
        lags=_bars(journeys.days if has_any else np.zeros(0), weight, LAGS, is_open=True),
        lengths=_bars(journeys.lengths.astype(float), weight, LENGTHS, is_open=False),
        first_count=float(weight[is_first].sum()),
        first_worth=float(journeys.worth[is_first].sum()),
        again_count=float(weight[~is_first].sum()),
        again_worth=float(journeys.worth[~is_first].sum()),
    )


def _bars(values: Floats, weight: Floats, classes: tuple[tuple[float, str], ...], is_open: bool) -> list[Bar]:
    """How much weight lies in each class; `is_open`: a class ends just before its end."""
    ends = np.array([end for end, _ in classes])
    place = np.searchsorted(ends, values, side="right" if is_open else "left")
    counts = np.bincount(place, weight, len(classes)) if len(values) else np.zeros(len(classes))
    total = counts.sum() or 1.0
    return [Bar(name, float(n), float(n / total)) for (_, name), n in zip(classes, counts, strict=True)]
