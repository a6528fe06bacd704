"""From an address to tiles, charts and tables: what the board's pages ask of the catalogue."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.board.model import BOARD_FIGURES, GROUPS, ORDER, Group, Line, Table, TableKind, Tile
from tandem.changes import store as changes
from tandem.changes.model import Change
from tandem.metrics.address import Address
from tandem.metrics.ask import Desk, Filter, Question, Result, Value, series
from tandem.metrics.catalogue import FIGURES

LIVE_MINUTES = 30


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over time, against its comparison, with the changes of that time."""

    figure: str
    step: str
    points: list[tuple[Any, Value]]
    before: list[tuple[Any, Value]]
    changes: list[Change]
    is_partial: bool


def desk_of(house: House) -> Desk:
    desk: Desk = house.parts["desk"]
    return desk


def board_tiles(house: House, address: Address) -> list[tuple[Group, list[Tile]]]:
    """The five groups in the order of the lens, each with its tiles."""
    tiles = {tile.figure.id: tile for tile in _tiles(house, address, BOARD_FIGURES)}
    return [(GROUPS[g], [tiles[f] for f in GROUPS[g].figures]) for g in ORDER[address.lens]]


def _tiles(house: House, address: Address, figures: tuple[str, ...]) -> list[Tile]:
    now, trend = address.question(figures), address.question(figures, (address.period.step,))
    questions = [now, trend]
    if address.before:
        questions.append(address.question(figures, period=address.before))
    results = desk_of(house).ask_all(questions)
    before: dict[str, Value] = results[2].total if address.before else {}
    return [
        Tile(
            figure=FIGURES[f], value=results[0].total[f], before=before.get(f), trend=_until_now(series(trend, results[1], f))
        )
        for f in figures
    ]


def _until_now(points: list[tuple[Any, Value]]) -> list[tuple[Any, Value]]:
    """The points that have begun; days to come are not zero."""
    now = clock.now()
    return [p for p in points if (p[0] <= now if isinstance(p[0], datetime) else p[0] <= now.date() + timedelta(days=1))]


def chart(house: House, address: Address, figure: str) -> Chart:
    """One figure over the period and over what it is compared with."""
    step = address.period.step
    now = address.question((figure,), (step,))
    before = address.question((figure,), (step,), address.before) if address.before else None
    results = desk_of(house).ask_all([now, before] if before else [now])
    points = _until_now(series(now, results[0], figure))
    return Chart(
        figure=figure,
        step=step,
        points=points,
        before=series(before, results[1], figure) if before else [],
        changes=changes_of(house, address),
        is_partial=address.period.until > clock.now(),
    )


def changes_of(house: House, address: Address) -> list[Change]:
    return changes.between(house.database, address.site, address.period.since, address.period.until)


def table(house: House, address: Address, kind: TableKind, most: int = 10) -> Table:
    """The rows of a table with their comparison, largest first."""
    question = address.question(kind.figures, (kind.by,))
    if kind.id == "bots":
        question = msgspec.structs.replace(question, with_bots=True, where=(*question.where, Filter("bot", "is_not", ("",))))
    if kind.id in ("campaigns", "keywords", "referrers", "cities"):
        question = msgspec.structs.replace(question, where=(*question.where, Filter(kind.by, "is_not", ("",))))
    questions = [question]
    if address.before:
        questions.append(msgspec.structs.replace(question, since=address.before.since, until=address.before.until))
    results = desk_of(house).ask_all(questions)
    return _table(kind, results, most, names_of(house, address.site, kind.by))


def _table(kind: TableKind, results: list[Result], most: int, names: dict[str, str]) -> Table:
    first = kind.figures[0]
    rows = [r for r in results[0].rows if r.figures[first]]
    before = {r.key: r.figures for r in results[1].rows} if len(results) > 1 else {}
    largest = max((r.figures[first] or 0 for r in rows), default=0) or 1
    lines = [
        Line(
            key=row.key,
            label=names.get(str(row.key[0]), str(row.key[0])),
            values=[row.figures[f] for f in kind.figures],
            before=[before.get(row.key, {}).get(f) for f in kind.figures],
            share=(row.figures[first] or 0) / largest,
        )
        for row in rows[:most]
    ]
    return Table(
        id=kind.id, title=kind.title, by=(kind.by,), figures=kind.figures, rows=lines, total=len(rows), drill=kind.drill
    )


def names_of(house: House, site: Site, by: str) -> dict[str, str]:
    """Names to show instead of ids: goals are numbers in the store."""
    if by != "goal":
        return {}
    names: dict[str, str] = house.parts["goal_names"](site)
    return names


def live(house: House, site: Site, now: datetime) -> dict[str, Any]:
    """The last half hour: visitors a minute, pages, channels and countries of now."""
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = until - timedelta(minutes=LIVE_MINUTES)

    def question(figures: tuple[str, ...], by: tuple[str, ...] = ()) -> Question:
        return Question(site=site.id, zone=site.zone, figures=figures, since=since, until=until, by=by)

    minutes = question(("collect.page_visitors", "collect.pageviews"), ("minute",))
    splits = {"page": question(("collect.page_visitors", "collect.pageviews"), ("page",))}
    for by in ("channel", "country", "device"):
        splits[by] = question(("collect.page_visitors", "collect.pageviews"), (by,))
    splits["action"] = question(("collect.actions",), ("action",))
    total = question(("collect.page_visitors", "collect.pageviews", "collect.actions", "collect.conversions"))
    answers = desk_of(house).ask_all([total, minutes, *splits.values()])
    return {
        "total": answers[0].total,
        "minutes": series(minutes, answers[1], "collect.page_visitors"),
        "splits": dict(zip(splits, (a.rows[:10] for a in answers[2:]), strict=True)),
    }

