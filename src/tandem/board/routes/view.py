"""What the pages of the board read of their address, and what all of them show."""

from typing import Any

from litestar import Request

from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.metrics.address import View
from tandem.metrics.asked import address_asked, fitting, of_visits
from tandem.metrics.catalogue import METRICS, needed
from tandem.metrics.metric import AnyMetric

REST_ON_MAIN = ("collect.conversions", "collect.converted_visits", "collect.conversion_rate")
FILTER_BY = (
    "channel",
    "source",
    "medium",
    "campaign",
    "term",
    "content",
    "referrer",
    "page",
    "entry",
    "exit",
    "goal",
    "action",
    "country",
    "city",
    "language",
    "device",
    "browser",
    "os",
    "loyalty",
    "host",
)
"""The dimensions that the top bar offers as filters; the address takes all."""


def view_of(request: Request[Any, Any, Any], ctx: Context, caller: Caller, keep: tuple[str, ...] = ()) -> View:
    asked = request.query_params
    chosen = {name: str(asked[name]) for name in keep if asked.get(name)}
    return View(path=request.url.path, address=fitting(address_asked(request, ctx, caller), of_visits), keep=chosen)


def readable(caller: Caller) -> list[AnyMetric]:
    """The figures that a caller may ask for: no list leads to what they may not read."""
    return [metric for name, metric in METRICS.items() if all(map(caller.may, needed((name,))))]
