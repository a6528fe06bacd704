"""The API of metrics: `/api/metrics`, and the name it had before."""

from typing import Any

import msgspec
from litestar import Request, get

from tandem.base.errors import UserError
from tandem.board.routes.questions import MOST_ROWS, asked, listed, remarks
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.exports import plain
from tandem.core.pages import successor
from tandem.metrics.address import Address
from tandem.metrics.asked import MOST_SHOWN
from tandem.metrics.catalogue import METRICS
from tandem.metrics.comparison import compared
from tandem.metrics.period import Period
from tandem.metrics.recounting import recounting
from tandem.metrics.verdict import Compared


class MetricRow(msgspec.Struct, frozen=True):
    """One group of an answer."""

    key: dict[str, Any]
    metrics: dict[str, float | int | None]


class FigureRow(msgspec.Struct, frozen=True):
    """The same as versions up to 0.3.0 called it."""

    key: dict[str, Any]
    figures: dict[str, float | int | None]


class ComparedOut(msgspec.Struct, frozen=True):
    """A figure against what is like it. Without a `change`, `reason` says why, if there is anything to compare.

    `value` covers `value_since` to `value_until` and `before` as much, `since` to `until`: both up to the day
    `settled`, where newer days still change. `is_clear` says whether the change is more than chance: only then is it a
    rise or a fall.
    """

    since: str
    until: str
    value: float | int | None
    before: float | int | None
    change: float | None
    reason: str
    settled: str | None
    is_clear: bool
    value_since: str
    value_until: str


class MetricAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a question, with the span in UTC; `rows_total` counts those beyond `most` too.

    An answer holds at most 200,000 rows and about a million values, the largest by the first metric; `is_cut` says that
    there are more rows, and `notes` say so too. Whoever asks without a token, as a user who may not export metrics,
    has the first 1,000 rows, as on a page.

    `recounting` is the share done (0 to 1) while something of the answer is counted anew and therefore mixed; `notes`
    say which metrics. They also say of which metrics sales are still to come, and which were not measured in the whole
    of the period: null, not 0.
    `compared` holds each metric of a question without split beside its comparison.
    """

    site: str
    since: str
    until: str
    rows: list[MetricRow]
    rows_total: int
    took_ms: float
    is_cut: bool = False
    recounting: float | None = None
    compared: dict[str, ComparedOut] = {}
    notes: list[str] = []


class FigureAnswer(MetricAnswer, frozen=True, kw_only=True):
    """The same as versions up to 0.3.0 called it."""

    rows: list[FigureRow]  # type: ignore[assignment]


@get("/api/metrics", may="metrics.read", sync_to_thread=True, tags=["metrics"])
def api_metrics(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    metrics: str,
    by: str = "",
    site: str | None = None,
    period: str = "30d",
    bots: bool = False,
    most: int = 1000,
) -> MetricAnswer:
    """Any metrics of the catalogue over a period, split by dimensions, filtered by `f=channel:is:Direct`.

    `metrics` and `by` are lists parted by commas.
    """
    return _answer(request, ctx, caller, metrics, by, most)


@get(
    "/api/figures", may="metrics.read", sync_to_thread=True, tags=["metrics"], deprecated=True,
    response_headers=successor("/api/metrics"),
)  # fmt: skip
def api_figures(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    figures: str,
    by: str = "",
    site: str | None = None,
    period: str = "30d",
    bots: bool = False,
    most: int = 1000,
) -> FigureAnswer:
    """The former name of `/api/metrics`, answered until 0.4; its rows hold `figures` in place of `metrics`."""
    answer = _answer(request, ctx, caller, figures, by, most)
    facts = {name: getattr(answer, name) for name in MetricAnswer.__struct_fields__ if name != "rows"}
    return FigureAnswer(rows=[FigureRow(row.key, row.metrics) for row in answer.rows], **facts)


def _answer(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, metrics: str, by: str, most: int
) -> MetricAnswer:
    if most < 1:
        raise UserError("“most” must be 1 or more.", "Correct it, or leave it out for 1,000 rows.")
    address, result, splits = asked(request, ctx, caller, metrics, by)
    rows = [MetricRow(dict(zip(splits, map(plain, r.key), strict=True)), r.metrics) for r in result.rows]
    span, names, limit = address.period, listed(metrics), _most_rows(caller)
    return MetricAnswer(
        site=address.site.key, since=span.since.isoformat(), until=span.until.isoformat(),
        rows=rows[: min(most, limit)], rows_total=len(rows), is_cut=result.is_cut or limit < min(most, len(rows)),
        took_ms=result.took_ms,
        recounting=recounting(ctx, address.site, names, splits, address.where),
        compared={} if splits else _compared(ctx, address, result.total),
        notes=list(remarks(ctx, address, result, names, splits).values()),
    )  # fmt: skip


def _most_rows(caller: Caller) -> int:
    """A token is made to read metrics; a session that may not export them reads what its pages show."""
    return MOST_SHOWN if caller.token is None and not caller.may("metrics.export") else MOST_ROWS


def _compared(ctx: Context, address: Address, values: dict[str, Any]) -> dict[str, ComparedOut]:
    before = address.before
    if before is None:
        return {}
    span = address.period.so_far(address.now) or address.period
    names = tuple(name for name in values if name in METRICS)
    return {name: _compared_out(c, span, before) for name, c in compared(ctx, address, names, values).items()}


def _compared_out(c: Compared, span: Period, before: Period) -> ComparedOut:
    span = span if c.settled is None or c.span is None else c.span
    before = c.against or before
    return ComparedOut(
        before.since.isoformat(), before.until.isoformat(), c.value, c.before, c.change,
        c.reason.why if c.reason else "", c.settled.isoformat() if c.settled else None,
        c.is_clear, span.since.isoformat(), span.until.isoformat(),
    )  # fmt: skip


ROUTES = [api_metrics, api_figures]
