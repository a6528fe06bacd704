"""What the page asks: their figure and ours, recounted rule by rule, and the difference taken apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.query import Filter, Question
from tandem.metrics.catalogue import METRICS as CATALOGUE
from tandem.metrics.catalogue import needed
from tandem.metrics.history import reported
from tandem.metrics.period import Period
from tandem.rates.store import rates_of
from tandem.reconcile import store
from tandem.reconcile.model.compare import NOTHING, Cell, Counted, Key, TheirValue, added, compared
from tandem.reconcile.model.finding import ENOUGH_COUNT, ENOUGH_MONEY_EUR, SETTLES_DAYS
from tandem.reconcile.model.outside import (
    AD_SYSTEMS,
    ALIKE,
    CLASSES,
    FIGURES,
    GOALS_OF_ADS,
    OF_VISITS,
    OWN,
    OWN_FIGURES,
    SPLITS,
    system_of,
)
from tandem.reconcile.model.rules import LOOK_BACK_DAYS, UNDECLARED, CountingRules

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "day": (), "channel": ("channel",), "source": ("source", "medium"), "campaign": ("campaign",),
}  # fmt: skip
OF_REPORTS = ("ads.cost",)
"""Metrics of ours that are known only where reports tell of them."""
GOALS_REACHED = ("collect.goals_reached", "")
_PLACES = Decimal("0.0001")
Counts = dict[Key, Decimal]
Zone = str


class ComparedSource(msgspec.Struct, frozen=True, kw_only=True):
    """A system whose figures can be compared: by figure and split, the days that it tells of.

    unreported   figures that such a system could have, but that none of its reports holds: unknown, which is not 0
    """

    id: str
    system: str
    account: str
    is_own: bool
    figures: dict[str, dict[str, tuple[date, date]]]
    unreported: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How our figure is recounted at one step."""

    zone: Zone
    goal_ids: tuple[int, ...] = ()
    bots: str = "none"
    has_cookieless: bool = True


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A figure compared day by day and part by part.

    goal_ids       if only some of our goals are what they count
    days           that are compared, whatever filter of parts the page has: those that both sides tell of
    unknown_days   on which they tell of it and nothing tells us: these are not compared
    """

    source: ComparedSource
    figure: str
    split: str
    rules: CountingRules
    cells: list[Cell]
    queries: list[tuple[str, str, dict[str, str]]]
    goal_ids: tuple[int, ...] = ()
    days: tuple[date, ...] = ()
    unknown_days: int = 0

    @property
    def has_gaps(self) -> bool:
        """Whether days between the first and the last that are compared are not."""
        return bool(self.days) and (self.days[-1] - self.days[0]).days >= len(self.days)

    @property
    def is_alike(self) -> bool:
        """Whether both sides count the same things, so that a difference calls for an explanation."""
        return not self.source.is_own or self.figure in ALIKE or self.rules.is_same

    @property
    def labels(self) -> tuple[str, str]:
        """What their side counts and what ours does, as the catalogue calls it."""
        theirs, ours = OWN_FIGURES[room_of(self.source)][self.figure] if self.source.is_own else ("", "")
        return CATALOGUE[theirs].label if theirs else "", CATALOGUE[ours].label if ours else GOALS_OF_ADS


def room_of(source: ComparedSource) -> str:
    """The room of Tandem that holds the figures of such a source."""
    return "crm" if source.system == "crm" else "ads"


def sources(ctx: Context, site: Site) -> list[ComparedSource]:
    """All systems that tell of this site: brought in first, then what other rooms hold."""
    spans: dict[str, dict[str, dict[str, tuple[date, date]]]] = {}
    for one in store.source_figures(ctx.runner, ctx.database, site):
        spans.setdefault(one.source, {}).setdefault(one.figure, {})[one.split] = (
            one.first_on,
            one.last_on,
        )
    made = [
        ComparedSource(id=id, system=id.partition(":")[0], account=id.partition(":")[2], is_own=False, figures=figures)
        for id, figures in spans.items()
    ]
    return [*made, *_own_sources(ctx, site)]


def readable(sources: Sequence[ComparedSource], caller: Caller) -> list[ComparedSource]:
    """What of these systems somebody may see: a comparison shows figures of both sides."""
    allowed = []
    for one in sources:
        figures = {f: spans for f, spans in one.figures.items() if all(map(caller.may, needs_of(one, f)))}
        if figures:
            allowed.append(msgspec.structs.replace(one, figures=figures))
    return allowed


def needs_of(source: ComparedSource, figure: str) -> frozenset[str]:
    """The permissions of whoever may see both figures of a comparison."""
    return needed(_names(source, figure))


def _names(source: ComparedSource, figure: str) -> tuple[str, ...]:
    """The figures of the catalogue that a comparison shows."""
    names = OWN_FIGURES[room_of(source)][figure] if source.is_own else (FIGURES[figure].ours,)
    return tuple(name for name in names if name)


def _own_sources(ctx: Context, site: Site) -> list[ComparedSource]:
    bound = {"site": site.id, "zone": site.zone}
    rows = ctx.runner.kept(
        ("own_sources", *bound.values()), lambda: ctx.warehouse.ask(store.SQL["own_sources"], bound).rows
    )
    made = []
    for name, first, last, names in sorted(rows):
        room = "crm" if name == "crm" else "ads"
        if not names or (room == "ads" and name not in AD_SYSTEMS):
            continue
        spans = dict.fromkeys(SPLITS, (first, last))
        figures = {figure: dict(spans) for figure in OWN_FIGURES[room] if figure in names}
        unreported = tuple(figure for figure in OWN_FIGURES[room] if figure not in names)
        id = f"{OWN}:{name}"
        made.append(ComparedSource(id=id, system=name, account="", is_own=True, figures=figures, unreported=unreported))
    return made


def compare(
    ctx: Context,
    site: Site,
    source: ComparedSource,
    figure: str,
    split: str,
    rules: CountingRules,
    first: date,
    last: date,
) -> Comparison:
    """Their figure against ours over the days [first, last] that they tell of, with each reason recounted."""
    asker = _Asker(ctx, site, source, figure, split, first, last)
    their_values = asker.theirs()
    days = asker.known_days() if FIGURES[figure].ours in OF_REPORTS else None
    theirs = {key: value for key, value in their_values.items() if days is None or key[0] in days}
    cells: list[Cell] = []
    if theirs:
        ours, steps = asker.steps(rules)
        sum_of_squares = (
            asker.sum_of_squares(rules.zone or site.zone) if figure == "revenue" and _is_sampled(theirs) else None
        )
        cells = compared(theirs, steps, ours, sum_of_squares, asker.withheld(theirs))
    return Comparison(
        source=source, figure=figure, split=split, rules=rules, cells=cells, queries=asker.queries,
        goal_ids=asker.goal_ids(rules) if asker.counts_goals else (),
        days=tuple(sorted({on for on, _ in theirs})),
        unknown_days=len({on for on, _ in their_values} - {on for on, _ in theirs}),
    )  # fmt: skip


def ours_by_rules(
    ctx: Context,
    site: Site,
    source: ComparedSource,
    figure: str,
    split: str,
    rules: CountingRules,
    first: date,
    last: date,
) -> Counts:
    """Our figure by day and part as the other system would count it."""
    ours, steps = _Asker(ctx, site, source, figure, split, first, last).steps(rules)
    return dict(steps[-1][1]) if steps else ours


def _is_sampled(theirs: Mapping[Key, TheirValue]) -> bool:
    return any(value.share is not None for value in theirs.values())


class _Asker:
    """Counts one figure of both sides over some days; notes the SQL that it ran."""

    def __init__(
        self, ctx: Context, site: Site, source: ComparedSource, figure: str, split: str, first: date, last: date
    ) -> None:
        self._ctx, self._site, self._source = ctx, site, source
        self._figure, self._split, self._first, self._last = figure, split, first, last
        self._classes = CLASSES.get(source.system, {}) if split == "channel" else {}
        self.queries: list[tuple[str, str, dict[str, str]]] = []

    # ── theirs ──

    def theirs(self) -> dict[Key, TheirValue]:
        if self._source.is_own:
            name = OWN_FIGURES[room_of(self._source)][self._figure][0]
            counts = self._runner(name, Rule(zone=self._site.zone))
            return {key: TheirValue(value=value) for key, value in counts.items()}
        return self._values_of(self._split)

    def _values_of(self, split: str) -> dict[Key, TheirValue]:
        rows = store.figures(
            self._ctx.runner, self._ctx.database, self._site, self._source.id, self._figure, split,
            self._first, self._last,
        )  # fmt: skip
        values: dict[Key, TheirValue] = {}
        for row in rows:
            key = (row.on, self._part(split, (row.channel, row.source, row.medium, row.campaign)))
            before = values.get(key)
            values[key] = TheirValue(
                value=row.value + (before.value if before else NOTHING),
                share=row.share if 0 < row.share < 1 else None,
                is_thresholded=row.is_thresholded, is_other=row.is_other,
            )  # fmt: skip
        return values

    @staticmethod
    def _part(split: str, names: tuple[str, str, str, str]) -> str:
        if split == "source":
            return names[1] if names[1] == "(other)" else f"{names[1]} / {names[2]}"
        return names[0] if split == "channel" else names[3] if split == "campaign" else ""

    def withheld(self, theirs: Mapping[Key, TheirValue]) -> dict[date, Decimal]:
        """What their days hold beyond the sum of their rows, where they say that they withheld some."""
        days = {on for (on, _), value in theirs.items() if value.is_thresholded}
        if self._source.is_own or self._split == "day" or not days or not FIGURES[self._figure].adds_up:
            return {}
        whole = self._values_of("day")
        sums: dict[date, Decimal] = defaultdict(Decimal)
        for (on, _), value in theirs.items():
            sums[on] += value.value
        return {on: whole[on, ""].value - sums[on] for on in days if (on, "") in whole}

    # ── ours ──

    def known_days(self) -> set[date]:
        """The days on which our cost is known at all: what no report tells of is not zero."""
        accounts = reported(self._ctx, self._site)
        own = self._ad_system
        return {day for (system, _), one in accounts.items() if own in ("", system) for day in one.days}

    @property
    def _ad_system(self) -> str:
        """The ad system that a source tells of; empty: of all."""
        system = "google" if self._source.system == "ga4" else system_of(self._source.id)
        return system if system in AD_SYSTEMS else ""

    def steps(self, rules: CountingRules) -> tuple[Counts, list[tuple[str, Counted]]]:
        """Our figure, and after each of their rules that applies, with all before it."""
        rule = Rule(zone=self._site.zone, goal_ids=self.goal_ids(rules))
        ours = now = self._count(rule)
        steps: list[tuple[str, Counted]] = []
        if rules.zone and rules.zone != self._site.zone and self._figure != "cost":
            rule = msgspec.structs.replace(rule, zone=rules.zone)
            now = self._count(rule)
            steps.append(("zone", now))
        if self._figure not in OF_VISITS or (self._source.is_own and room_of(self._source) == "ads"):
            return ours, steps
        if rules.bots != "none":
            rule = msgspec.structs.replace(rule, bots=rules.bots)
            now = self._count(rule)
            steps.append(("bots", now))
        if not rules.sees_cookieless:
            rule = msgspec.structs.replace(rule, has_cookieless=False)
            now = self._count(rule)
            steps.append(("consent", now))
        if repeats := self._repeats(rules, rule):
            now = _changed(now, repeats, -1)
            steps.append(("repeats", now))
        if rules.attribution == "last_non_direct" and self._split != "day":
            now = _changed(now, self._moved(rules, rule), 1)
            steps.append(("attribution", now))
        return ours, steps

    @property
    def _ours(self) -> str:
        """The name of our figure in the catalogue; "" for goals of paid visits, which this room counts."""
        return (
            OWN_FIGURES[room_of(self._source)][self._figure][1] if self._source.is_own else FIGURES[self._figure].ours
        )

    def goal_ids(self, rules: CountingRules) -> tuple[int, ...]:
        """Which of our goals are theirs: those chosen, else the main ones, as on all other pages; none: all."""
        return rules.goal_ids or self._ctx.runner.main_goals(self._site.id)

    @property
    def counts_goals(self) -> bool:
        return self._ours in GOALS_REACHED

    def _count(self, rule: Rule) -> Counts:
        if self._ours:
            return self._runner(self._ours, rule)
        return self._parts("paid_conversions", "conversions", rule)

    def _runner(self, name: str, rule: Rule) -> Counts:
        """A figure of the catalogue by day and part. What cannot be added is counted class by class."""
        if self._classes and not FIGURES[self._figure].adds_up:
            return self._by_class(name, rule)
        return self._metric_rows(name, rule, DIMENSIONS[self._split], ())

    def _by_class(self, name: str, rule: Rule) -> Counts:
        plain = self._metric_rows(name, rule, ("channel",), ())
        merged = {self._classes.get(c, c) for c in self._classes}
        counts = {key: value for key, value in plain.items() if key[1] not in merged}
        for one in merged:
            members = {c for c, merged_into in self._classes.items() if merged_into == one} | {one}
            where = (Filter("channel", "is", tuple(sorted(members))),)
            rows = self._metric_rows(name, rule, (), where)
            counts |= {(on, one): value for (on, _), value in rows.items()}
        return counts

    def _metric_rows(self, name: str, rule: Rule, by: tuple[str, ...], where: tuple[Filter, ...]) -> Counts:
        span = self._span(rule.zone)
        question = Question(
            site=self._site.id, zone=rule.zone, metrics=(name,), since=span.since, until=span.until, by=("day", *by),
            where=(*where, *self._filters(name, rule)), with_bots=rule.bots == "all",
        )  # fmt: skip
        result = self._ctx.runner.ask(question)
        for query in result.queries:
            self._note(name, query.sql, query.params)
        counts: Counts = defaultdict(Decimal)
        for row in result.rows:
            part = self._own_part(tuple(str(k) for k in row.key[1:]) if by else ())
            counts[row.key[0], part] += Decimal(str(row.metrics[name] or 0)).quantize(_PLACES)
        return dict(counts)

    def _own_part(self, names: tuple[str, ...]) -> str:
        if self._split == "source" and len(names) == 2:
            return f"{names[0]} / {names[1]}"
        return self._classes.get(names[0], names[0]) if names else ""

    def _filters(self, name: str, rule: Rule) -> tuple[Filter, ...]:
        filters = []
        if rule.goal_ids and name in GOALS_REACHED:
            filters.append(Filter("goal", "is", tuple(str(id) for id in rule.goal_ids)))
        if rule.bots == "undeclared":
            filters.append(Filter("bot", "is", UNDECLARED))
        if not rule.has_cookieless:
            filters.append(Filter("loyalty", "is_not", ("unknown",)))
        if name.startswith("ads.") and self._ad_system:
            filters.append(Filter("ad_system", "is", (self._ad_system,)))
        return tuple(filters)

    def _repeats(self, rules: CountingRules, rule: Rule) -> Counts:
        if self._figure in ("orders", "revenue") and rules.orders == "once":
            return self._parts("repeated_orders", self._figure, rule)
        if self._figure == "conversions" and rules.goals == "once":
            return self._parts("repeated_goals", "conversions", rule)
        return {}

    def _moved(self, rules: CountingRules, rule: Rule) -> Counts:
        """What direct visits bring to the source before them, and take from direct."""
        name, column = "moved_visits", self._figure
        if self._figure == "pageviews":
            name = "moved_pageviews"
        if self._figure == "conversions":
            name, column = "moved_conversions", "once" if rules.goals == "once" else "conversions"
        bound = self._bound(rule) | {
            "split": self._split,
            "channels": list(self._classes) or [""],
            "classes": list(self._classes.values()) or [""],
        }
        counts: Counts = defaultdict(Decimal)
        for row in self._rows(name, bound):
            counts[row["on"], str(row["part"])] += _decimal(row[column]) * (1 if row["is_after"] else -1)
        return {key: value for key, value in counts.items() if value}

    def sum_of_squares(self, zone: Zone) -> Counts:
        """The squares of our amounts, from which the error of a sampled sum follows."""
        return self._parts("sum_of_squares", "sum_of_squares", Rule(zone=zone))

    def _parts(self, name: str, column: str, rule: Rule) -> Counts:
        counts: Counts = defaultdict(Decimal)
        for row in self._rows(name, self._bound(rule)):
            names = (row["channel"], row["source"], row["medium"], row["campaign"])
            part = self._part(self._split, names)
            counts[row["on"], self._classes.get(part, part)] += _decimal(row[column])
        return dict(counts)

    def _rows(self, name: str, bound: dict[str, Any]) -> list[dict[str, Any]]:
        text = store.SQL[name]
        used = {key: value for key, value in bound.items() if f"{{{key}:" in text}
        self._note(name, text, used)
        answer = self._ctx.runner.kept((text, repr(used)), lambda: self._ctx.warehouse.ask(text, used))
        return [dict(zip(answer.names, row, strict=True)) for row in answer.rows]

    def _bound(self, rule: Rule) -> dict[str, Any]:
        span = self._span(rule.zone)
        bots = list(UNDECLARED) if rule.bots == "undeclared" else [""]
        return {
            "site": self._site.id, "zone": rule.zone, "since": span.since, "until": span.until, "bots": bots,
            "has_all_bots": int(rule.bots == "all"), "has_cookieless": int(rule.has_cookieless),
            "goal_ids": list(rule.goal_ids), "days": LOOK_BACK_DAYS, "system": self._source.system,
        }  # fmt: skip

    def _span(self, zone: Zone) -> Period:
        return Period(name="", first=self._first, last=self._last, zone=zone)

    def _note(self, name: str, text: str, bound: Mapping[str, Any]) -> None:
        query = (name, text, {key: str(value) for key, value in bound.items()})
        if query not in self.queries:
            self.queries.append(query)


def _changed(counts: Counted, by: Counted, sign: int) -> Counts:
    changed = dict(counts)
    for key, value in by.items():
        changed[key] = changed.get(key, NOTHING) + sign * value
    return changed


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(_PLACES)


# ── findings ──


def enough_for(ctx: Context, site: Site, figure: str) -> Decimal:
    """How large a day must be to raise a finding: a count, or 100 euros in the site's currency."""
    if not FIGURES[figure].is_money:
        return ENOUGH_COUNT
    rates = rates_of(ctx.database)
    return rates.convert(ENOUGH_MONEY_EUR, "EUR", site.currency, clock.now().date()) or ENOUGH_MONEY_EUR


def settled_until(site: Site) -> date:
    """The last day whose outside figures have settled."""
    return clock.now().astimezone(site.tz).date() - timedelta(days=SETTLES_DAYS + 1)


def judged(comparison: Comparison, has_days: bool) -> list[Cell]:
    """The cells that may raise a finding: each part of a day and, where no report gives days alone, their sum."""
    cells = list(comparison.cells)
    if comparison.split == "day" or has_days or not FIGURES[comparison.figure].adds_up:
        return cells
    return cells + [
        Cell(on=line.on, part="", theirs=line.theirs, ours=line.ours, reasons=line.reasons,
             unexplained=line.unexplained, noise=line.noise)
        for line in added(cells, "day")
        if line.on is not None
    ]  # fmt: skip
