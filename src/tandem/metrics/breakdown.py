"""Figures in total, as pages show them: with what was before, and the channel that brings most."""

from tandem.core.context import Context
from tandem.core.query import Value
from tandem.metrics.address import Address
from tandem.metrics.catalogue import METRICS
from tandem.metrics.chance import with_cases
from tandem.metrics.comparison import Comparison
from tandem.metrics.metric import Metric, Ratio, Unit
from tandem.metrics.verdict import Compared

Totals = dict[str, Value]
AMOUNTS = (Unit.COUNT, Unit.MONEY)


def splits_of(name: str) -> frozenset[str]:
    """The splits that are true for a figure: of a ratio, those true for both of its parts."""
    metric = METRICS[name]
    if isinstance(metric, Ratio):
        return splits_of(metric.top) & splits_of(metric.bottom)
    return frozenset(metric.by)


def totals(ctx: Context, address: Address, metrics: tuple[str, ...]) -> tuple[Totals, dict[str, Compared]]:
    """The figures of the period, each beside its comparison; None for what was not measured or filters do not suit."""
    suiting = _suiting(metrics, address)
    comparison = Comparison(ctx, address, suiting)
    answered = ctx.runner.ask_all([address.question(with_cases(suiting)), *comparison.questions])[0].total
    unsuited = {f: Compared(metric=METRICS[f], value=None, before=None) for f in metrics}
    went = comparison.of(answered)
    measured = {f: None if f in went and went[f].is_unmeasured else value for f, value in answered.items()}
    return dict.fromkeys(metrics) | measured, unsuited | went


def largest_channel(ctx: Context, address: Address, name: str) -> tuple[str, Value] | None:
    """The channel that brings most of a figure, and how much; None for what is no amount, or where one is shown."""
    metric = METRICS[name]
    is_amount = isinstance(metric, Metric) and metric.unit in AMOUNTS
    if not is_amount or "channel" not in splits_of(name) or address.is_one("channel"):
        return None
    rows = [
        (row.metrics[name] or 0, str(row.key[0]))
        for row in ctx.runner.ask(address.question((name,), ("channel",))).rows
    ]
    most, channel = max(rows, default=(0, ""))
    return (channel, most) if most > 0 else None


def _suiting(metrics: tuple[str, ...], address: Address) -> tuple[str, ...]:
    return tuple(f for f in metrics if all(w.by in splits_of(f) for w in address.where))
