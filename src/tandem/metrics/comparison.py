"""Like for like: what a figure is compared with, and whether that comparison bears a verdict.

Pages, tiles, colours and answers of the API take every change from here. A figure whose comparison bears none stands
alone and says why.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.core.query import Question, Value
from tandem.core.slice import Recount
from tandem.metrics.address import Address
from tandem.metrics.catalogue import METRICS, VIEWS
from tandem.metrics.chance import assumed_scatter, is_clear, of_part, with_cases
from tandem.metrics.coverage import Days, Lack, days_between, lack_of
from tandem.metrics.history import History, history_of
from tandem.metrics.metric import Counted
from tandem.metrics.parts import parts_of, settles_after
from tandem.metrics.period import Period
from tandem.metrics.recounting import share_of
from tandem.metrics.spans import (
    COMPLETE,
    ENOUGH_ALIKE,
    ENOUGH_OUTCOMES,
    arrived,
    clocks_differ,
    days_of,
    days_passed,
    immature,
    like_spans,
    settled_until,
    unmeasured,
)
from tandem.metrics.verdict import Compared, Reason, relative

KNOWN_ALIKE = 0.05
"""Shares of paid visits whose cost is known may differ by so much between two spans."""


def unsettled(address: Address, metrics: Iterable[str]) -> int:
    """How many of the newest days of these figures still change, where the period holds some of them; else 0."""
    days = max(map(settles_after, metrics), default=0)
    span = address.period
    is_settled = not days or settled_until(span, days, address.now) == span.last or span.since > address.now
    return 0 if is_settled else days


def _unlike(lack: Lack | None) -> Reason | None:
    """Why reports of two spans bear no verdict."""
    if lack is None:
        return None
    if lack.ended:
        return Reason(why="ended", day=lack.ended)
    if lack.begun:
        return Reason(why="unmeasured", day=lack.begun)
    return Reason(why="accounts" if lack.is_of_some else "gaps", days=lack.days)


def reason_of(
    ctx: Context, address: Address, name: str, before: Period | None = None, by: tuple[str, ...] = ()
) -> Reason | None:
    """Why a figure (split `by`) bears no verdict: it is counted anew, its comparison bears none, or compared with
    nothing it is not whole itself.

    None if it bears one
    """
    return reason_known(ctx, address, name, ctx.offers.recounted(address.site), before, by)


def reason_known(
    ctx: Context, address: Address, name: str, recount: Recount | None, before: Period | None = None,
    by: tuple[str, ...] = (),
) -> Reason | None:  # fmt: skip
    """The same where it is known already how far the site is counted anew (`found`)."""
    now, site = address.now, address.site
    share = share_of(recount, (name,), by, address.where)
    if share is not None:
        return Reason(why="recounting", share=share)
    if address.period.so_far(now) is None:
        return Reason(why="ahead")
    before = before or address.before
    if before is None:
        return _not_whole(ctx, address, name)
    parts = parts_of(name)
    history = history_of(ctx)
    if why := _unmeasured(history, site, parts, before):
        return why
    if clocks_differ(address.period, before, now):
        return Reason(why="clocks")
    settles = settles_after(name)
    if settles and settled_until(address.period, settles, now) is None:
        return Reason(why="settling", days=settles)
    span, earlier, _ = like_spans(address.period, before, settles, now) or (address.period, before, None)
    if why := _gaps(history, address, parts, span, earlier):
        return why
    if any(p.is_reported for p in parts) and (why := _known_unlike(ctx, address, span, earlier)):
        return why
    for part in parts:
        if part.arrives and (why := immature(history.delays(site.id, part, now), address.period, before, now)):
            return why
    return None


def _not_whole(ctx: Context, address: Address, name: str) -> Reason | None:
    """What a figure that is compared with nothing lacks of its own period: days without data, or outcomes to come."""
    history, parts = history_of(ctx), parts_of(name)
    if why := _unmeasured(history, address.site, parts, address.period):
        return why
    spans = like_spans(address.period, address.period, settles_after(name), address.now)
    return (spans and _gaps(history, address, parts, *spans[:2])) or unripe(ctx, address, name)


def _unmeasured(history: History, site: Site, parts: list[Counted], span: Period) -> Reason | None:
    """Since when all parts of a figure are measured, if that is not the whole span."""
    firsts = [unmeasured(span, history.first(site.id, p.view), "hour" not in p.by) for p in parts]
    days = [day for day in firsts if day]
    return Reason(why="unmeasured", day=max(days)) if days else None


def _gaps(history: History, address: Address, parts: list[Counted], span: Period, before: Period) -> Reason | None:
    """Why spans are unlike of which not all is measured, or not by the same ad accounts."""
    if any(p.is_reported for p in parts):
        last = min(span.last, address.now.astimezone(ZoneInfo(span.zone)).date())
        lack = lack_of(history.reported(address), days_between(span.first, last), days_of(before))
        if why := _unlike(lack):
            return why
    if any(VIEWS[p.view].is_derived for p in parts):
        days = history.silent(address.site, span, before, address.now)
        return Reason(why="gaps", days=len(days)) if days else None
    return None


def _known_unlike(ctx: Context, address: Address, span: Period, before: Period) -> Reason | None:
    """Why costs are unlike that are known for another share of the paid visits then than now.

    Costs written down by hand and reports that were taken back are in no account's days; visits tell of them.
    """
    names = ("ads.reported_visits", "ads.visits")
    if any(f.by not in METRICS[name].by for f in address.where for name in names):  # type: ignore[union-attr]
        return None
    shares = []
    for one in (span, before):
        total = ctx.runner.ask(address.question(names, period=one)).total
        with_cost, paid = (total.get(name) or 0 for name in names)
        shares.append(with_cost / paid if paid else 1.0)
    return Reason(why="costs", share=min(shares)) if max(shares) - min(shares) > KNOWN_ALIKE else None


def unmeasured_days(ctx: Context, address: Address, name: str) -> Days:
    """The days of the period and of its comparison on which something that a figure is made of was not measured."""
    history, parts, missing = history_of(ctx), parts_of(name), frozenset[date]()
    spans = [address.period, *([address.before] if address.before else [])]
    if any(p.is_reported for p in parts):
        accounts = history.reported(address).values()
        missing |= frozenset().union(*map(days_of, spans)) - frozenset().union(*(one.days for one in accounts))
    if any(VIEWS[p.view].is_derived for p in parts):
        missing |= history.silent(address.site, address.period, address.before, address.now)
    return missing


def unripe(ctx: Context, address: Address, name: str) -> Reason | None:
    """Why what a figure counts has not all come yet, compared or not; None where it has, or comes at once."""
    for part in parts_of(name):
        if not part.arrives or address.now - address.period.until >= COMPLETE:
            continue
        delays = history_of(ctx).delays(address.site.id, part, address.now)
        if len(delays) < ENOUGH_OUTCOMES:
            return Reason(why="little_history")
        share = arrived(delays, address.period, address.now)
        if share < ENOUGH_ALIKE:
            return Reason(why="young", share=share)
    return None


def to_come(name: str, reason: Reason) -> str:
    """A column whose outcomes have not all come (`unripe`), for programs and files.

    returns   like `crm.won (about 29.6% of their sales are in)`
    """
    if reason.share is None:
        return f"{name} (the newest leads have not had time to close)"
    return f"{name} (about {reason.share:.1%} of their sales are in)"


def measured_since(ctx: Context, site: Site, name: str) -> date | None:
    """The first day, in the site's zone, on which all that a figure is made of was measured; None before that."""
    firsts = [history_of(ctx).first(site.id, part.view) for part in parts_of(name)]
    days = [first.astimezone(ZoneInfo(site.zone)).date() for first in firsts if first]
    return max(days) if len(days) == len(firsts) else None


