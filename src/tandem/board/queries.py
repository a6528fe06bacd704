"""From an address to tiles, charts and tables: what the board's pages ask of the catalogue."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.board.model import BOARD_METRICS, GROUPS, ORDER, Group, Tile, sparkline
from tandem.changes import store as changes
from tandem.changes.model import Change
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.pages import Page
from tandem.core.query import Question, Result, Value
from tandem.findings.model import Finding
from tandem.findings.store import findings_of, open_needs
from tandem.metrics.address import Address
from tandem.metrics.ask import series
from tandem.metrics.breakdown import splits_of
from tandem.metrics.catalogue import METRICS
from tandem.metrics.chance import with_cases
from tandem.metrics.comparison import Comparison, measured_since, unmeasured_days
from tandem.metrics.coverage import Days
from tandem.metrics.members import holding, seen_names
from tandem.metrics.metric import Unit
from tandem.metrics.recounting import recounting
from tandem.metrics.verdict import Compared

LIVE_MINUTES, LAST_MINUTES = 30, 5
MOST_FOUND = 5
SEARCHED = ("page", "source", "campaign", "term")
AMOUNTS = (Unit.COUNT, Unit.MONEY)
Points = list[tuple[Any, Value]]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over time, against its comparison, with the changes of that time and their place among the points."""

    metric: str
    step: str
    value: Value
    compared: Compared
    points: Points
    before: Points
    changes: list[tuple[int, Change]]
    is_partial: bool
    range: tuple[Value, Value] | None = None
    """The range of a model's answer, which never stands alone."""


def board_tiles(ctx: Context, address: Address, done: list[Change]) -> dict[str, Tile]:
    """All tiles that the reader may see, by figure: the verdict rests on more of them than a lens shows.

    done   changes, to be marked
    """
    return {tile.metric.id: tile for tile in tiles_of(ctx, address, address.readable(BOARD_METRICS), done)}


def in_groups(tiles: Mapping[str, Tile], lens: str) -> list[tuple[Group, list[Tile]]]:
    """The groups of a lens in its order, each with its tiles."""
    return [(GROUPS[g], [tiles[f] for f in GROUPS[g].metrics if f in tiles]) for g in ORDER[lens]]


def tiles_of(ctx: Context, address: Address, metrics: tuple[str, ...], done: list[Change]) -> list[Tile]:
    trend = address.question(with_cases(metrics), (address.period.step,))
    trend = msgspec.structs.replace(trend, with_whole=True)
    comparison = Comparison(ctx, address, metrics)
    result = ctx.runner.ask_all([trend, *comparison.questions])[0]
    went = comparison.of(result.total)
    tiles = []
    for f in metrics:
        first = measured_since(ctx, address.site, f)
        points = measured(begun(series(trend, result, f), address), first, address.period.step)
        points = without(points, unmeasured_days(ctx, address, f), address.period.step)
        value = None if went[f].is_unmeasured else result.total[f]
        if value is None:
            points = unknown(points)
        marks = [(i, c.title) for i, c in placed(done, points, address)]
        tiles.append(
            Tile(
                metric=METRICS[f], value=value, compared=went[f], trend=points,
                line=sparkline(points, marks, address.is_partial, METRICS[f].unit in AMOUNTS),
            )
        )  # fmt: skip
    return tiles


def begun(points: Points, address: Address) -> Points:
    """The points that have begun; days to come are not zero."""
    now = clock.now()
    today = now.astimezone(ZoneInfo(address.site.zone)).date()
    return [p for p in points if (p[0] <= now if isinstance(p[0], datetime) else p[0] <= today)]


def measured(points: Points, first: date | None, step: str) -> Points:
    """The points with none for steps that were over before anything was measured: those are not zero.

    first   the first measured day; None where nothing was measured yet
    """
    if first is None:
        return unknown(points)
    start = {"week": first - timedelta(days=first.weekday()), "month": first.replace(day=1)}.get(step, first)
    return [(at, value if (at.date() if isinstance(at, datetime) else at) >= start else None) for at, value in points]


def without(points: Points, gaps: Days, step: str) -> Points:
    """The points with none for days that were not measured; a longer step keeps what its other days tell."""
    if not gaps or step not in ("hour", "day"):
        return points
    return [(at, None if (at.date() if isinstance(at, datetime) else at) in gaps else value) for at, value in points]


def unknown(points: Points) -> Points:
    """The points of a figure that cannot be told, as conversions before a main goal is chosen: no line of zeros."""
    return [(at, None) for at, _ in points]


def robots(ctx: Context, address: Address) -> int:
    """How many visits of the period were robots' and are left out of the page."""
    if address.with_bots:
        return 0
    question = msgspec.structs.replace(address.question(("collect.bot_visits",)), with_bots=True)
    return int(ctx.runner.ask(question).total["collect.bot_visits"] or 0)


def placed(done: list[Change], points: Points, address: Address) -> list[tuple[int, Change]]:
    """Changes beside the point of the time chart they fall on, oldest first."""
    zone, found = ZoneInfo(address.site.zone), []
    for change in reversed(done):
        at = change.at.astimezone(zone)
        place = sum(1 for bucket, _ in points if bucket <= (at if isinstance(bucket, datetime) else at.date()))
        if place:
            found.append((place - 1, change))
    return found


