"""Figures in total and by a split, as pages show them: with what was before, and a bar for the largest."""

import msgspec

from tandem.core.context import Context
from tandem.core.query import Value
from tandem.metrics.address import Address
from tandem.metrics.catalogue import FIGURES
from tandem.metrics.chance import with_cases
from tandem.metrics.comparison import Comparison
from tandem.metrics.metric import Figure, Ratio
from tandem.metrics.verdict import Compared

Totals = dict[str, Value]


class BreakdownRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row; `share` is its part of the largest row's first figure (0 to 1), for the bar in the cell."""

    key: str
    values: list[Value]
    share: float


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by a split: the rows shown, and how many there are in all."""

    by: str
    figures: list[Figure]
    rows: list[BreakdownRow]
    total: int


def splits_of(name: str) -> frozenset[str]:
    """The splits that are true for a figure: of a ratio, those true for both of its parts."""
    figure = FIGURES[name]
    if isinstance(figure, Ratio):
        return splits_of(figure.top) & splits_of(figure.bottom)
    return frozenset(figure.by)


def totals(ctx: Context, address: Address, figures: tuple[str, ...]) -> tuple[Totals, dict[str, Compared]]:
    """The figures of the period, each beside its comparison; None for what was not measured or filters do not suit."""
    suiting = _suiting(figures, address)
    comparison = Comparison(ctx, address, suiting)
    answered = ctx.runner.ask_all([address.question(with_cases(suiting)), *comparison.questions])[0].total
    unsuited = {f: Compared(figure=FIGURES[f], value=None, before=None) for f in figures}
    went = comparison.of(answered)
    measured = {f: None if f in went and went[f].is_unmeasured else value for f, value in answered.items()}
    return dict.fromkeys(figures) | measured, unsuited | went


def breakdown(
    ctx: Context, address: Address, by: str, figures: tuple[str, ...], most: int, then: str = ""
) -> Breakdown:
    """The figures by a split, the largest first figure first, among equals the largest `then`; without empty rows."""
    names = tuple(f for f in _suiting(figures, address) if by in splits_of(f))
    first = names[0]
    rows = [r for r in ctx.runner.ask(address.question(names, (by,))).rows if any(r.figures.values())]
    if then:
        rows.sort(key=lambda r: (-(r.figures[first] or 0), -(r.figures[then] or 0), str(r.key[0])))
    largest = max((r.figures[first] or 0 for r in rows), default=0) or 1
    lines = [
        BreakdownRow(
            key=str(r.key[0]), values=[r.figures[f] for f in names], share=max(0.0, (r.figures[first] or 0) / largest)
        )
        for r in rows[:most]
    ]
    return Breakdown(by=by, figures=[FIGURES[f] for f in names], rows=lines, total=len(rows))


def _suiting(figures: tuple[str, ...], address: Address) -> tuple[str, ...]:
    return tuple(f for f in figures if all(w.by in splits_of(f) for w in address.where))
