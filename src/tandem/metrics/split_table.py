"""The tables of pages: figures by one split, sorted, searched and cut as the address says, and the same rows as a file.

A page declares its tables (`Tab`) once and gets from here the table, the fragment that takes its place, and the file.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from litestar import Request, Response

from tandem.base import translations
from tandem.base.errors import UserError
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.exports import exported
from tandem.core.layout import formats_of, render_page
from tandem.core.numbers import whole_number
from tandem.core.query import Question, Result, Row, Value
from tandem.imports.problem import sentence
from tandem.metrics.address import Address, View, written
from tandem.metrics.asked import MOST_SHOWN, of_metric
from tandem.metrics.breakdown import splits_of
from tandem.metrics.catalogue import METRICS
from tandem.metrics.chance import with_cases
from tandem.metrics.comparison import Rows, reason_known, unmeasured_in, unripe
from tandem.metrics.metric import AnyMetric, Unit
from tandem.metrics.recounting import head_in_words, share_of
from tandem.metrics.tabs import Tab
from tandem.metrics.verdict import Compared, Reason

SHOWN, MOST_IN_FILE = 10, 100_000
REMEMBERED = ("most", "sort", "way", "search")
"""What the address keeps of each table: `from.sort`, `from.search` …"""
Texts = Callable[[str], str]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a reader wants a table: named in their language, sorted, searched, and how much of it."""

    name: Callable[[str, str], str]
    text: Texts = str
    most: int = SHOWN
    sort: str = ""
    is_rising: bool = False
    search: str = ""


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `share` is the first figure's part of the largest row (0 to 1), for the bar in the cell."""

    key: str
    label: str
    values: list[Value]
    share: float
    compared: Compared | None = None
    """The first figure beside its comparison; None where that bears no verdict."""


