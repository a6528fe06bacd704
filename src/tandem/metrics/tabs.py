"""A table that a page offers, as the page declares it."""

from collections.abc import Mapping

import msgspec

from tandem.core.query import Filter
from tandem.metrics.catalogue import METRICS


class Tab(msgspec.Struct, frozen=True, kw_only=True):
    """A table that a page offers; those of one group stand in one place, and the reader chooses among them."""

    id: str
    title: str
    by: str
    metrics: tuple[str, ...]
    by_lens: Mapping[str, tuple[str, ...]] = {}
    """Other columns for the lens of a reader who asks something else of the same rows."""
    group: str = ""
    drill: str = ""
    """The table that a click on a row leads to."""
    extra: tuple[Filter, ...] = ()
    """Conditions that make the table's sense: campaigns are visits with a campaign."""
    with_bots: bool = False
    then: str = ""
    """The figure that orders rows whose first figures are equal."""
    nameless: str = ""
    """What the row without a value is called, where it has a sense of its own."""
    empty: str = ""
    """What to say, or to do, where it has no row."""

    @property
    def part(self) -> str:
        """The figure whose share says how large a part a row is: the first that adds up."""
        return next((f for f in self.metrics if METRICS[f].adds_up), self.metrics[0])

    @property
    def is_narrowed(self) -> bool:
        """Whether its rows are a part of what the page shows."""
        return bool(self.extra or self.with_bots)
