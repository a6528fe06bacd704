"""What the board adds to the house."""

from collections.abc import Callable

from tandem.base.errors import UserError
from tandem.board.routes import ROUTES
from tandem.core.context import House
from tandem.core.query import Filter
from tandem.core.slice import Slice
from tandem.metrics.address import filter_of
from tandem.metrics.catalogue import DIMENSIONS


def read_filter(text: str) -> tuple[Filter, str] | None:
    """A filter of an address and what it filters by, for pages that have no filters themselves."""
    try:
        found = filter_of(text)
    except UserError:  # pages that filter say what is wrong with it
        return None
    return found, DIMENSIONS[found.by].label


def _start(house: House) -> Callable[[], None]:
    house.offers.read_filter = read_filter
    return lambda: None


SLICE = Slice(
    name="board",
    title="Board",
    routes=ROUTES,
    start=_start,
)
