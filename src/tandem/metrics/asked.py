"""What a page was asked for: its address, who reads it, and which of its filters it can apply."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.response import Redirect

from tandem.base import clock
from tandem.base.errors import UserError
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import go_to, lens_of
from tandem.metrics.address import COMPARISONS, OPS, Address, View, address_of
from tandem.metrics.catalogue import DIMENSIONS, METRICS, VIEWS
from tandem.metrics.filter_form import chips, filter_asked, form_of
from tandem.metrics.members import understood
from tandem.metrics.metric import Ratio
from tandem.metrics.period import NAMES

MOST_SHOWN = 1_000
"""Rows that a table on a page shows at most: files hold all."""
Suits = Callable[[str], bool]
"""Whether a page can apply filters by a dimension."""


def address_asked(request: Request[Any, Any, Any], ctx: Context, caller: Caller, suits: Suits | None = None) -> Address:
    """The address of a page that this caller reads. Filters that do not suit it are kept apart, shown and carried on.

    suits    the dimensions that the page can filter by; without it every filter must be answered, as programs ask for
    raises   UserError for a part that does not fit, or a site that the caller does not see
    """
    query = {k: v for k, v in request.query_params.items() if isinstance(v, str)}
    site = site_for(ctx, caller, query.get("site"))
    filters = request.query_params.getall("f", [])
    address = address_of(query, filters, site, lens_of(request, caller), clock.now())
    address = understood(ctx, msgspec.structs.replace(address, reader=caller))
    return address if suits is None else fitting(address, suits)


def moved_to(request: Request[Any, Any, Any], ctx: Context, view: View) -> Response[Any] | None:
    """Where a form of the top bar leads (days of one's own, one more filter); None where none was sent.

    raises   UserError for a filter that does not exist, at its field for a value that does not
    """
    asked = request.query_params
    if asked.get("first") and asked.get("last"):
        link = view.link(period=f"{asked['first']}..{asked['last']}")
    elif new := filter_asked(request, ctx, view.address):
        link = view.replaced(asked.get("change", ""), new)
    else:
        return None
    return go_to(link) if request.headers.get("hx-request") else Redirect(link)


def top_of(
    request: Request[Any, Any, Any], ctx: Context, view: View, filter_by: Sequence[str], has_lens: bool = False
) -> dict[str, Any]:
    """What the top bar needs of a page that shows figures.

    filter_by   the dimensions that it offers
    has_lens    whether the page reads otherwise by another lens; a switch that changes nothing is not shown
    """
    address = view.address
    return {
        "site": address.site, "address": address, "view": view, "periods": NAMES, "filter_by": filter_by,
        "filter_form": form_of(request, ctx, view, filter_by), "chips": chips(view, address.where), "ops": OPS,
        "idle_chips": chips(view, address.unfit), "comparisons": COMPARISONS, "dimensions": DIMENSIONS,
        "names": ctx.offers.goal_names(address.site), "has_lens": has_lens,
    }  # fmt: skip


def fitting(address: Address, suits: Suits, most: int = 99) -> Address:
    """The address with those filters applied that suit, `most` of them; the others are kept apart."""
    filters = tuple(f for f in address.where if suits(f.by))[:most]
    rest = tuple(f for f in address.where if f not in filters)
    return msgspec.structs.replace(address, where=filters, unfit=(*address.unfit, *rest))


def must_fit(address: Address) -> None:
    """Raises UserError when a filter was left out: a page shows that, in a file nobody would see it."""
    for f in address.unfit:
        label = DIMENSIONS[f.by].label
        raise UserError("This export cannot be filtered by %(dimension)s.", "Remove that filter.", dimension=label)


def one_of(dimensions: Collection[str]) -> Suits:
    return lambda by: by in dimensions


def of_visits(by: str) -> bool:
    """What people's visits can be filtered by."""
    return VIEWS[DIMENSIONS[by].home].is_of_visits


def of_metric(name: str) -> Suits:
    """What a figure can be filtered by: the dimensions that it knows, and those of visits if it is of visits too."""
    metric = METRICS[name]
    if isinstance(metric, Ratio):
        top, bottom = of_metric(metric.top), of_metric(metric.bottom)
        return lambda by: top(by) and bottom(by)
    is_of_visits = VIEWS[metric.view].is_of_visits
    return lambda by: by in metric.by or (is_of_visits and of_visits(by))