def why_unknown(ctx: Context, address: Address, name: str) -> Reason | None:
    """Why nothing of a figure can be known: the period is to come, or was over before measuring began; else None."""
    if address.period.since > address.now:
        return Reason(why="ahead")
    first = measured_since(ctx, address.site, name)
    return Reason(why="unmeasured", day=first) if first is None or first > address.period.last else None


def unmeasured_in(ctx: Context, address: Address, names: Iterable[str]) -> dict[str, Reason]:
    """Of these figures those that the period holds nothing of, each with the reason: they are unknown, and not 0.

    Where measuring has not begun at all, counts stand at 0: there it is the first visit, call or lead that is awaited.
    What outside systems report is unknown without a report anyhow; a report may still tell of days before measuring.
    """
    by_tandem = [n for n in names if not any(part.is_reported for part in parts_of(n))]
    reasons = {n: why_unknown(ctx, address, n) for n in by_tandem}
    return {n: reason for n, reason in reasons.items() if reason and (reason.why == "ahead" or reason.day)}


class Comparison:
    """Figures beside what they are compared with.

    `questions` are all that `of` will ask: a page asks them beside its own, and none has to wait for another.
    """

    def __init__(self, ctx: Context, address: Address, metrics: Sequence[str]) -> None:
        self._ctx, self._address, self._metrics = ctx, address, metrics
        self._unknown = unmeasured_in(ctx, address, metrics)
        anew = ctx.offers.recounted(address.site)
        self._reasons = {
            f: self._unknown.get(f) or reason_known(ctx, address, f, anew, address.before) for f in metrics
        }
        self._groups = list(self._alike())

    def _alike(self) -> Iterator["_Group"]:
        """Figures that bear a comparison, by the days after which they are settled."""
        before, groups = self._address.before, dict[int, list[str]]()
        if before is None:
            return
        for f in self._metrics:
            if self._reasons[f] is None:
                groups.setdefault(settles_after(f), []).append(f)
        for settles, names in groups.items():
            spans = like_spans(self._address.period, before, settles, self._address.now)
            assert spans is not None, "reason_of has said so"
            yield _Group(self._ctx, self._address, names, spans)

    @property
    def questions(self) -> list[Question]:
        return [question for group in self._groups for question in group.questions]

    def of(self, now: Mapping[str, Value]) -> dict[str, Compared]:
        """Each figure beside its comparison.

        now   the figures of the whole period, as the page shows them; with their cases (`with_cases`) nothing is asked
              anew
        """
        comparisons = {
            f: Compared(
                metric=METRICS[f], value=None if f in self._unknown else now.get(f), before=None,
                reason=self._reasons[f], is_unmeasured=f in self._unknown,
            )
            for f in self._metrics
        }  # fmt: skip
        for group in self._groups:
            comparisons |= group.of(now)
        return comparisons


