"""What a figure is made of."""

from tandem.metrics.ask import counted
from tandem.metrics.catalogue import METRICS
from tandem.metrics.metric import Counted


def parts_of(name: str) -> list[Counted]:
    """The counted or modelled figures that a figure is made of."""
    return [f for f in map(METRICS.__getitem__, counted((name,))) if isinstance(f, Counted)]


def settles_after(name: str) -> int:
    """For how many days what a figure is made of still changes; 0 where it is told at once."""
    return max((p.settles_after for p in parts_of(name)), default=0)
