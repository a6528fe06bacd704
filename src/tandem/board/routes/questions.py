"""Questions as programs and exports ask them: any figures, split by any dimensions."""

from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from typing import Any

import msgspec
from litestar import Request

from tandem.base.errors import UserError
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.query import Result, Row
from tandem.metrics.address import Address
from tandem.metrics.asked import address_asked
from tandem.metrics.catalogue import METRICS
from tandem.metrics.comparison import to_come, unmeasured_in, unripe
from tandem.metrics.metric import Estimate
from tandem.metrics.recounting import anew, recounting
from tandem.metrics.verdict import Reason

MOST_ROWS = 100_000
ALIKE, MOST_ALIKE = 0.7, 3
"""How alike an id must be to be named in place of one that is none, and how many are."""


def asked(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, metrics: str, by: str
) -> tuple[Address, Any, tuple[str, ...]]:
    names, splits = listed(metrics), listed(by)
    if not names:
        raise UserError("The query has no metric.", "Name at least one, such as metrics=collect.visits.")
    if len(names) > 30 or len(splits) > 4:
        raise UserError("The query is too broad.", "Request at most 30 metrics and 4 dimensions.")
    for name in names:
        if name not in METRICS:
            raise _no_metric(caller, name)
    address = address_asked(request, ctx, caller)
    question, runner = address.question(names, splits), ctx.runner
    result = runner.ask_aside(question) if splits else runner.ask(question)
    return address, _known(result, unmeasured_in(ctx, address, names)), splits


def _no_metric(caller: Caller, name: str) -> UserError:
    """With the metrics that are most like it, of those that the caller may see."""
    what = "There is no metric “%(name)s”."
    alike = closest(name, (id for id, metric in METRICS.items() if caller.may(metric.permission)))
    if not alike:
        return UserError(what, "See the full list on the Metrics page.", 404, name=name[:60])
    return UserError(what, "Did you mean: %(alike)s?", 404, name=name[:60], alike=", ".join(alike))


def closest(name: str, ids: Iterable[str]) -> list[str]:
    """The ids that are most like a name, the best first: `visits` is the noun of collect.visits."""
    asked = name[:60].lower()
    likeness = {id: max(_likeness(asked, id), _likeness(asked, id.partition(".")[2])) for id in ids}
    best = sorted((id for id, ratio in likeness.items() if ratio > ALIKE), key=lambda id: -likeness[id])
    return best[:MOST_ALIKE]


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def _known(result: Result, unmeasured: Collection[str]) -> Result:
    """The result with nothing for figures that were not measured: those are not 0."""
    if not unmeasured:
        return result
    rows = [Row(row.key, row.metrics | dict.fromkeys(with_ranges(tuple(unmeasured)))) for row in result.rows]
    return msgspec.structs.replace(result, rows=rows)


def listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def with_ranges(names: tuple[str, ...]) -> tuple[str, ...]:
    """These metrics, and after a model's answer its range: it is never told without."""
    ends = ("", ".low", ".high")
    return tuple(
        f"{name}{end}" for name in names for end in (ends if isinstance(METRICS.get(name), Estimate) else ends[:1])
    )


def remarks(
    ctx: Context, address: Address, result: Result, names: tuple[str, ...], splits: tuple[str, ...]
) -> dict[str, str]:
    """Of these figures those that are not final or were not measured, and a split with more rows than an answer holds:
    each with the words for it.
    """
    shares = {name: recounting(ctx, address.site, (name,), splits, address.where) for name in names}
    recounted = {name: anew(name, share) for name, share in shares.items() if share is not None}
    young = {name: to_come(name, reason) for name in names if (reason := unripe(ctx, address, name))}
    unmeasured = {name: _not_measured(name, why) for name, why in unmeasured_in(ctx, address, names).items()}
    cut = {splits[0]: f"{splits[0]} (the {len(result.rows):,} largest by {names[0]})"} if result.is_cut else {}
    return young | recounted | unmeasured | cut


def _not_measured(name: str, reason: Reason) -> str:
    why = f"not measured before {reason.day}" if reason.day else "this period has not started"
    return f"{name} ({why})"