def compared(ctx: Context, address: Address, metrics: Sequence[str], now: Mapping[str, Value]) -> dict[str, Compared]:
    """Each figure beside its comparison; `now` are the figures of the whole period (`Comparison.of`)."""
    return Comparison(ctx, address, metrics).of(now)


class _Group:
    """Figures that are compared over the same spans."""

    def __init__(
        self, ctx: Context, address: Address, names: list[str], spans: tuple[Period, Period, date | None]
    ) -> None:
        self._ctx, self._address, self._names = ctx, address, names
        self._period, self._earlier, self._settled = spans
        self._asked, self._history = with_cases(names), history_of(ctx)

    @property
    def questions(self) -> list[Question]:
        past = self._history.question(self._address, self._names)
        settled = [self._question(self._period)] if self._settled is not None else []
        return [self._question(self._earlier), *settled, *([past] if past else [])]

    def _question(self, span: Period) -> Question:
        return self._address.question(self._asked, period=span)

    def of(self, now: Mapping[str, Value]) -> dict[str, Compared]:
        ctx, address, names = self._ctx, self._address, self._names
        needs_now = self._settled is not None or any(n not in now for n in self._asked)
        spans = (self._earlier, self._period) if needs_now else (self._earlier,)
        results = [r.total for r in ctx.runner.ask_all([self._question(span) for span in spans])]
        old, new = results[0], results[1] if needs_now else now
        scatters = self._history.scatters(address, names)
        days = days_passed(address.period, address.now)

        def is_beyond_chance(name: str) -> bool:
            scatter = scatters[name]
            return is_clear(name, new, old, assumed_scatter(name, new, old, days) if scatter is None else scatter)

        def before_of(name: str) -> Value:
            return old.get(name) if measured_since(ctx, address.site, name) else None

        return {
            n: Compared(
                metric=METRICS[n], value=new.get(n), before=before_of(n), settled=self._settled, span=self._period,
                against=self._earlier,
                is_clear=bool(relative(new.get(n), old.get(n))) and is_beyond_chance(n),
            )
            for n in names
        }  # fmt: skip


class Rows:
    """The parts of a figure (rows of a table) beside their comparison."""

    def __init__(
        self, ctx: Context, address: Address, name: str, reason: Reason | None = None, share_of: str = ""
    ) -> None:
        """reason     why the comparison of the figure bears no verdict (`reason_of`)
        share_of   the figure whose share says how large a part a row is, if not this one: one that adds up over rows
        """
        self._name, self._reason, self._whole = name, reason, 0.0
        self._share_of = share_of or name
        self._days = days_passed(address.period, address.now)
        self._is_compared = reason is None and address.before is not None
        self._history, self._address = history_of(ctx), address

    @property
    def questions(self) -> list[Question]:
        """What will be asked of the site's past: a page asks it beside its own questions."""
        past = self._history.question(self._address, (self._name,)) if self._is_compared else None
        return [past] if past else []

    @cached_property
    def _scatter(self) -> float | None:
        return self._history.scatters(self._address, (self._name,))[self._name] if self._is_compared else None

    @property
    def needs_whole(self) -> bool:
        """Whether it has to be told the whole (`know`): where the site's past may say how much it scatters."""
        return self._is_compared

    def know(self, whole: Sequence[Value]) -> None:
        """What `share_of` adds up to in both spans: what rows are parts of, whatever else narrows the table."""
        self._whole = sum(abs(value or 0) for value in whole)

    def compared(self, now: Mapping[str, Value], before: Mapping[str, Value]) -> Compared:
        """One row; `now` and `before` are the figure of the row, and its cases."""
        name = self._name
        value, old = now.get(name), before.get(name)
        if self._scatter is None:
            scatter = assumed_scatter(name, now, before, self._days)
        else:
            part = sum(abs(row.get(self._share_of) or 0) for row in (now, before))
            scatter = of_part(self._scatter, part / self._whole if self._whole else 1.0)
        clear = self._reason is None and is_clear(name, now, before, scatter)
        return Compared(metric=METRICS[name], value=value, before=old, is_clear=clear, reason=self._reason)


def goals_missing(ctx: Context, site: Site) -> bool:
    """Whether nobody has chosen a main goal, so that conversions cannot be counted."""
    return not ctx.runner.main_goals(site.id)
