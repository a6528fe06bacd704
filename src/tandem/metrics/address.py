"""The state of a page as its address writes it: period, comparison, filters, bots. Every view is a link."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from tandem.accounts.model import Site
from tandem.base.addresses import parted
from tandem.base.errors import UserError
from tandem.base.paths import part_as_typed, path_as_typed
from tandem.base.words import hand_in
from tandem.core.auth import Caller
from tandem.core.query import Filter, Op, Question
from tandem.metrics.catalogue import DIMENSIONS, needed
from tandem.metrics.period import Comparison, Period, period_of

OPS: tuple[Op, ...] = ("is", "is_not", "contains", "contains_not")
COMPARISONS: tuple[Comparison, ...] = ("previous", "year", "none")
MOST_FILTERS = 12


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """What a page was asked to show."""

    site: Site
    period: Period
    compare: Comparison
    where: tuple[Filter, ...]
    with_bots: bool
    lens: str
    now: datetime
    unfit: tuple[Filter, ...] = ()
    """Filters that the page cannot apply: shown crossed out, and carried on to pages that can."""
    reader: Caller | None = None
    """Who asks; None where the product asks for itself."""

    @property
    def before(self) -> Period | None:
        """The span that is like what has passed of the period; metrics/comparison.py says which figures bear it."""
        return self.period.compared(self.compare, self.now)

    @property
    def is_partial(self) -> bool:
        """Whether the period goes on: its last step is still being counted."""
        return self.period.since < self.now < self.period.until

    @property
    def bound(self) -> dict[str, Any]:
        """The bound values of a page's own question over the period."""
        return {"site": self.site.id, "since": self.period.since, "until": self.period.until}

    def is_one(self, by: str) -> bool:
        """Whether the page shows one value of this dimension only: what comes from it most is no news then."""
        return any(f.by == by and f.op == "is" and len(f.values) == 1 for f in self.where)

    def question(self, metrics: tuple[str, ...], by: tuple[str, ...] = (), period: Period | None = None) -> Question:
        """The question for these figures over the period asked for, or another.

        raises   UserError (403) when the reader may not see one of the figures
        """
        if self.reader is not None:
            for permission in sorted(needed(metrics)):
                self.reader.must(permission)
        span = period or self.period
        return Question(
            site=self.site.id,
            zone=self.site.zone,
            metrics=metrics,
            since=span.since,
            until=span.until,
            by=by,
            where=self.where,
            with_bots=self.with_bots,
        )

    def readable(self, metrics: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these figures that the reader may see: pages leave the others out."""
        reader = self.reader
        return metrics if reader is None else tuple(f for f in metrics if all(map(reader.may, needed((f,)))))

    def query(self, **changed: str | None) -> str:
        """The address's query with some parts changed; None takes a part away. `f` is added as one more filter."""
        parts: list[tuple[str, str]] = [("site", self.site.key), ("period", self.period.name)]
        if self.compare != "previous":
            parts.append(("compare", self.compare))
        if self.with_bots:
            parts.append(("bots", "1"))
        parts.append(("lens", self.lens))
        parts += [("f", written(f)) for f in (*self.where, *self.unfit)]
        for name, value in changed.items():
            if name != "f":
                parts = [p for p in parts if p[0] != name]
            if value is not None and (name, value) not in parts:
                parts.append((name, value))
        return urlencode(parts)


def written(f: Filter) -> str:
    """A filter as the address writes it: `channel:is:Direct|Email`, with | and \\ escaped by \\."""
    values = "|".join(v.replace("\\", "\\\\").replace("|", "\\|") for v in f.values)
    return f"{f.by}:{f.op}:{values}"


def filter_of(text: str) -> Filter:
    """A filter from the address.

    raises   UserError when it names no dimension or operation
    """
    by, _, rest = text.partition(":")
    op, _, values = rest.partition(":")
    if by not in DIMENSIONS or DIMENSIONS[by].is_time or op not in OPS:
        raise UserError("“%(value)s” is not a filter.", "Use the format channel:is:Direct.", value=text[:80])
    return spelt(Filter(by, op, tuple(_parts(values))))


def spelt(f: Filter) -> Filter:
    """The filter with the paths in it as they are kept, however they were typed."""
    if not DIMENSIONS[f.by].is_path:
        return f
    as_kept = _path if f.op in ("is", "is_not") else part_as_typed
    return Filter(f.by, f.op, tuple(map(as_kept, f.values)))


def _path(text: str) -> str:
    # Of what is neither, nothing is taken away: an app may name its screens without a slash.
    host, path = parted(text)
    return path_as_typed(text) if host or path.startswith("/") else part_as_typed(text)


def _parts(text: str) -> list[str]:
    parts, current, is_escaped = [], "", False
    for sign in text:
        if is_escaped or sign not in "\\|":
            current, is_escaped = current + sign, False
        elif sign == "\\":
            is_escaped = True
        else:
            parts.append(current)
            current = ""
    return [*parts, current]


def address_of(query: Mapping[str, str], filters: list[str], site: Site, lens: str, now: datetime) -> Address:
    """The state that an address asks for; what it leaves out is the last 30 days against those before.

    raises   UserError when a part does not fit
    """
    compare = query.get("compare", "previous")
    if compare not in COMPARISONS:
        raise UserError(
            "“%(value)s” is not a comparison.",
            "Use one of %(choices)s.",
            value=compare[:40],
            choices=", ".join(COMPARISONS),
        )
    if len(filters) > MOST_FILTERS:
        raise UserError("There are too many filters.", "Use at most %(most)s.", most=MOST_FILTERS)
    period, minute = period_of(query.get("period", "30d"), site.zone, now), now.replace(second=0, microsecond=0)
    return Address(
        site=site,
        period=period,
        compare=compare,
        where=tuple(filter_of(f) for f in filters if f),
        with_bots=_is_yes("bots", query.get("bots", "")),
        lens=lens,
        now=now if minute == period.since else minute,  # whoever looks again within a minute asks the same
    )


def _is_yes(name: str, text: str) -> bool:
    """A choice of yes or no, as people and programs write it.

    raises   UserError for anything else
    """
    if text.lower() in ("", "0", "false", "no", "off"):
        return False
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    raise UserError("“%(value)s” is neither yes nor no.", "Use %(name)s=1 or leave it out.", value=text[:40], name=name)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A page's address with all of its state, and the links that change one part of it."""

    path: str
    address: Address
    keep: dict[str, str]
    """What this page remembers beside the address: the chart's figure, the open tab."""

    def link(self, **changed: str | None) -> str:
        return self.at(self.path, **changed)

    def at(self, path: str, **changed: str | None) -> str:
        """Another page with the same state, and what this page remembers."""
        return self.to(path, **(self.keep | changed))

    def to(self, path: str, **changed: str | None) -> str:
        """Another page with the same period and filters."""
        return f"{path}?{self.address.query(**changed)}"

    @property
    def log(self) -> str:
        """The change log over the days that the page shows."""
        return self.log_of(self.address.period.first, self.address.period.last)

    def log_of(self, first: date, last: date) -> str:
        return self.to("/changes", first=first.isoformat(), last=last.isoformat())

    def narrowed(self, by: str, value: str, /, **changed: str | None) -> str:
        """This page, for this value only."""
        where = (*(f for f in self.address.where if f.by != by), Filter(by, "is", (value,)))
        return self._where(where).link(**changed)

    def without(self, gone: Filter) -> str:
        left = self._where(tuple(f for f in self.address.where if f != gone))
        unfit = tuple(f for f in self.address.unfit if f != gone)
        return msgspec.structs.replace(left, address=msgspec.structs.replace(left.address, unfit=unfit)).link()

    def without_value(self, f: Filter, value: str) -> str:
        """This page with a filter that goes without one of its values."""
        return self.replaced(written(f), Filter(f.by, f.op, tuple(v for v in f.values if v != value)))

    def replaced(self, old: str, new: Filter) -> str:
        """This page with a filter in the place of another, as the address writes it; added where it has none such."""
        where, unfit = (
            tuple(new if written(f) == old else f for f in filters)
            for filters in (self.address.where, self.address.unfit)
        )
        address = msgspec.structs.replace(self.address, where=where, unfit=unfit)
        return msgspec.structs.replace(self, address=address).link(f=written(new))

    @property
    def applied(self) -> "View":
        """The view without the filters that its page cannot apply: what an export of the page is asked for."""
        return msgspec.structs.replace(self, address=msgspec.structs.replace(self.address, unfit=()))

    @property
    def unfiltered(self) -> str:
        bare = msgspec.structs.replace(self.address, where=(), unfit=())
        return msgspec.structs.replace(self, address=bare).link()

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The state as hidden fields of a form."""
        return parse_qsl(self.link().partition("?")[2], keep_blank_values=True)

    def _where(self, where: tuple[Filter, ...]) -> "View":
        return msgspec.structs.replace(self, address=msgspec.structs.replace(self.address, where=where))


hand_in(
    {
        "OPS": {"is": "is", "is_not": "is not", "contains": "contains", "contains_not": "does not contain"},
        "OPS_OF_SEVERAL": {
            "is": "is any of",
            "is_not": "is none of",
            "contains": "contains any of",
            "contains_not": "contains none of",
        },
    }
)
