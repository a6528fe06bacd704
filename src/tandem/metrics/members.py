"""The values of a dimension by the names that readers see: what they write, and which stored values they mean."""

from collections.abc import Mapping, Sequence

import msgspec

from tandem.base.errors import UserError
from tandem.base.formats import Formats
from tandem.base.translations import LANGUAGES
from tandem.base.words import MEMBERS
from tandem.core.context import Context
from tandem.core.query import Filter, Op
from tandem.metrics.address import Address, filter_of, spelt
from tandem.metrics.catalogue import DIMENSIONS

COUNTED_BY = {
    "visits": "collect.visits", "pageviews": "collect.pageviews", "conversions": "collect.goals_reached",
    "actions": "collect.actions", "deals": "crm.leads", "ad_days": "ads.clicks", "ad_visits": "ads.visits",
    "findings": "findings.raised",
}  # fmt: skip
"""What counts the values of a dimension, by the view that knows it."""
MOST_NAMED = 12
"""So many values are named in full where another one is refused."""

Names = Mapping[str, str]
"""Stored values, and what the reader sees in their place."""


def names_of(ctx: Context, address: Address, by: str) -> Names | None:
    """Every value that a dimension can have; None for an open one, like the campaign, which can have any."""
    form = _formats(address)
    if by == "goal":
        return ctx.offers.goal_names(address.site)
    if by == "country":
        codes = map(str, form.locale.territories)
        return {code: form.country(code) for code in codes if len(code) == 2 and code.isalpha()}
    if by == "language":
        return {code: form.member(by, code) for code in map(str, form.locale.languages) if code.isalpha()}
    return {value: form.member(by, value) for dimension, value in MEMBERS if dimension == by} or None


def seen_names(ctx: Context, address: Address, by: str) -> Names:
    """The values that occur in the period, the commonest first; those that the reader may not see are left out."""
    metric = COUNTED_BY.get(DIMENSIONS[by].home)
    if metric is None:
        return {}
    question = msgspec.structs.replace(address.question((metric,), (by,)), where=())
    if by in ("bot", "bot_name"):
        question = msgspec.structs.replace(question, with_bots=True, where=(Filter("bot", "is_not", ("",)),))
    values = [str(row.key[0]) for row in ctx.runner.ask(question).rows if row.metrics[metric]]
    goals = ctx.offers.goal_names(address.site) if by == "goal" else {}
    form = _formats(address)
    return {value: goals.get(value) or form.member(by, value) for value in values}


def understood(ctx: Context, address: Address) -> Address:
    """The address with the names in its filters read as the values they stand for; what is no name stays."""
    return msgspec.structs.replace(address, where=tuple(_read(ctx, address, f) for f in address.where))


def _read(ctx: Context, address: Address, f: Filter) -> Filter:
    names = names_of(ctx, address, f.by) if f.op in ("is", "is_not") else None
    if names is None:
        return f
    return Filter(f.by, f.op, tuple(value for text in f.values for value in _meant(text, names) or (text,)))


def filter_meant(ctx: Context, address: Address, by: str, op: str, texts: Sequence[str]) -> Filter:
    """The filter that a reader chose and typed: any of these texts, or none of them.

    raises   UserError at the field for no text, for what is no value of a dimension that is not open, or for parts of
             names together with rows that have no name
    """
    wanted = filter_of(f"{by}:{op}:")
    if not texts:
        raise UserError(
            "The filter has no value.", ("Enter one, or “%(none)s” to find rows without a value."),
            none=name_of(address, by, ""),
        ).at("value")  # fmt: skip
    filters = [_one_meant(ctx, address, wanted, text) for text in texts]
    if len({f.op for f in filters}) > 1:
        raise UserError(
            "“%(none)s” cannot be combined with parts of names.", "Choose another condition, or remove that value.",
            none=name_of(address, by, ""),
        ).at("value")  # fmt: skip
    return Filter(by, filters[0].op, tuple(dict.fromkeys(value for f in filters for value in f.values)))


WHOLE: Mapping[Op, Op] = {"contains": "is", "contains_not": "is_not"}
"""What a condition about a part of a name is where the values themselves are meant."""


def _one_meant(ctx: Context, address: Address, wanted: Filter, text: str) -> Filter:
    """The filter by one text. Without a name that fits, an open dimension is filtered by the text itself."""
    by = wanted.by
    if _fold(text) == _fold(name_of(address, by, "")):
        return Filter(by, WHOLE.get(wanted.op, wanted.op), ("",))
    fixed = names_of(ctx, address, by)
    is_part = wanted.op in WHOLE
    if fixed is None and is_part:
        return spelt(Filter(by, wanted.op, (text,)))
    names = {**(fixed or {}), **seen_names(ctx, address, by)}
    is_ticked = text in names  # a value of the list means itself, not whatever holds it
    if not (values := tuple(holding(text, names)) if is_part and not is_ticked else _meant(text, names, by)):
        if fixed is not None:
            raise _refused(by, text, list(fixed.values()))
        values = (text,)
    # names are no part of what is stored: who looks for a part of one means the values that are called so
    return spelt(Filter(by, WHOLE.get(wanted.op, wanted.op), values))


def name_of(address: Address, by: str, value: str) -> str:
    """What the reader sees in the place of a value; the empty one has a name too."""
    return _formats(address).member(by, value)


def _meant(text: str, names: Names, by: str = "") -> tuple[str, ...]:
    """The values of exactly this name, in any letter case; a language is meant wherever it is spoken."""
    if text in names:
        return (text,)
    wanted = _fold(text)
    matching = [value for value, name in names.items() if wanted in (_fold(value), _fold(name))]
    if by == "language":
        matching += [value for value in names if value.partition("-")[0] in matching and value not in matching]
    return tuple(matching)


def holding(text: str, names: Names) -> Names:
    """Those with the text in what is stored or in what is shown, in any letter case."""
    wanted = _fold(text)
    return {value: name for value, name in names.items() if wanted in _fold(value) or wanted in _fold(name)}


def _refused(by: str, text: str, names: list[str]) -> UserError:
    if 0 < len(names) <= MOST_NAMED:
        error = UserError(
            "“%(dimension)s” has no value “%(value)s”.", "Use one of %(choices)s.",
            dimension=DIMENSIONS[by].label, value=text[:80], choices=", ".join(names),
        )  # fmt: skip
    else:
        error = UserError(
            "“%(dimension)s” has no value “%(value)s”.", "Enter a name as shown in the tables.",
            dimension=DIMENSIONS[by].label, value=text[:80],
        )  # fmt: skip
    return error.at("value")


def _fold(text: str) -> str:
    return text.strip().casefold()


def _formats(address: Address) -> Formats:
    language = address.reader.language if address.reader else "en"
    return Formats(language if language in LANGUAGES else "en")
