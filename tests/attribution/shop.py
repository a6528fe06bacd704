"""Visits for tests, written straight into the event store, and journeys built from them by plain loops."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tandem.base.warehouse import Warehouse
from tests.attribution.naive import Touch

START = datetime(2026, 9, 1, tzinfo=UTC)
CHANNELS = ("Direct", "Email", "Organic Search", "Paid Search")


class Visit(NamedTuple):
    """One visit; `goals` are (minutes after its start, goal, amount)."""

    visitor: int
    at: datetime
    channel: str
    term: str = ""
    orders: int = 0
    revenue: float = 0.0
    goals: tuple[tuple[int, int, float], ...] = ()
    country: str = "PL"
    bot: str = ""
    site: int = 1
    pageviews: int = 1


def put(warehouse: Warehouse, visits: list[Visit]) -> None:
    """The visits as the loader would have written them."""
    n = len(visits)
    times = [v.at for v in visits]
    warehouse.insert(
        "visit_rows",
        {
            "site": [v.site for v in visits], "visit": list(range(1, n + 1)), "visitor": [v.visitor for v in visits],
            "started": times, "ended": times, "opened": times, "chain_started": times, "version": [1] * n,
            "channel": [v.channel for v in visits], "source": [v.channel.lower() for v in visits],
            "term": [v.term for v in visits], "country": [v.country for v in visits], "bot": [v.bot for v in visits],
            "entry": ["/"] * n, "pageviews": [v.pageviews for v in visits], "orders": [v.orders for v in visits],
            "revenue": [v.revenue for v in visits], "conversions": [len(v.goals) for v in visits],
            "goals.at": [[v.at + timedelta(minutes=m) for m, _, _ in v.goals] for v in visits],
            "goals.goal": [[g for _, g, _ in v.goals] for v in visits],
            "goals.path": [["/" for _ in v.goals] for v in visits],
            "goals.amount": [[a for _, _, a in v.goals] for v in visits],
        },
    )  # fmt: skip


class Journey(NamedTuple):
    """What a plain loop finds: touches, conversions, money, whether it was the person's first conversion."""

    touches: list[Touch]
    weight: int
    worth: float
    is_first: bool


def journeys(
    visits: list[Visit],
    since: datetime,
    until: datetime,
    window: int,
    goal: int = 0,
    person: dict[int, int] | None = None,
) -> tuple[list[Journey], list[list[str]]]:
    """Journeys with a conversion in [since, until), and the channels of those that ended in nothing."""
    touchpoints: dict[int, list[tuple[datetime, int, Visit, int, float]]] = defaultdict(list)
    for v in visits:
        if v.bot or v.site != 1 or v.at >= until:
            continue
        who = (person or {}).get(v.visitor, v.visitor)
        if v.at >= since - timedelta(days=window):
            touchpoints[who].append((v.at, 0, v, 0, 0.0))
        if goal:
            for minutes, g, amount in v.goals:
                at = v.at + timedelta(minutes=minutes)
                if g == goal and at < until:
                    touchpoints[who].append((at, 1, v, 1, amount))
        elif v.orders:
            touchpoints[who].append((v.at, 1, v, v.orders, v.revenue))
    won, lost = [], []
    for story in touchpoints.values():
        story.sort(key=lambda e: (e[0], e[1]))
        way: list[tuple[datetime, Visit]] = []
        is_over, had_one = False, False
        for at, is_conversion, visit, weight, worth in story:
            if not is_conversion:
                if is_over:
                    way, is_over = [], False
                way.append((at, visit))
                continue
            if at >= since:
                kept = [
                    Touch(CHANNELS.index(v.channel), (at - t).total_seconds() // 1, v.channel == "Direct")
                    for t, v in way
                    if t >= at - timedelta(days=window)
                ]
                won.append(Journey(kept, weight, worth, not had_one))
            is_over = had_one = True
        if way and not is_over and way[-1][0] >= since:
            lost.append([v.channel for t, v in way if t >= way[-1][0] - timedelta(days=window)])
    return won, lost
