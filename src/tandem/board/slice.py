"""What the board adds to the product."""

from collections.abc import Callable

from tandem.base.errors import UserError
from tandem.base.jobs import Job
from tandem.board.jobs import look_ahead
from tandem.board.routes import ROUTES
from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.core.slice import Slice
from tandem.metrics.address import filter_of
from tandem.metrics.catalogue import DIMENSIONS

AHEAD_EVERY_S = 60.0


def read_filter(text: str) -> tuple[Filter, str] | None:
    """A filter of an address and what it filters by, for pages that have no filters themselves."""
    try:
        filter = filter_of(text)
    except UserError:  # pages that filter say what is wrong with it
        return None
    return filter, DIMENSIONS[filter.by].label


def _start(ctx: Context) -> Callable[[], None]:
    ctx.offers.read_filter = read_filter
    return lambda: None


SLICE = Slice(
    name="board",
    title="Board",
    routes=ROUTES,
    start=_start,
    jobs=lambda ctx: [Job("board", AHEAD_EVERY_S, lambda: look_ahead(ctx))],
)