class SplitTable(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by a split: the rows that are shown of all there are."""

    tab: Tab
    metrics: tuple[str, ...]
    rows: list[TableRow]
    total: int
    is_cut: bool = False
    """Whether there are more rows than the total says, each smaller."""
    sort: str = ""
    is_rising: bool = False
    search: str = ""
    reason: Reason | None = None
    """Why no row shows how it went."""
    unmeasured: Reason | None = None
    """Why there can be no row at all."""
    recounting: float | None = None
    """The share done while some columns are counted anew: …"""
    recounted: tuple[str, ...] = ()
    """… these."""
    unripe: Mapping[str, Reason] = {}
    """Columns whose outcomes have not all come, each with what is lacking."""

    @property
    def columns(self) -> list[AnyMetric]:
        return [METRICS[f] for f in self.metrics]

    @property
    def largest(self) -> list[float]:
        """Of each column that is shown, the largest figure: it decides the decimals of all."""
        columns = ([row.values[i] for row in self.rows] for i in range(len(self.metrics)))
        return [max((abs(float(v)) for v in column if v is not None), default=0.0) for column in columns]


# ── the rows ──


def split_table(ctx: Context, address: Address, tab: Tab, reading: Reading) -> SplitTable:
    """The rows of a table with their comparison, largest first unless the reader wants another order."""
    metrics = _suiting(tab, address)
    tab, first, state = msgspec.structs.replace(tab, metrics=metrics), metrics[0], ctx.offers.recounted(address.site)
    reason = reason_known(ctx, address, first, state, by=(tab.by,))
    spans = [address.period] + ([address.before] if address.before and reason is None else [])
    asked = tuple(dict.fromkeys((*metrics, *with_cases((first,)))))
    # Of what was before, each row shows its first figure alone.
    asked_before = tuple(dict.fromkeys((first, tab.part, *with_cases((first,)))))
    questions = [
        _of_table(address.question(asked if i == 0 else asked_before, (tab.by,), span), tab)
        for i, span in enumerate(spans)
    ]
    judge = Rows(ctx, address, first, reason, share_of=tab.part)
    is_asked = judge.needs_whole and tab.is_narrowed  # else the rows add up to the whole themselves
    wholes = [address.question((tab.part,), (), span) for span in spans] if is_asked else []
    answers = ctx.runner.ask_all([*questions, *wholes, *judge.questions])
    results = answers[: len(spans)]
    totals = answers[len(spans) : 2 * len(spans)] if is_asked else results
    judge.know([row.metrics.get(tab.part) for answer in totals for row in answer.rows])
    shares = {f: share_of(state, (f,), (tab.by,), questions[0].where) for f in metrics}
    anew = tuple(f for f, share in shares.items() if share is not None)
    table = _table(tab, results, reading, _labels(ctx, address, tab, reading), judge, reason)
    return msgspec.structs.replace(
        table, recounting=shares[anew[0]] if anew else None, recounted=anew,
        unmeasured=unmeasured_in(ctx, address, (first,)).get(first),
        unripe={f: reason for f in metrics if (reason := unripe(ctx, address, f))},
    )  # fmt: skip


def _suiting(tab: Tab, address: Address) -> tuple[str, ...]:
    """The columns that the reader may see, and that the split and the filters are true for."""
    filters = [f.by for f in address.where]
    readable = address.readable(tab.by_lens.get(address.lens, tab.metrics))
    return tuple(f for f in readable if tab.by in splits_of(f) and all(map(of_metric(f), filters)))


def _of_table(question: Question, tab: Tab) -> Question:
    """The question as this table narrows it."""
    return msgspec.structs.replace(
        question, with_bots=question.with_bots or tab.with_bots, where=(*question.where, *tab.extra)
    )


def _labels(ctx: Context, address: Address, tab: Tab, reading: Reading) -> Callable[[Row], str]:
    goals = ctx.offers.goal_names(address.site) if tab.by == "goal" else {}  # goals are numbers in the store

    def label(row: Row) -> str:
        key = str(row.key[0])
        return goals.get(key) or (reading.text(tab.nameless) if not key and tab.nameless else reading.name(tab.by, key))

    return label


def _table(
    tab: Tab, results: list[Result], reading: Reading, label: Callable[[Row], str], judge: Rows, reason: Reason | None
) -> SplitTable:
    first = tab.metrics[0]
    rows = [r for r in results[0].rows if any(r.metrics[f] for f in tab.metrics)]
    largest = max((r.metrics[first] or 0 for r in rows), default=0) or 1
    if reading.search:
        wanted = reading.search.casefold()
        rows = [row for row in rows if wanted in label(row).casefold() or wanted in str(row.key[0]).casefold()]
    sort = reading.sort if reading.sort in (*tab.metrics, "label") else first
    if tab.then:
        rows = _sorted(rows, label, tab.then, reading.is_rising)
    shown = _sorted(rows, label, sort, reading.is_rising)[: reading.most]
    before = {r.key: r.metrics for r in results[1].rows} if len(results) > 1 else None
    lines = [
        TableRow(
            key=str(row.key[0]), label=label(row), values=[row.metrics[f] for f in tab.metrics],
            share=max(0.0, (row.metrics[first] or 0) / largest),
            compared=None if before is None else judge.compared(row.metrics, before.get(row.key, {})),
        )
        for row in shown
    ]  # fmt: skip
    return SplitTable(
        tab=tab, metrics=tab.metrics, rows=lines, total=len(rows), is_cut=results[0].is_cut, sort=sort,
        is_rising=reading.is_rising, search=reading.search, reason=reason,
    )  # fmt: skip


def _sorted(rows: list[Row], label: Callable[[Row], str], sort: str, is_rising: bool) -> list[Row]:
    """Rows by one column; those without a value stand last either way."""
    if sort == "label":
        return sorted(rows, key=lambda row: label(row).casefold(), reverse=not is_rising)
    with_values = [row for row in rows if row.metrics[sort] is not None]
    with_values.sort(key=lambda row: row.metrics[sort] or 0, reverse=not is_rising)
    return with_values + [row for row in rows if row.metrics[sort] is None]


# ── the page ──


class Tables(msgspec.Struct, frozen=True):
    """All tables of a page, by their ids in the order of their tabs."""

    path: str
    tabs: Mapping[str, Tab]
    also: tuple[str, ...] = ()
    """What else the page's address keeps."""

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(t.group for t in self.tabs.values()))

    @property
    def kept(self) -> tuple[str, ...]:
        """What the address remembers beside period and filters: of each group the table, and how that is read."""
        return (*self.groups, *(f"{g}.{name}" for g in self.groups for name in REMEMBERED), *self.also)

    def remembered(self, request: Request[Any, Any, Any]) -> dict[str, str]:
        """What the address of a page says of its tables."""
        asked = request.query_params
        return {name: str(asked[name]) for name in self.kept if asked.get(name)}

    def chosen(self, view: View, group: str) -> Tab:
        """The table of a group that the address names, else the first."""
        tab = self.tabs.get(view.keep.get(group, ""))
        return tab if tab and tab.group == group else next(t for t in self.tabs.values() if t.group == group)

    def facts(self, ctx: Context, caller: Caller, view: View, tab: Tab | None = None) -> dict[str, Any]:
        """What _table.html needs for one table; without `tab`, for the chosen one of the page's only group."""
        tab = tab or self.chosen(view, *self.groups)
        page = msgspec.structs.replace(view, path=self.path, keep=view.keep | {tab.group: tab.id})
        return {
            "group": tab.group,
            "kinds": [t for t in self.tabs.values() if t.group == tab.group],
            "table": split_table(ctx, view.address, tab, reading_of(caller, view, tab.group)),
            "view": page,
            "most_shown": MOST_SHOWN,
            "may_export": caller.may("metrics.export"),
            "export": self._for_programs(view, tab),
            "main_goals": {str(g) for g in ctx.runner.main_goals(view.address.site.id)} if tab.by == "goal" else (),
        }

    def part(
        self, request: Request[Any, Any, Any], ctx: Context, caller: Caller, view: View, name: str
    ) -> Response[Any]:
        """One table as a fragment: another tab, another order, a search, or all of its rows; the address follows it.

        With `format` in the address: its rows as a file.
        raises   UserError (404) for a table that the page has not
        """
        if name not in self.tabs:
            raise UserError("There is no such table.", "Reload the page.", status=404)
        tab = self.tabs[name]
        if file_format := str(request.query_params.get("format", "")):
            return self._file(ctx, caller, view, tab, file_format)
        facts = self.facts(ctx, caller, self.as_now(request, view, tab.group), tab)
        part = render_page(request, ctx, caller, "_table.html", site=view.address.site, **facts)
        part.headers["HX-Replace-Url"] = facts["view"].link()
        return part

    def _for_programs(self, view: View, tab: Tab) -> str:
        """Where the same figures are answered by their ids, in the order of the store."""
        asked = {"metrics": ",".join(_suiting(tab, view.address)), "by": tab.by}
        link = view.applied.to("/export", **asked, bots="1" if tab.with_bots or view.address.with_bots else None)
        return link + "".join(f"&{urlencode({'f': written(f)})}" for f in tab.extra)

    def _file(self, ctx: Context, caller: Caller, view: View, tab: Tab, file_format: str) -> Response[Any]:
        """What is seen, all rows of it: in the reader's order and words, as far as the search leaves them."""
        caller.must("metrics.export")
        text = translations.translations(caller.language).gettext
        reading = msgspec.structs.replace(reading_of(caller, view, tab.group), most=MOST_IN_FILE)
        table, span = split_table(ctx, view.address, tab, reading), view.address.period
        first = text(tab.title)
        if table.is_cut:
            first += " " + text(sentence("(the %(count)s largest)")) % {"count": table.total}
        heads = [first, *(_head(view.address.site.currency, metric, table, text) for metric in table.columns)]
        rows = ([row.label, *row.values] for row in table.rows)
        name = f"{tab.id}-{span.first}-{span.last}"
        return exported(ctx, caller, view.address.site, name, file_format, heads, rows)

    def as_now(self, request: Request[Any, Any, Any], view: View, *own: str) -> View:
        """The view with the other parts of the page as they are now: since it came, they may have been sorted too.

        own   the group that was asked for, whose state is that of the link
        """
        page = urlsplit(request.headers.get("hx-current-url", ""))
        if page.path != self.path:
            return view
        now = {name: value for name, value in parse_qsl(page.query) if name in self.kept}
        asked = {name: value for name, value in view.keep.items() if name.partition(".")[0] in own}
        others = {name: value for name, value in now.items() if name.partition(".")[0] not in own}
        return msgspec.structs.replace(view, keep=others | asked)


def reading_of(caller: Caller, view: View, group: str) -> Reading:
    """How the address wants the table of a group."""
    asked = view.keep.get
    form = formats_of(caller)
    return Reading(
        name=form.member,
        text=translations.translations(caller.language).gettext,
        most=max(1, whole_number(asked(f"{group}.most"), SHOWN, MOST_SHOWN)),
        sort=asked(f"{group}.sort", ""),
        is_rising=asked(f"{group}.way") == "up",
        search=asked(f"{group}.search", "").strip()[:200],
    )


def _head(currency: str, metric: AnyMetric, table: SplitTable, text: Texts) -> str:
    """A column's name in a file: what it is, its unit, and what of it is not final, in the reader's words."""
    units = {Unit.MONEY: currency, Unit.SECONDS: text("seconds"), Unit.MILLISECONDS: text("milliseconds")}
    return head_in_words(
        text(metric.label), text, unit=units.get(metric.unit, ""),
        share=table.recounting if metric.id in table.recounted else None, is_open=metric.id in table.unripe,
    )  # fmt: skip