def chart(ctx: Context, address: Address, metric: str) -> Chart:
    """One figure over the period and over what it is compared with."""
    step = address.period.step if address.period.step in splits_of(metric) else "day"
    now = msgspec.structs.replace(address.question(with_cases((metric,)), (step,)), with_whole=True)
    before = address.question((metric,), (step,), address.before) if address.before else None
    comparison = Comparison(ctx, address, (metric,))
    results = ctx.runner.ask_all([now, *([before] if before else []), *comparison.questions])
    went = comparison.of(results[0].total)[metric]
    total = None if went.is_unmeasured else results[0].total[metric]
    first = measured_since(ctx, address.site, metric)
    points = measured(begun(series(now, results[0], metric), address), first, step)
    earlier = measured(series(before, results[1], metric), first, step) if before else []
    gaps = unmeasured_days(ctx, address, metric)
    points, earlier = without(points, gaps, step), without(earlier, gaps, step)
    if total is None:
        points, earlier = unknown(points), earlier if any(v for _, v in earlier) else unknown(earlier)
    return Chart(
        metric=metric,
        step=step,
        value=total,
        compared=went,
        points=points,
        before=earlier,
        changes=placed(changes_of(ctx, address), points, address),
        is_partial=address.is_partial,
        range=range_of(results[0].total, metric),
    )


def range_of(total: dict[str, Value], metric: str) -> tuple[Value, Value] | None:
    """The range of a model's answer; None for what is counted."""
    return (total[f"{metric}.low"], total[f"{metric}.high"]) if f"{metric}.low" in total else None


def changes_of(ctx: Context, address: Address) -> list[Change]:
    return changes.between(ctx.database, address.site, address.period.since, address.period.until)


def found(ctx: Context, address: Address, words: str) -> list[tuple[str, str, str]]:
    """Values of dimensions that hold these words: dimension, value and name, the commonest of each first."""
    return [
        (by, value, name)
        for by in SEARCHED
        for value, name in list(holding(words, seen_names(ctx, address, by)).items())[:MOST_FOUND]
    ]


def _crowded(pages: Result, visitors: Value) -> str:
    """The page that more than half of several visitors saw; none where they are spread, or where there is but one."""
    rows = [(row.metrics["collect.page_visitors"] or 0, str(row.key[0])) for row in pages.rows]
    most, page = max(rows, default=(0, ""))
    return page if visitors and visitors > 1 and most > visitors / 2 else ""


def live(ctx: Context, site: Site, now: datetime) -> dict[str, Any]:
    """The last half hour: visitors a minute, pages, channels and countries of now."""
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = until - timedelta(minutes=LIVE_MINUTES)

    def question(metrics: tuple[str, ...], by: tuple[str, ...] = ()) -> Question:
        return Question(site=site.id, zone=site.zone, metrics=metrics, since=since, until=until, by=by)

    minutes = question(("collect.page_visitors", "collect.pageviews"), ("minute",))
    fives = (question(("collect.page_visitors",)), question(("collect.page_visitors",), ("page",)))
    last, last_pages = (msgspec.structs.replace(q, since=until - timedelta(minutes=LAST_MINUTES)) for q in fives)
    splits = {"page": question(("collect.page_visitors", "collect.pageviews"), ("page",))}
    for by in ("channel", "country", "device"):
        splits[by] = question(("collect.page_visitors", "collect.pageviews"), (by,))
    splits["action"] = question(("collect.actions",), ("action",))
    total = question(("collect.page_visitors", "collect.pageviews", "collect.actions", "collect.conversions"))
    answers = ctx.runner.ask_all([total, minutes, last, last_pages, *splits.values()])
    now_here = answers[2].total["collect.page_visitors"]
    return {
        "recounting": recounting(ctx, site, ("collect.conversions",)),
        "total": answers[0].total,
        "minutes": series(minutes, answers[1], "collect.page_visitors"),
        "last": now_here,
        "crowded": _crowded(answers[3], now_here),
        "splits": {
            by: [(str(r.key[0]), next(iter(r.metrics.values()))) for r in a.rows[:8]]
            for by, a in zip(splits, answers[4:], strict=True)
        },
    }


LISTED_FINDINGS, MOST_FINDINGS = 20, 1_000
"""So many stand on the board, and so many are looked through for those that somebody may see."""


class OpenFindings(msgspec.Struct, frozen=True, kw_only=True):
    """What checks of all areas found, as far as somebody may see it.

    count    of all
    listed   the severest
    pages    where the others are
    """

    count: int
    listed: list[Finding]
    pages: list[Page]


def findings(ctx: Context, caller: Caller, site: Site) -> OpenFindings:
    count = sum(all(map(caller.may, needs)) for needs in open_needs(ctx.database, site))
    some = [one for one in findings_of(ctx.database, site, most=MOST_FINDINGS) if all(map(caller.may, one.needs))]
    addresses = {one.address.partition("?")[0] for one in some[LISTED_FINDINGS:]}
    pages = [page for page in ctx.pages if page.address in addresses]
    return OpenFindings(count=count, listed=some[:LISTED_FINDINGS], pages=pages)
