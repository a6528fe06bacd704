"""The form of the top bar that adds a filter or changes one: what it offers, what is chosen, and what it means."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request

from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.metrics.address import Address, View, filter_of, written
from tandem.metrics.members import filter_meant, holding, name_of, names_of, seen_names

MOST_OFFERED = 50
LIST = "list"
"""The form's second button: show the values of the dimension, for browsers without scripts."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the list that can be ticked."""

    value: str
    name: str
    is_chosen: bool = False


class FilterForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it is shown first.

    replaces   the filter that it changes, as the address writes it; empty where it adds one
    choices    empty while it is closed: a page asks for them when somebody opens it
    """

    by: str
    op: str = "is"
    choices: Sequence[Choice] = ()
    replaces: str = ""
    is_open: bool = False


def form_of(request: Request[Any, Any, Any], ctx: Context, view: View, filter_by: Sequence[str]) -> FilterForm:
    """The form of a page: closed, or open with the values of a dimension where the address asks for that.

    raises   UserError for what is no filter, or a dimension that the reader may not see
    """
    asked = request.query_params
    replaces = asked.get("change", "")
    if LIST in asked and asked.get("by"):
        old = filter_of(f"{asked['by']}:{asked.get('op', 'is')}:")
        chosen, text = tuple(asked.getall("value", [])), asked.get("text", "").strip()
    elif replaces:
        old, text = filter_of(replaces), ""
        chosen = old.values
    else:
        return FilterForm(by=filter_by[0])
    choices = choices_of(ctx, view.address, old.by, text, chosen)
    return FilterForm(by=old.by, op=old.op, choices=choices, replaces=replaces, is_open=True)


def choices_of(ctx: Context, address: Address, by: str, text: str, chosen: Sequence[str]) -> list[Choice]:
    """The values that are chosen, the text itself where it may be one, and the commonest that hold the text."""
    names, chosen = seen_names(ctx, address, by), [name_of(address, by, "") if v == "" else v for v in chosen]
    found = [(value or name, name) for value, name in holding(text, names).items()]
    is_open = names_of(ctx, address, by) is None
    typed = [(text, f"“{text}”")] if text and is_open and all(text not in pair for pair in found) else []
    goals = ctx.offers.goal_names(address.site) if by == "goal" else {}
    ticked = [(v, names.get(v) or goals.get(v) or name_of(address, by, v)) for v in chosen]
    offered = [(value, name) for value, name in (*typed, *found) if value not in chosen][:MOST_OFFERED]
    return [
        *(Choice(value=value, name=name, is_chosen=True) for value, name in ticked),
        *(Choice(value=value, name=name) for value, name in offered),
    ]


def filter_asked(request: Request[Any, Any, Any], ctx: Context, address: Address) -> Filter | None:
    """The filter that the form was sent with: all values that were ticked, and the one that was typed; None without.

    raises   UserError for a filter that does not exist, at its field for a value that does not
    """
    asked = request.query_params
    if LIST in asked or not asked.get("by") or not any(name in asked for name in ("op", "value", "text")):
        return None
    texts = [text.strip() for text in (*asked.getall("value", []), asked.get("text", ""))]
    return filter_meant(ctx, address, asked["by"], asked.get("op", "is"), list(filter(None, texts)))


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    """A filter as the page shows it, with the links that change it, take it away, or take away one of its values."""

    filter: Filter
    change: str
    without: str
    less: dict[str, str]
    """By value; empty where there is only one."""


def chips(view: View, filters: Sequence[Filter]) -> list[Chip]:
    return [
        Chip(
            filter=f, change=view.link(change=written(f)), without=view.without(f),
            less={v: view.without_value(f, v) for v in f.values} if len(f.values) > 1 else {},
        )
        for f in filters
    ]  # fmt: skip
